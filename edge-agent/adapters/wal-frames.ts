/**
 * Whether a write-ahead log is whole: SQLite itself takes what comes before the first broken frame and says nothing of
 * the rest.
 * @see https://www.sqlite.org/fileformat2.html#the_write_ahead_log
 */
import { closeSync, existsSync, fstatSync, openSync, readSync } from 'node:fs';

const HEADER_BYTES = 32;
const FRAME_HEADER_BYTES = 24;
const MAGIC = 0x377f0682;
/** A frame whose count is further back was not left by an earlier use: it is damaged. */
const USES_AGO_MAX = 100_000;

type Sums = readonly [number, number];

/**
 * True when each frame has its checksum, up to the end or to frames that an earlier use of the file left behind. True
 * also without a log.
 */
export function isWalWhole(path: string): boolean {
  if (!existsSync(path)) return true;
  const fd = openSync(path, 'r');
  try {
    const size = fstatSync(fd).size;
    if (size === 0) return true;
    const header = Buffer.alloc(HEADER_BYTES);
    if (readSync(fd, header, 0, HEADER_BYTES, 0) < HEADER_BYTES) return false;
    const bigEndian = (header.readUInt32BE(0) & 1) === 1;
    if ((header.readUInt32BE(0) & ~1) >>> 0 !== MAGIC) return false;
    const sums = addSums([0, 0], header.subarray(0, 24), bigEndian);
    return sumsAt(header, 24, sums) && framesAreWhole(fd, size, header, sums, bigEndian);
  } finally {
    closeSync(fd);
  }
}

function framesAreWhole(fd: number, size: number, header: Buffer, start: Sums, bigEndian: boolean): boolean {
  const pageBytes = header.readUInt32BE(8);
  if (pageBytes < 512 || pageBytes > 65_536) return false;
  const frame = Buffer.alloc(FRAME_HEADER_BYTES + pageBytes);
  let sums = start;
  let left = false;
  for (let at = HEADER_BYTES; at < size; at += frame.length) {
    if (readSync(fd, frame, 0, frame.length, at) < frame.length) return false;
    const salts = [8, 12].map((place) => frame.readUInt32BE(place) === header.readUInt32BE(place + 8));
    // One salt is counted up at each use of the file, the other is drawn anew.
    const usesAgo = (header.readUInt32BE(16) - frame.readUInt32BE(8)) >>> 0;
    if (usesAgo >= 1 && usesAgo <= USES_AGO_MAX && !salts[1]) {
      left = true;
      continue;
    }
    sums = addSums(
      addSums(sums, frame.subarray(0, 8), bigEndian),
      frame.subarray(FRAME_HEADER_BYTES),
      bigEndian,
    );
    if (left || !salts[0] || !salts[1] || !sumsAt(frame, 16, sums)) return false;
  }
  return true;
}

function addSums([first, second]: Sums, bytes: Buffer, bigEndian: boolean): Sums {
  let [a, b] = [first, second];
  for (let i = 0; i < bytes.length; i += 8) {
    a = (a + (bigEndian ? bytes.readUInt32BE(i) : bytes.readUInt32LE(i)) + b) >>> 0;
    b = (b + (bigEndian ? bytes.readUInt32BE(i + 4) : bytes.readUInt32LE(i + 4)) + a) >>> 0;
  }
  return [a, b];
}

function sumsAt(bytes: Buffer, at: number, [a, b]: Sums): boolean {
  return bytes.readUInt32BE(at) === a && bytes.readUInt32BE(at + 4) === b;
}
