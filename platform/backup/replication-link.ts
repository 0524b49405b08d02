/**
 * PostgreSQL's replication protocol over one connection: base backups and the write-ahead log as it is written.
 * @see https://www.postgresql.org/docs/18/protocol-replication.html
 */
import pg from 'pg';
import { clientConfig } from '../postgres.ts';

/** Receives what a copy brings, in order; while a promise is open nothing more is read from the server. */
export type CopySink = (chunk: Buffer) => void | Promise<void>;

/** Rows of one command, as text. */
export type TextRow = readonly (string | null)[];

/** Bytes waiting for the sink before the socket is left unread. */
const WAITING_BYTES_MAX = 4 * 1024 * 1024;

interface WireConnection extends pg.Connection {
  sendCopyFromChunk(chunk: Buffer): void;
  endCopyFrom(): void;
}

export interface ReplicationLink {
  /** Runs a command that answers with rows; all result sets one after the other. */
  rows(command: string): Promise<TextRow[]>;
  /** Runs a command that answers with rows and one copy; resolves when the sink has taken everything. */
  copyOut(command: string, sink: CopySink): Promise<TextRow[]>;
  /** Starts a copy in both directions. `done` settles when the server or {@link CopyBoth.end} has ended it. */
  copyBoth(command: string, sink: CopySink): CopyBoth;
  /** Cuts the connection; what is running rejects. */
  close(): void;
}

export interface CopyBoth {
  send(message: Buffer): void;
  /** Says that we want no more; resolves with `done`. */
  end(): void;
  readonly done: Promise<void>;
}

/** Connects under a role that may replicate. @throws what the driver throws. */
export async function openReplicationLink(url: string, applicationName: string): Promise<ReplicationLink> {
  const config = { ...clientConfig({ url, applicationName, statementTimeoutMs: 0 }), replication: 'true' };
  const client = new pg.Client(config);
  client.on('error', () => {}); // What runs rejects with it; between commands the next one does.
  await client.connect();
  const run = (command: string, sink: CopySink): CopyCommand => {
    const query = new CopyCommand(command, sink, () => close());
    client.query(query);
    return query;
  };
  let closed = false;
  const close = (): void => {
    if (closed) return;
    closed = true;
    client.end().catch(() => {});
    // A polite goodbye may wait for ever behind a copy that nobody reads.
    (client as unknown as { connection: pg.Connection }).connection.stream.destroy();
  };
  const noCopy: CopySink = () => {
    throw new Error('a copy where rows were expected');
  };
  return {
    rows: (command) => run(command, noCopy).finished,
    copyOut: (command, sink) => run(command, sink).finished,
    copyBoth: (command, sink) => {
      const query = run(command, sink);
      const done = query.finished.then(() => {});
      done.catch(() => {}); // Whoever streams awaits it; a sender alone need not.
      return { send: (message) => query.send(message), end: () => query.end(), done };
    },
    close,
  };
}

/** One command on the wire, in the form in which the driver takes foreign queries. */
class CopyCommand implements pg.Submittable {
  readonly finished: Promise<TextRow[]>;
  private readonly text: string;
  private readonly sink: CopySink;
  private readonly abandon: () => void;
  private readonly settle: PromiseWithResolvers<TextRow[]>;
  private readonly rows: TextRow[] = [];
  private connection: WireConnection | undefined;
  private taken: Promise<void> = Promise.resolve();
  private waitingBytes = 0;
  private failed = false;

  constructor(text: string, sink: CopySink, abandon: () => void) {
    this.text = text;
    this.sink = sink;
    this.abandon = abandon;
    this.settle = Promise.withResolvers();
    this.finished = this.settle.promise;
    this.finished.catch(() => {});
  }

  submit(connection: pg.Connection): void {
    this.connection = connection as WireConnection;
    connection.query(this.text);
  }

  send(message: Buffer): void {
    this.connection?.sendCopyFromChunk(message);
  }

  end(): void {
    this.connection?.endCopyFrom();
  }

  handleRowDescription(): void {}

  handleDataRow({ fields }: { fields: TextRow }): void {
    this.rows.push(fields);
  }

  handleCopyData({ chunk }: { chunk: Buffer }): void {
    if (this.failed) return;
    this.waitingBytes += chunk.byteLength;
    if (this.waitingBytes > WAITING_BYTES_MAX) this.connection?.stream.pause();
    // A copy: the driver reads the next bytes into the same buffer.
    const own = Buffer.from(chunk);
    this.taken = this.taken.then(() => this.take(own));
  }

  private async take(chunk: Buffer): Promise<void> {
    if (this.failed) return;
    try {
      await this.sink(chunk);
    } catch (error) {
      this.failed = true;
      this.settle.reject(error);
      this.abandon();
    }
    this.waitingBytes -= chunk.byteLength;
    if (this.waitingBytes <= WAITING_BYTES_MAX / 2) this.connection?.stream.resume();
  }

  handleCommandComplete(): void {}

  handleReadyForQuery(): void {
    void this.taken.then(() => this.settle.resolve(this.rows));
  }

  handleError(error: Error): void {
    this.settle.reject(error);
  }
}
