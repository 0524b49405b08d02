/**
 * A snapshot of the deny list as one file that is written once and never changed: a head, a table with one line for
 * each block, then blocks of at most 1000 sorted entries of fixed width. The table stays in memory (72 bytes for each
 * thousand entries); a lookup reads one block, checks its CRC and searches in it, so damage is never taken for content.
 */
import { closeSync, openSync, readSync } from 'node:fs';
import { crc32 } from 'node:zlib';
import { DENY_CHUNKS_MAX, DENY_ENTRIES_MAX, type DenyEntry } from '#contracts/deny-list.ts';
import { systemCode } from '#platform/errors.ts';
import { ENTRY_BYTES, KEY_BYTES, keyOfToken, readEntry } from '../deny-key.ts';

const MAGIC = Buffer.from('KVDENY1\n', 'latin1');
export const HEAD_BYTES = 72;
export const LINE_BYTES = 72;
export const BLOCK_BYTES = DENY_ENTRIES_MAX * ENTRY_BYTES;

/** Which snapshot a file holds, or is to hold. */
export interface SnapshotName {
  readonly generation: number;
  readonly n: number;
  readonly chunks: number;
  /** As the manifest says it. */
  readonly sha256: string;
}

/** What the table says of a block. */
export interface BlockLine {
  readonly count: number;
  readonly crc: number;
  /** SHA-256 of the chunk's payload, hex. */
  readonly payloadSha256: string;
}

/** A block does not have the checksum that was written beside it. */
export class DamagedBlock extends Error {
  override name = 'DamagedBlock';
}

/** Where a block's bytes begin. */
export function blockAt(chunks: number, block: number): number {
  return HEAD_BYTES + chunks * LINE_BYTES + block * BLOCK_BYTES;
}

/** The head's bytes: magic, generation, n, chunks, entries, the manifest's hash, CRC of all that. */
export function encodeHead(name: SnapshotName, entries: number): Buffer {
  const head = Buffer.alloc(HEAD_BYTES);
  MAGIC.copy(head);
  head.writeDoubleLE(name.generation, 8);
  head.writeDoubleLE(name.n, 16);
  head.writeUInt32LE(name.chunks, 24);
  head.writeUInt32LE(entries, 28);
  head.write(name.sha256, 32, 32, 'hex');
  head.writeUInt32LE(crc32(head.subarray(0, 64)), 64);
  return head;
}

/** Reads a head; null when it is not one or is damaged. */
export function decodeHead(head: Buffer): { name: SnapshotName; entries: number } | null {
  if (head.length < HEAD_BYTES || !head.subarray(0, 8).equals(MAGIC)) return null;
  if (head.readUInt32LE(64) !== crc32(head.subarray(0, 64))) return null;
  const name = {
    generation: head.readDoubleLE(8),
    n: head.readDoubleLE(16),
    chunks: head.readUInt32LE(24),
    sha256: head.toString('hex', 32, 64),
  };
  return name.chunks > DENY_CHUNKS_MAX ? null : { name, entries: head.readUInt32LE(28) };
}

/** One line of the table: count, CRC of the block, hash of the payload, first key, CRC of the line. */
export function encodeLine(line: BlockLine, firstKey: Uint8Array): Buffer {
  const bytes = Buffer.alloc(LINE_BYTES);
  bytes.writeUInt32LE(line.count, 0);
  bytes.writeUInt32LE(line.crc, 4);
  bytes.write(line.payloadSha256, 8, 32, 'hex');
  bytes.set(firstKey, 40);
  bytes.writeUInt32LE(crc32(bytes.subarray(0, LINE_BYTES - 4)), LINE_BYTES - 4);
  return bytes;
}

/** Reads a line; null when nothing was written there or it is damaged. */
export function decodeLine(table: Buffer, block: number): BlockLine | null {
  const bytes = table.subarray(block * LINE_BYTES, (block + 1) * LINE_BYTES);
  if (bytes.length < LINE_BYTES || bytes.readUInt32LE(LINE_BYTES - 4) !== crc32(bytes.subarray(0, 68)))
    return null;
  const count = bytes.readUInt32LE(0);
  if (count < 1 || count > DENY_ENTRIES_MAX) return null;
  return { count, crc: bytes.readUInt32LE(4), payloadSha256: bytes.toString('hex', 8, 40) };
}

/** A snapshot that is open for lookups. */
export class DenySnapshot {
  readonly name: SnapshotName;
  readonly entries: number;
  private readonly fd: number;
  private readonly table: Buffer;
  private readonly block = Buffer.allocUnsafe(BLOCK_BYTES);

  private constructor(fd: number, name: SnapshotName, entries: number, table: Buffer) {
    this.fd = fd;
    this.name = name;
    this.entries = entries;
    this.table = table;
  }

  /** Opens a file: null when there is none, `damaged` when head or table are not whole. */
  static open(path: string): DenySnapshot | 'damaged' | null {
    let fd: number;
    try {
      fd = openSync(path, 'r');
    } catch (error) {
      if (systemCode(error) === 'ENOENT') return null;
      throw error;
    }
    const head = decodeHead(readAt(fd, 0, HEAD_BYTES));
    const table = head && readAt(fd, HEAD_BYTES, head.name.chunks * LINE_BYTES);
    if (head && table && tableIsWhole(table, head.name.chunks, head.entries)) {
      return new DenySnapshot(fd, head.name, head.entries, table);
    }
    closeSync(fd);
    return 'damaged';
  }

  /** @throws DamagedBlock when the block where the token belongs is damaged. */
  find(tokenId: string): DenyEntry | null {
    const key = keyOfToken(tokenId);
    const block = lastNotAbove(key, this.name.chunks, this.table, LINE_BYTES, 40);
    if (block < 0) return null;
    const count = this.load(block);
    const place = lastNotAbove(key, count, this.block, ENTRY_BYTES, 0);
    if (place < 0) return null;
    const at = place * ENTRY_BYTES;
    return key.compare(this.block, at, at + KEY_BYTES) === 0 ? readEntry(tokenId, this.block, at) : null;
  }

  /** Reads one block and checks it. @throws DamagedBlock */
  verify(block: number): void {
    this.load(block);
  }

  private load(block: number): number {
    const { count, crc } = decodeLine(this.table, block) as BlockLine;
    const bytes = this.block.subarray(0, count * ENTRY_BYTES);
    const read = readSync(this.fd, bytes, 0, bytes.length, blockAt(this.name.chunks, block));
    if (read !== bytes.length || crc32(bytes) !== crc) throw new DamagedBlock(`block ${block}`);
    return count;
  }

  close(): void {
    closeSync(this.fd);
  }
}

function readAt(fd: number, at: number, length: number): Buffer {
  const bytes = Buffer.alloc(length);
  return bytes.subarray(0, readSync(fd, bytes, 0, length, at));
}

function tableIsWhole(table: Buffer, chunks: number, entries: number): boolean {
  let sum = 0;
  for (let block = 0; block < chunks; block++) {
    const line = decodeLine(table, block);
    if (line === null) return false;
    sum += line.count;
  }
  return sum === entries;
}

/** Index of the last of `count` ascending keys that is not above the wanted one; −1 when all are. */
function lastNotAbove(key: Buffer, count: number, rows: Buffer, width: number, keyAt: number): number {
  let low = 0;
  let high = count;
  while (low < high) {
    const middle = (low + high) >>> 1;
    const at = middle * width + keyAt;
    if (key.compare(rows, at, at + KEY_BYTES) < 0) high = middle;
    else low = middle + 1;
  }
  return low - 1;
}
