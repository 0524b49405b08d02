/**
 * Rows into a table by COPY: in one message and one answer, without what a multi-row INSERT costs the server in parsing
 * and in planning (docs/decisions/0138). A copy knows no ON CONFLICT: it is for rows that are known to be new.
 * @see https://www.postgresql.org/docs/18/protocol-flow.html#PROTOCOL-COPY
 */
import type pg from 'pg';

/** A column's value; `undefined` is NULL as well. Bytes as `\x` and hex, lists as PostgreSQL writes them. */
export type CopyValue = string | number | bigint | boolean | null | undefined;

interface WireConnection extends pg.Connection {
  endCopyFrom(): void;
}

/**
 * Copies items, one row each; without any it asks the server nothing. Each row is made when its text is: a thousand rows of forty
 * values that live until all of them are there cost more to collect than to write.
 * @param target table and columns as they stand in the statement, e.g. `fare.tap (tap_id, epoch)`: never from outside.
 * @throws what the server says of a row; the transaction is lost then, as after any failed statement.
 */
export async function copyRows<T>(
  client: pg.ClientBase,
  target: string,
  items: readonly T[],
  rowOf: (item: T) => readonly CopyValue[],
): Promise<void> {
  if (items.length === 0) return;
  const copy = new CopyIn(`COPY ${target} FROM STDIN`, copyText(items, rowOf));
  client.query(copy);
  await copy.finished;
}

/** Rows in COPY's text format. */
export function copyText<T>(items: readonly T[], rowOf: (item: T) => readonly CopyValue[]): string {
  let text = '';
  for (const item of items) {
    let parted = '';
    for (const value of rowOf(item)) {
      text += parted + fieldText(value);
      parted = '\t';
    }
    text += '\n';
  }
  return text;
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

/** The message that carries the rows; made here, since the driver would copy them once more. */
function copyData(text: string): Buffer {
  const bytes = Buffer.byteLength(text);
  const message = Buffer.allocUnsafe(5 + bytes);
  message.writeUInt8(COPY_DATA, 0);
  message.writeUInt32BE(4 + bytes, 1);
  message.write(text, 5);
  return message;
}

/** One copy on the wire, in the form in which the driver takes foreign queries. */
class CopyIn implements pg.Submittable {
  readonly finished: Promise<void>;
  private readonly statement: string;
  private readonly text: string;
  private readonly settle: PromiseWithResolvers<void>;

  constructor(statement: string, text: string) {
    this.statement = statement;
    this.text = text;
    this.settle = Promise.withResolvers();
    this.finished = this.settle.promise;
  }

  /** Statement and rows go out together: a server that refuses the statement drops what follows it. */
  submit(connection: pg.Connection): void {
    const wire = connection as WireConnection;
    wire.stream.cork();
    wire.query(this.statement);
    wire.stream.write(copyData(this.text));
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
