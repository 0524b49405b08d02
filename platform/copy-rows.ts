/**
 * Rows into a table by COPY: with one answer for all of them, without what a multi-row INSERT costs the server in parsing
 * and in planning (docs/decisions/0138). A copy knows no ON CONFLICT: it is for rows that are known to be new.
 * @see https://www.postgresql.org/docs/18/protocol-flow.html#PROTOCOL-COPY
 */
import type pg from 'pg';

/** A column's value; `undefined` is NULL as well. Bytes as `\x` and hex, lists as PostgreSQL writes them. */
export type CopyValue = string | number | bigint | boolean | null | undefined;

interface WireConnection extends pg.Connection {
  endCopyFrom(): void;
}

/** Rows on their way into a table; made by {@link copyOf}, sent once. */
export interface RowCopy {
  readonly statement: string;
  readonly rows: CopyMessages;
}

/**
 * Makes rows, one for each item, for {@link copyEach}.
 * @param target table and columns as they stand in the statement, e.g. `fare.tap (tap_id, epoch)`: never from outside.
 */
export function copyOf<T>(
  target: string,
  items: readonly T[],
  rowOf: (item: T) => readonly CopyValue[],
): RowCopy {
  const rows = new CopyMessages();
  for (const item of items) rows.add(rowText(rowOf(item)));
  rows.finish();
  return { statement: `COPY ${target} FROM STDIN`, rows };
}

/**
 * Sends copies one after the other. Given by a generator, the rows of each are made while the server works at the one before.
 * Of a copy without rows the server is asked nothing.
 * @throws what the server says of a row; the transaction is lost then, as after any failed statement.
 */
export async function copyEach(client: pg.ClientBase, copies: Iterable<RowCopy>): Promise<void> {
  let running = Promise.resolve();
  try {
    for (const copy of copies) {
      await running;
      running = copy.rows.messages.length === 0 ? Promise.resolve() : send(client, copy);
      // Whoever makes the next rows may throw meanwhile: then nobody asks for this one's end but the `finally` below.
      running.catch(() => undefined);
    }
  } finally {
    await running;
  }
}

/** Copies items, one row each; without any it asks the server nothing. See {@link copyEach}. */
export async function copyRows<T>(
  client: pg.ClientBase,
  target: string,
  items: readonly T[],
  rowOf: (item: T) => readonly CopyValue[],
): Promise<void> {
  await copyEach(client, [copyOf(target, items, rowOf)]);
}

/**
 * Items in the order of a key, for a copy into a table with that key: keys that follow one another lie in the same page of its index, so
 * the server finds it at hand instead of looking for another one with each row.
 */
export function inOrderOf<T>(items: readonly T[], keyOf: (item: T) => string): T[] {
  return items.toSorted((a, b) => {
    const [left, right] = [keyOf(a), keyOf(b)];
    if (left === right) return 0;
    return left < right ? -1 : 1;
  });
}

async function send(client: pg.ClientBase, { statement, rows }: RowCopy): Promise<void> {
  const copy = new CopyIn(statement, rows.messages);
  client.query(copy);
  await copy.finished;
  rows.reuse();
}

/** A row in COPY's text format. */
function rowText(values: readonly CopyValue[]): string {
  let text = '';
  let parted = '';
  for (const value of values) {
    text += parted + fieldText(value);
    parted = '\t';
  }
  return `${text}\n`;
}

const SPECIAL = /[\\\t\n\r]/;
const ESCAPES: Readonly<Record<string, string>> = { '\\': '\\\\', '\t': '\\t', '\n': '\\n', '\r': '\\r' };

function fieldText(value: CopyValue): string {
  if (value === null || value === undefined) return '\\N';
  if (typeof value !== 'string') return String(value);
  return SPECIAL.test(value) ? value.replaceAll(/[\\\t\n\r]/g, (sign) => ESCAPES[sign] as string) : value;
}

/** A list of texts as PostgreSQL reads an array; as a parameter it costs half of what the driver takes for a list. */
export function arrayText(items: readonly (string | null)[]): string {
  let text = '{';
  let parted = '';
  for (const item of items) {
    text += parted;
    parted = ',';
    if (item === null) text += 'NULL';
    else if (QUOTED.test(item)) text += `"${item.replaceAll(/["\\]/g, (sign) => `\\${sign}`)}"`;
    else text += `"${item}"`;
  }
  return `${text}}`;
}

const QUOTED = /["\\]/;

const COPY_DATA = 'd'.charCodeAt(0);
const HEADER_BYTES = 5;
/** Of a usual message: they are few, and worth keeping for the next copy. */
const MESSAGE_BYTES = 256 * 1024;
/** How many messages' memory is kept, for all connections of the process. */
const KEPT_MAX = 16;
const kept: Buffer[] = [];

/**
 * Rows as messages of the wire. Each row is written as soon as it is text, into memory that is used again: one text of a thousand
 * rows would be joined, measured and written as a whole, each time in memory that the system has to find anew.
 */
class CopyMessages {
  /** Whole messages, as they go out. */
  readonly messages: Buffer[] = [];
  private readonly memory: Buffer[] = [];
  private open: Buffer = Buffer.alloc(0);
  private end = 0;

  add(row: string): void {
    // A letter has at most three bytes for each of its units.
    const bytesMax = 3 * row.length;
    if (this.open.length - this.end < bytesMax) this.begin(bytesMax);
    this.end += this.open.write(row, this.end);
  }

  finish(): void {
    if (this.end === 0) return;
    this.open.writeUInt8(COPY_DATA, 0);
    this.open.writeUInt32BE(this.end - 1, 1);
    this.messages.push(this.open.subarray(0, this.end));
    this.end = 0;
  }

  /** Only when the server has read them: before, they may still lie in the socket's queue. */
  reuse(): void {
    for (const one of this.memory) if (one.length === MESSAGE_BYTES && kept.length < KEPT_MAX) kept.push(one);
    // Given back once: two copies must never write into the same.
    this.memory.length = 0;
  }

  private begin(bytesMax: number): void {
    this.finish();
    const bytes = Math.max(HEADER_BYTES + bytesMax, MESSAGE_BYTES);
    this.open = (bytes === MESSAGE_BYTES ? kept.pop() : undefined) ?? Buffer.allocUnsafeSlow(bytes);
    this.memory.push(this.open);
    this.end = HEADER_BYTES;
  }
}

/** One copy on the wire, in the form in which the driver takes foreign queries. */
class CopyIn implements pg.Submittable {
  readonly finished: Promise<void>;
  private readonly statement: string;
  private readonly messages: readonly Buffer[];
  private readonly settle: PromiseWithResolvers<void>;

  constructor(statement: string, messages: readonly Buffer[]) {
    this.statement = statement;
    this.messages = messages;
    this.settle = Promise.withResolvers();
    this.finished = this.settle.promise;
  }

  /** Statement and rows go out together: a server that refuses the statement drops what follows it. */
  submit(connection: pg.Connection): void {
    const wire = connection as WireConnection;
    wire.stream.cork();
    wire.query(this.statement);
    for (const message of this.messages) wire.stream.write(message);
    wire.endCopyFrom();
    wire.stream.uncork();
  }

  handleCopyInResponse(): void {}

  handleCommandComplete(): void {}

  handleReadyForQuery(): void {
    this.settle.resolve();
  }

  handleError(error: Error): void {
    this.settle.reject(error);
  }
}
