/**
 * Finds texts of records in a file whatever its structure: a record is one run of bytes that begins with a known text
 * and ends with its last brace. A row has its hash and signature right before it. What is larger than a page (above
 * about 3.9 kB; a tap has 0.7) lies in pieces and is not found this way.
 */
import { closeSync, existsSync, fstatSync, openSync, readSync } from 'node:fs';
import { RECORD_BYTES_MAX } from '#contracts/record.ts';

const BEGINNING = Buffer.from('{"v":1,"kind":');
const SIGNATURE_CHARS = 86;
const CHUNK_BYTES = 1024 * 1024;
const READ_AGAIN_BYTES = 4096;

/** A place at which a record begins. Without `bytes` no end was found. `sig` is what stands before it, unchecked. */
export interface FoundText {
  readonly bytes?: Buffer;
  readonly sig: string;
}

/** Every text in a file, in the order of the file. Holds about a megabyte at a time; what cannot be read is passed by. */
export function* recordTexts(path: string): Generator<FoundText> {
  if (!existsSync(path)) return;
  const fd = openSync(path, 'r');
  try {
    const buffer = Buffer.alloc(SIGNATURE_CHARS + CHUNK_BYTES + RECORD_BYTES_MAX);
    const size = fstatSync(fd).size;
    for (let at = 0; at < size; at += CHUNK_BYTES) {
      // Before the chunk: a signature. Behind it: the rest of a record that begins in it.
      const before = Math.min(at, SIGNATURE_CHARS);
      const count = readWhatCanBe(
        fd,
        buffer,
        at - before,
        Math.min(before + CHUNK_BYTES + RECORD_BYTES_MAX, size - at + before),
      );
      yield* textsIn(buffer.subarray(0, count), before, before + CHUNK_BYTES);
    }
  } finally {
    closeSync(fd);
  }
}

/** Reads a stretch; sectors that give an error read as zeros. */
function readWhatCanBe(fd: number, into: Buffer, position: number, length: number): number {
  try {
    return readSync(fd, into, 0, length, position);
  } catch {
    let count = 0;
    for (let at = 0; at < length; at += READ_AGAIN_BYTES) {
      const part = Math.min(READ_AGAIN_BYTES, length - at);
      try {
        const got = readSync(fd, into, at, part, position + at);
        count = at + got;
        if (got < part) return count;
      } catch {
        into.fill(0, at, at + part);
        count = at + part;
      }
    }
    return count;
  }
}

function* textsIn(buffer: Buffer, from: number, to: number): Generator<FoundText> {
  for (let at = buffer.indexOf(BEGINNING, from); at >= 0 && at < to; at = buffer.indexOf(BEGINNING, at + 1)) {
    const sig = buffer.toString('latin1', Math.max(0, at - SIGNATURE_CHARS), at);
    const end = endOf(buffer, at);
    yield end === undefined ? { sig } : { bytes: Buffer.from(buffer.subarray(at, end)), sig };
  }
}

/** Where the text that begins with a brace closes it; undefined when it does not within the bounds of a record. */
function endOf(buffer: Buffer, start: number): number | undefined {
  const limit = Math.min(buffer.length, start + RECORD_BYTES_MAX);
  let depth = 0;
  let inString = false;
  for (let at = start; at < limit; at++) {
    const byte = buffer[at];
    if (inString) {
      if (byte === 0x5c) at++;
      else if (byte === 0x22) inString = false;
    } else if (byte === 0x22) inString = true;
    else if (byte === 0x7b) depth++;
    else if (byte === 0x7d && --depth === 0) return at + 1;
  }
  return undefined;
}
