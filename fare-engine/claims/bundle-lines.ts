/** A bundle's large tables, read line by line: memory follows a line, whatever their length. */
import { createHash } from 'node:crypto';
import { Misfit } from './misfit.ts';

/** Bytes of a file of the bundle; `null` where it is not there. */
export type ReadBundle = (name: string) => AsyncIterable<Uint8Array> | null;

/** Longest line that is read: far beyond any row or proof. */
export const LINE_BYTES_MAX = 2 ** 18;

/** Lines that end with a line feed, as all in a bundle do. @throws Misfit CLAIM_BUNDLE_TAPS for one that is too long, or has no end */
export async function* bundleLines(bytes: AsyncIterable<Uint8Array>): AsyncGenerator<string> {
  let rest = Buffer.alloc(0);
  for await (const chunk of bytes) {
    rest = rest.byteLength === 0 ? Buffer.from(chunk) : Buffer.concat([rest, chunk]);
    let from = 0;
    for (let at = rest.indexOf(10); at !== -1; at = rest.indexOf(10, from)) {
      yield rest.toString('utf8', from, at);
      from = at + 1;
    }
    rest = rest.subarray(from);
    if (rest.byteLength > LINE_BYTES_MAX)
      throw new Misfit('CLAIM_BUNDLE_TAPS', `a line is longer than ${LINE_BYTES_MAX} bytes`);
  }
  if (rest.byteLength > 0) throw new Misfit('CLAIM_BUNDLE_TAPS', 'the last line of a table has no end');
}

/** SHA-256, hex. */
export async function hashOf(bytes: AsyncIterable<Uint8Array>): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of bytes) hash.update(chunk);
  return hash.digest('hex');
}

/** A whole file that has to be small; `null` = it is larger. */
export async function wholeOf(bytes: AsyncIterable<Uint8Array>, bytesMax: number): Promise<Buffer | null> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of bytes) {
    size += chunk.byteLength;
    if (size > bytesMax) return null;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}
