/** Lines in and lines out, bounded: a command that streams never holds more than one line and one chunk. */
import { isUtf8 } from 'node:buffer';
import type { Readable } from 'node:stream';

/** One line of input, or why it has none: it was too long (its text is thrown away), or is no UTF-8. */
export type InputLine =
  | { readonly ok: true; readonly text: string }
  | { readonly ok: false; readonly why: 'too-long' | 'not-utf8'; readonly bytes: number };

/**
 * Splits a stream into lines of at most `bytesMax` bytes; `\r\n` counts as a line's end too, and a byte order mark before
 * the first one is passed over.
 */
export async function* readLines(stream: NodeJS.ReadableStream, bytesMax: number): AsyncGenerator<InputLine> {
  let parts: Buffer[] = [];
  let bytes = 0;
  const take = (piece: Buffer) => {
    bytes += piece.byteLength;
    if (bytes <= bytesMax) parts.push(piece);
    else parts = [];
  };
  let first = true;
  const end = (): InputLine => {
    const whole = Buffer.concat(parts);
    let line: InputLine;
    if (bytes > bytesMax) line = { ok: false, why: 'too-long', bytes };
    else if (!isUtf8(whole)) line = { ok: false, why: 'not-utf8', bytes };
    else line = { ok: true, text: whole.toString('utf8').replace(/\r$/, '') };
    if (first && line.ok) line = { ok: true, text: line.text.replace(/^\ufeff/, '') };
    first = false;
    parts = [];
    bytes = 0;
    return line;
  };
  for await (const chunk of stream as Readable) {
    let rest = Buffer.isBuffer(chunk) ? chunk : Buffer.from(String(chunk), 'utf8');
    for (let at = rest.indexOf(0x0a); at !== -1; at = rest.indexOf(0x0a)) {
      take(rest.subarray(0, at));
      yield end();
      rest = rest.subarray(at + 1);
    }
    if (rest.byteLength > 0) take(rest);
  }
  if (bytes > 0) yield end();
}

/** Makes a writer of lines that waits when the reader is slow, and stops quietly when it has gone (`| head`). */
export function lineWriter(stream: NodeJS.WritableStream): { write(text: string): Promise<boolean> } {
  let gone = false;
  stream.on('error', () => {
    gone = true;
  });
  stream.on('close', () => {
    gone = true;
  });
  return {
    async write(text) {
      if (gone) return false;
      if (!stream.write(`${text}\n`)) {
        await new Promise<void>((resolve) => {
          const go = () => {
            for (const event of ['drain', 'close', 'error']) stream.off(event, go);
            resolve();
          };
          for (const event of ['drain', 'close', 'error']) stream.on(event, go);
        });
      }
      return !gone;
    },
  };
}
