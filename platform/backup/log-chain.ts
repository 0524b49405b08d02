/** Whether the stored log reaches without a hole from a base to where it ends. */
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { createGunzip } from 'node:zlib';
import { OperatorError } from '../errors.ts';
import type { BackupFolder, Base, StoredSegment } from './backup-folder.ts';
import { baseSpan } from './base-backup.ts';
import { SEGMENT_BYTES, segmentName, segmentOf, type TimelineStep } from './log-position.ts';

/** Segments that follow on a base, in order. */
export interface LogChain {
  readonly segments: readonly StoredSegment[];
  /** The first segment that is not there as a whole. */
  readonly nextSegment: bigint;
}

/**
 * Segments from a base on, as a server that follows `timeline` reads them: from each ancestor up to where it ended,
 * then from the timeline itself. The first hole ends the chain.
 */
export function chainFrom(folder: BackupFolder, base: Base, timeline: number): LogChain {
  const byName = new Map(folder.listSegments().map((s) => [segmentName(s.timeline, s.segment), s]));
  const history = folder.history(timeline);
  const segments: StoredSegment[] = [];
  for (let next = segmentOf(baseSpan(base).start); ; next++) {
    const found = timelinesAt(history, timeline, next)
      .map((candidate) => byName.get(segmentName(candidate, next)))
      .find((segment) => segment !== undefined);
    if (found === undefined) {
      // What came with the base itself need not be here.
      if (next <= segmentOf(baseSpan(base).end - 1n) && segments.length === 0) continue;
      return { segments, nextSegment: next };
    }
    segments.push(found);
    if (found.partial) return { segments, nextSegment: next };
  }
}

/** Timelines that may hold a segment, the youngest first, as PostgreSQL looks for it. */
function timelinesAt(history: readonly TimelineStep[], timeline: number, segment: bigint): number[] {
  const alive = history.filter((step) => step.endsAt > segment * SEGMENT_BYTES);
  const begins = history.at(-1)?.endsAt ?? 0n;
  const own = segmentOf(begins) <= segment ? [timeline] : [];
  return [...own, ...alive.map((step) => step.timeline).reverse()];
}

/** Reads a stored segment; its compressed form carries a sum. @throws OperatorError BACKUP_DAMAGED */
export async function* readSegment(stored: StoredSegment): AsyncGenerator<Buffer> {
  const name = segmentName(stored.timeline, stored.segment);
  let bytes = 0n;
  try {
    const source = createReadStream(stored.path);
    const stream = stored.partial ? source : source.pipe(createGunzip());
    source.on('error', (error) => stream.destroy(error));
    for await (const chunk of stream) {
      bytes += BigInt((chunk as Buffer).byteLength);
      yield chunk as Buffer;
    }
  } catch (error) {
    throw damagedSegment(name, (error as Error).message);
  }
  if (stored.partial ? bytes > SEGMENT_BYTES : bytes !== SEGMENT_BYTES)
    throw damagedSegment(name, `it has ${bytes} bytes`);
}

/** Reads all segments of a chain and gives the bytes they take in the folder. */
export async function checkChain(
  chain: LogChain,
  onSegment: (done: number, all: number) => void,
): Promise<{ readonly bytes: number }> {
  let bytes = 0;
  for (const [index, stored] of chain.segments.entries()) {
    for await (const _ of readSegment(stored));
    bytes += (await stat(stored.path)).size;
    onSegment(index + 1, chain.segments.length);
  }
  return { bytes };
}

function damagedSegment(name: string, problem: string): OperatorError {
  return new OperatorError({
    code: 'BACKUP_DAMAGED',
    happened: `The segment ${name} of the write-ahead log is damaged: ${problem}.`,
    kept: 'It was left as it is; nothing was changed.',
    todo: 'A restore stops before it; devices offer again what came later. kvytok backup verify looks at all of the folder.',
  });
}
