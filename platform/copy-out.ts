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

/** Where a message ends that begins at `at`; beyond all bytes where that cannot be known yet. */
function endOf(bytes: Buffer, at: number): number {
  return at + HEADER_BYTES <= bytes.length ? at + 1 + bytes.readUInt32BE(at + 1) : Number.POSITIVE_INFINITY;
}

/** One copy on the wire, in the form in which the driver takes foreign queries: it reads the socket itself meanwhile. */
class Copying implements pg.Submittable {
  readonly finished: Promise<void>;
  private readonly statement: string;
  private readonly takeRow: TakeRow;
  private readonly settle: PromiseWithResolvers<void>;
  private wire: pg.Connection | undefined;
  private drivers: DataListener[] = [];
  /** The beginning of a message whose rest has not come, in memory that is used again: `kept` bytes of it. */
  private begun: Buffer = Buffer.alloc(1024);
  private kept = 0;
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
    let at = this.finish(chunk);
    for (let end = endOf(chunk, at); end <= chunk.length; end = endOf(chunk, at)) {
      this.message(chunk, at, end);
      at = end;
    }
    if (at < chunk.length) this.keep(chunk, at, chunk.length);
  };

  /** Takes the message that began in chunks before, as soon as it is whole; where the next one begins. */
  private finish(chunk: Buffer): number {
    let at = 0;
    while (this.kept > 0 && at < chunk.length) {
      const whole = this.kept < HEADER_BYTES ? HEADER_BYTES : endOf(this.begun, 0);
      const until = Math.min(chunk.length, at + whole - this.kept);
      this.keep(chunk, at, until);
      at = until;
      if (this.kept < HEADER_BYTES || this.kept < endOf(this.begun, 0)) continue;
      const length = this.kept;
      this.kept = 0;
      this.message(this.begun, 0, length);
    }
    return at;
  }

  private keep(chunk: Buffer, from: number, until: number): void {
    const length = this.kept + until - from;
    if (length > this.begun.length) {
      const wider = Buffer.alloc(2 * length);
      this.begun.copy(wider, 0, 0, this.kept);
      this.begun = wider;
    }
    chunk.copy(this.begun, this.kept, from, until);
    this.kept = length;
  }

  private message(bytes: Buffer, at: number, end: number): void {
    const kind = bytes[at];
    if (kind === COPY_DATA) {
      this.take(bytes, at + HEADER_BYTES, end);
      return;
    }
    // The last message: whatever the driver reads next is its own.
    if (kind === READY_FOR_QUERY) this.leave();
    // Bytes that are its own too: ours are written again.
    for (const driver of this.drivers) driver(Buffer.from(bytes.subarray(at, end)));
  }

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
