/** Writes the streamed log into a backup folder: the newest segment as it grows, whole ones compressed. */
import { createReadStream, createWriteStream, statSync } from 'node:fs';
import { type FileHandle, open, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { createGzip } from 'node:zlib';
import { syncFolder } from '../atomic-file.ts';
import type { Probe } from '../probe.ts';
import type { BackupFolder } from './backup-folder.ts';
import { SEGMENT_BYTES, segmentName, segmentOf } from './log-position.ts';

export interface WalWriter {
  /** Takes bytes that follow the last ones. */
  write(position: bigint, bytes: Buffer): Promise<void>;
  /** Forces what was written to the disk; gives the place up to which it is durable. */
  sync(): Promise<bigint>;
  /** Place up to which it is durable now. */
  durable(): bigint;
  /** Waits for a segment that is being finished: the server may have been told already that it need not keep it. */
  close(): Promise<void>;
}

/** Opens a writer at the beginning of a segment. What lies there already is overwritten by the same bytes. */
export function createWalWriter(folder: string, timeline: number, startAt: bigint, probe: Probe): WalWriter {
  let at = startAt;
  let durableUpTo = startAt;
  let file: { readonly segment: bigint; readonly path: string; readonly handle: FileHandle } | undefined;
  let finishing = Promise.resolve();

  async function openSegment(segment: bigint): Promise<NonNullable<typeof file>> {
    if (file !== undefined) return file;
    const path = join(folder, `${segmentName(timeline, segment)}.partial`);
    // Not cut short: after a restart it holds bytes that are promised already.
    const handle = await open(path, 'r+').catch(() => open(path, 'w+', 0o600));
    file = { segment, path, handle };
    syncFolder(folder);
    return file;
  }

  async function write(position: bigint, bytes: Buffer): Promise<void> {
    if (position !== at) throw new Error(`the log goes on at ${position}, ${at} was expected`);
    for (let rest = bytes; rest.byteLength > 0; ) {
      const { segment, handle } = await openSegment(segmentOf(at));
      const offset = at - segment * SEGMENT_BYTES;
      const part = rest.subarray(0, Number(SEGMENT_BYTES - offset));
      await handle.write(part, 0, part.byteLength, Number(offset));
      at += BigInt(part.byteLength);
      rest = rest.subarray(part.byteLength);
      if (at % SEGMENT_BYTES === 0n) {
        finishing = finishSegment();
        await finishing;
      }
    }
  }

  async function finishSegment(): Promise<void> {
    const done = await flush();
    if (done === undefined) return;
    const { path, handle } = done;
    await handle.close();
    file = undefined;
    await compressSegment(folder, path, probe);
  }

  async function flush(): Promise<typeof file> {
    // What is written while the disk works may not be on it: only what was there before is promised.
    const [upTo, flushed] = [at, file];
    if (flushed !== undefined && upTo > durableUpTo) await flushed.handle.datasync();
    if (upTo > durableUpTo) durableUpTo = upTo;
    return flushed;
  }

  return {
    write,
    sync: async () => {
      await flush();
      return durableUpTo;
    },
    durable: () => durableUpTo,
    close: async () => {
      // Whoever writes hears of a failure; what is left then is finished by the next run.
      await finishing.catch(() => {});
      await file?.handle.close();
      file = undefined;
    },
  };
}

/**
 * Finishes a segment of which an earlier run had all bytes durable when it ended: the server, which was told so, may not
 * have it any more, and the log could not be joined to its base.
 *
 * @param upTo place from which the server keeps the log; what lies before it was confirmed as durable
 */
export async function finishWholeSegments(folder: BackupFolder, upTo: bigint, probe: Probe): Promise<void> {
  for (const { segment, path, partial } of folder.listSegments()) {
    const confirmed = (segment + 1n) * SEGMENT_BYTES <= upTo;
    if (partial && confirmed && BigInt(statSync(path).size) === SEGMENT_BYTES)
      await compressSegment(folder.wal, path, probe);
  }
}

async function compressSegment(folder: string, path: string, probe: Probe): Promise<void> {
  const target = path.replace(/\.partial$/, '.gz');
  await compress(path, `${target}.part`);
  await rename(`${target}.part`, target);
  syncFolder(folder);
  await probe('backup.segment-finished');
  await rm(path);
}

async function compress(from: string, to: string): Promise<void> {
  await pipeline(createReadStream(from), createGzip({ level: 1 }), createWriteStream(to, { mode: 0o600 }));
  const handle = await open(to, 'r');
  await handle.sync();
  await handle.close();
}
