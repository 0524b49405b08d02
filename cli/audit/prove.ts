/** `kvytok audit prove`: takes one entry out of an exported log, with the proof that it is there. */
import { resolve } from 'node:path';
import { decodeBundle, formatProof, TILE_WIDTH, tileWidth } from '#contracts/audit-log.ts';
import { writeFileAtomic } from '#platform/atomic-file.ts';
import { OperatorError } from '#platform/errors.ts';
import { proveInclusion } from '../../fare-engine/audit/prove.ts';
import { kindOf } from '../../fare-engine/audit/verify-log.ts';
import { type CommandIo, EXIT, UsageError } from '../command.ts';
import { folderSource, type LogSource } from './log-source.ts';
import { exportedKeys, mustOpen, readKeys } from './note-keys.ts';
import { progressBar } from './progress-bar.ts';

export interface ProveValues {
  readonly export?: string | undefined;
  readonly tap?: string | undefined;
  readonly leaf?: string | undefined;
  readonly out?: string | undefined;
  readonly key?: string[] | undefined;
}

export async function runProve(values: ProveValues, io: CommandIo): Promise<number> {
  const { tap, leaf } = values;
  if (values.export === undefined || values.out === undefined)
    throw new UsageError('--export DIR and --out FILE are needed');
  if ((tap === undefined) === (leaf === undefined))
    throw new UsageError('--tap TAP or --leaf N is needed, one of them');
  if (leaf !== undefined && !/^\d{1,15}$/.test(leaf))
    throw new UsageError('--leaf takes the number of a leaf');
  const dir = resolve(io.cwd, values.export);
  const source = folderSource(dir);
  const keys = values.key === undefined ? exportedKeys(dir, io) : readKeys(values.key, 'log', io);
  const note = await source.checkpoint();
  const { size } = mustOpen(dir, note, keys);
  const found =
    tap === undefined ? await entryAt(source, Number(leaf), size) : await latestOfTap(source, tap, size, io);
  if (found === null)
    throw notThere(tap === undefined ? `leaf ${leaf}` : `a decision of the tap ${tap}`, dir);
  const path = await proveInclusion((level, n, width) => source.tile({ level, n, width }), found.index, size);
  const out = resolve(io.cwd, values.out);
  writeFileAtomic(out, formatProof({ extra: found.entry, index: found.index, path, note }), { mode: 0o600 });
  io.stdout.write(`${JSON.stringify({ out, index: found.index, size, kind: kindOf(found.entry) })}\n`);
  return EXIT.ok;
}

interface Found {
  readonly index: number;
  readonly entry: Buffer;
}

async function entryAt(source: LogSource, index: number, size: number): Promise<Found | null> {
  if (index >= size) return null;
  const n = Math.floor(index / TILE_WIDTH);
  const entries = await bundle(source, n, size);
  const entry = entries[index % TILE_WIDTH];
  return entry === undefined ? null : { index, entry };
}

/** The last decision about a tap stands: earlier ones were superseded. */
async function latestOfTap(
  source: LogSource,
  tapId: string,
  size: number,
  io: CommandIo,
): Promise<Found | null> {
  const bar = progressBar(io.stderr, 'looking', size);
  const quoted = Buffer.from(`"tapId":${JSON.stringify(tapId)}`, 'utf8');
  let latest: Found | null = null;
  for (let n = 0; n * TILE_WIDTH < size; n++) {
    bar.show(n * TILE_WIDTH);
    for (const [i, entry] of (await bundle(source, n, size)).entries())
      if (entry.includes(quoted) && isDecisionOf(entry, tapId)) latest = { index: n * TILE_WIDTH + i, entry };
  }
  bar.end();
  return latest;
}

function isDecisionOf(entry: Buffer, tapId: string): boolean {
  const said = JSON.parse(entry.toString('utf8')) as { kind?: unknown; tapId?: unknown };
  return said.kind === 'decision' && said.tapId === tapId;
}

async function bundle(source: LogSource, n: number, size: number): Promise<readonly Buffer[]> {
  const bytes = await source.tile({ level: 'entries', n, width: tileWidth(size, 0, n) });
  return bytes === null ? [] : decodeBundle(bytes).entries;
}

function notThere(what: string, dir: string): OperatorError {
  return new OperatorError({
    code: 'AUDIT_LEAF_UNKNOWN',
    happened: `There is no ${what} in the log of ${dir}.`,
    kept: 'No proof was written.',
    todo: 'A decision is in the log some seconds after it was made: make a newer export. If it is still not there, verify the export.',
  });
}
