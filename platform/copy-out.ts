/**
 * Rows out of a query by COPY, as the bytes that the server sends: the driver would make a message of each row and an object of
 * each message, which costs more than the row itself when there are millions.
 * @see https://www.postgresql.org/docs/18/protocol-flow.html#PROTOCOL-COPY
 */
import type pg from 'pg';

/** Takes a row in COPY's text format, its newline included: `block[from]` to `block[until]`, which are valid during the call. */
export type TakeRow = (block: Buffer, from: number, until: number) => void;

type DataListener = (chunk: Buffer) => void;

/**
 * Reads until the server has sent all.
 * @param query a SELECT, VALUES or TABLE: never from outside, for a copy takes no parameters.
 * @throws what the server says of the query, or what `takeRow` threw; the rows after that are let pass.
 */
export function copyOut(client: pg.ClientBase, query: string, takeRow: TakeRow): Promise<void> {
  const copy = new Copying(`COPY (${query}) TO STDOUT`, takeRow);
  client.query(copy);
  return copy.finished;
}

const COPY_DATA = 0x64;
const READY_FOR_QUERY = 0x5a;
const HEADER_BYTES = 5;

/** One copy on the wire, in the form in which the driver takes foreign queries: it reads the socket itself meanwhile. */
class Copying implements pg.Submittable {
  readonly finished: Promise<void>;
  private readonly statement: string;
  private readonly takeRow: TakeRow;
  private readonly settle: PromiseWithResolvers<void>;
  private wire: pg.Connection | undefined;
  private drivers: DataListener[] = [];
  private rest: Buffer = Buffer.alloc(0);
  private failed: Error | undefined;

  constructor(statement: string, takeRow: TakeRow) {
    this.statement = statement;
    this.takeRow = takeRow;
    this.settle = Promise.withResolvers();
    this.finished = this.settle.promise;
  }

  submit(connection: pg.Connection): void {
    this.wire = connection;
    this.drivers = connection.stream.listeners('data') as DataListener[];
    for (const driver of this.drivers) connection.stream.removeListener('data', driver);
    connection.stream.on('data', this.onData);
    // The simple protocol: there is nothing to bind.
    (connection as unknown as { query(text: string): void }).query(this.statement);
  }

  /** Rows are taken here; every other message is the driver's. */
  private readonly onData = (chunk: Buffer): void => {
    const bytes = this.rest.length === 0 ? chunk : Buffer.concat([this.rest, chunk]);
    let at = 0;
    while (at + HEADER_BYTES <= bytes.length) {
      const end = at + 1 + bytes.readUInt32BE(at + 1);
      if (end > bytes.length) break;
      const kind = bytes[at];
      if (kind === COPY_DATA) this.take(bytes, at + HEADER_BYTES, end);
      else {
        // The last message: whatever the driver reads next is its own.
        if (kind === READY_FOR_QUERY) this.leave();
        for (const driver of this.drivers) driver(bytes.subarray(at, end));
      }
      at = end;
    }
    this.rest = at === bytes.length ? Buffer.alloc(0) : bytes.subarray(at);
  };

  private take(bytes: Buffer, from: number, until: number): void {
    if (this.failed !== undefined) return;
    try {
      this.takeRow(bytes, from, until);
    } catch (error) {
      this.failed = error as Error;
    }
  }

  private leave(): void {
    this.wire?.stream.removeListener('data', this.onData);
    for (const driver of this.drivers) this.wire?.stream.on('data', driver);
  }

  handleCommandComplete(): void {}

  handleReadyForQuery(): void {
    if (this.failed === undefined) this.settle.resolve();
    else this.settle.reject(this.failed);
  }

  handleError(error: Error): void {
    this.settle.reject(error);
  }
}
