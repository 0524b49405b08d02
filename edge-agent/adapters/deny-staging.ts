/**
 * The file of a snapshot while its chunks come in, in any order: each chunk has its own place, so none waits for
 * another and nothing is sorted or moved afterwards. A device that dies on the way goes on with what is whole.
 */
import { type FileHandle, open, rm } from 'node:fs/promises';
import { crc32 } from 'node:zlib';
import { DENY_ENTRIES_MAX, type DenyEntry, snapshotSha256 } from '#contracts/deny-list.ts';
import { ENTRY_BYTES, KEY_BYTES, writeEntry } from '../deny-key.ts';
import {
  BLOCK_BYTES,
  blockAt,
  decodeHead,
  decodeLine,
  encodeHead,
  encodeLine,
  HEAD_BYTES,
  LINE_BYTES,
  type SnapshotName,
} from './deny-snapshot.ts';

interface Block {
  readonly count: number;
  readonly payloadSha256: string;
  readonly firstKey: Buffer;
  readonly lastKey: Buffer;
}

export class DenyStaging {
  readonly name: SnapshotName;
  private readonly path: string;
  private readonly file: FileHandle;
  private readonly blocks: (Block | undefined)[];
  private held = 0;

  private constructor(path: string, name: SnapshotName, file: FileHandle) {
    this.path = path;
    this.name = name;
    this.file = file;
    this.blocks = new Array<Block | undefined>(name.chunks);
  }

  /** Begins the file, or goes on with the one that is there if it is of the same snapshot. */
  static async open(path: string, name: SnapshotName, rest: () => Promise<void>): Promise<DenyStaging> {
    const old = await reopen(path, name);
    if (old !== null) {
      const staging = new DenyStaging(path, name, old);
      await staging.recall(rest);
      return staging;
    }
    const file = await open(path, 'w+', 0o600);
    await file.write(encodeHead(name, 0), 0, HEAD_BYTES, 0);
    await file.truncate(blockAt(name.chunks, 0));
    return new DenyStaging(path, name, file);
  }

  /** Numbers of chunks that are not held yet, at most so many. */
  missing(max: number): number[] {
    const numbers: number[] = [];
    for (let block = 0; block < this.name.chunks && numbers.length < max; block++)
      if (this.blocks[block] === undefined) numbers.push(block);
    return numbers;
  }

  /** Chunks that are held. */
  count(): number {
    return this.held;
  }

  /** Writes a chunk to its place. False: its entries do not ascend, or it is short without being the last. */
  async put(chunk: number, entries: readonly DenyEntry[], payloadSha256: string): Promise<boolean> {
    const last = chunk === this.name.chunks - 1;
    if (entries.length === 0 || (!last && entries.length !== DENY_ENTRIES_MAX)) return false;
    if (this.blocks[chunk] !== undefined) return true;
    const bytes = Buffer.allocUnsafe(entries.length * ENTRY_BYTES);
    for (const [index, entry] of entries.entries()) writeEntry(entry, bytes, index * ENTRY_BYTES);
    if (!ascends(bytes)) return false;
    const block = blockOf(bytes, payloadSha256);
    await this.file.write(bytes, 0, bytes.length, blockAt(this.name.chunks, chunk));
    // The line goes after its block: a line that is there and fits says that the block was written.
    const line = encodeLine({ count: block.count, crc: crc32(bytes), payloadSha256 }, block.firstKey);
    await this.file.write(line, 0, LINE_BYTES, HEAD_BYTES + chunk * LINE_BYTES);
    this.blocks[chunk] = block;
    this.held++;
    return true;
  }

  /**
   * All chunks are there: checks hash and order, writes the head, brings everything to the disk and closes the file.
   * False: the chunks are not what the manifest says.
   */
  async finish(): Promise<boolean> {
    const blocks = this.blocks as Block[];
    if (snapshotSha256(blocks.map((block) => block.payloadSha256)) !== this.name.sha256) return false;
    const ordered = blocks.every((block, at) => {
      const before = blocks[at - 1];
      return before === undefined || before.lastKey.compare(block.firstKey) < 0;
    });
    if (!ordered) return false;
    const entries = blocks.reduce((sum, block) => sum + block.count, 0);
    await this.file.write(encodeHead(this.name, entries), 0, HEAD_BYTES, 0);
    await this.file.sync();
    await this.file.close();
    return true;
  }

  async close(): Promise<void> {
    await this.file.close();
  }

  async discard(): Promise<void> {
    await this.file.close();
    await rm(this.path, { force: true });
  }

  /** Takes over the blocks of an earlier run whose checksums hold. */
  private async recall(rest: () => Promise<void>): Promise<void> {
    const { chunks } = this.name;
    const table = Buffer.alloc(chunks * LINE_BYTES);
    await this.file.read(table, 0, table.length, HEAD_BYTES);
    const bytes = Buffer.alloc(BLOCK_BYTES);
    for (let chunk = 0; chunk < chunks; chunk++) {
      const line = decodeLine(table, chunk);
      if (line === null) continue;
      const length = line.count * ENTRY_BYTES;
      const { bytesRead } = await this.file.read(bytes, 0, length, blockAt(chunks, chunk));
      const block = bytes.subarray(0, length);
      if (bytesRead === length && crc32(block) === line.crc) {
        this.blocks[chunk] = blockOf(block, line.payloadSha256);
        this.held++;
      }
      await rest();
    }
  }
}

async function reopen(path: string, name: SnapshotName): Promise<FileHandle | null> {
  const file = await open(path, 'r+').catch(() => null);
  if (file === null) return null;
  const head = Buffer.alloc(HEAD_BYTES);
  const { bytesRead } = await file.read(head, 0, HEAD_BYTES, 0);
  const found = decodeHead(head.subarray(0, bytesRead));
  const same = found !== null && JSON.stringify(found.name) === JSON.stringify(name);
  if (same) return file;
  await file.close();
  return null;
}

function blockOf(bytes: Buffer, payloadSha256: string): Block {
  return {
    count: bytes.length / ENTRY_BYTES,
    payloadSha256,
    firstKey: Buffer.from(bytes.subarray(0, KEY_BYTES)),
    lastKey: Buffer.from(bytes.subarray(bytes.length - ENTRY_BYTES, bytes.length - ENTRY_BYTES + KEY_BYTES)),
  };
}

function ascends(bytes: Buffer): boolean {
  for (let at = ENTRY_BYTES; at < bytes.length; at += ENTRY_BYTES)
    if (bytes.compare(bytes, at, at + KEY_BYTES, at - ENTRY_BYTES, at - ENTRY_BYTES + KEY_BYTES) >= 0)
      return false;
  return true;
}
