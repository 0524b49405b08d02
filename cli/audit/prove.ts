/** `kvytok audit prove`: takes one entry out of an exported log, with the proof that it is there. */
import { resolve } from 'node:path';
import { decodeBundle, formatProof, TILE_WIDTH, tileWidth } from '#contracts/audit-log.ts';
import { decodeJson } from '#contracts/parse.ts';
import { writeFileAtomic } from '#platform/atomic-file.ts';
import { OperatorError } from '#platform/errors.ts';
import { leafHash, provesInclusion } from '../../fare-engine/audit/merkle.ts';
import { proveInclusion, TileMissing } from '../../fare-engine/audit/prove.ts';
import { kindOf } from '../../fare-engine/audit/verify-log.ts';
import { type CommandIo, EXIT, UsageError } from '../command.ts';
import { folderSource, type LogSource } from './log-source.ts';
import { exportedKeys, mustOpen, readKeys } from './note-keys.ts';
import { progressBar } from './progress-bar.ts';

export interface ProveValues {
  readonly export?: string | undefined;
  readonly tap?: string | undefined;
  readonly leaf?: string | undefined;
  readonly entitlement?: string | undefined;
  readonly pass?: string | undefined;
  readonly out?: string | undefined;
  readonly key?: string[] | undefined;
}

export async function runProve(values: ProveValues, io: CommandIo): Promise<number> {
  const { tap, leaf, entitlement, pass } = values;
  if (values.export === undefined || values.out === undefined)
    throw new UsageError('--export DIR and --out FILE are needed');
  if ([tap, leaf, entitlement, pass].filter((one) => one !== undefined).length !== 1)
    throw new UsageError('--tap TAP, --entitlement ID, --pass ID or --leaf N is needed, one of them');
  if (leaf !== undefined && !/^\d{1,15}$/.test(leaf))
    throw new UsageError('--leaf takes the number of a leaf');
  const dir = resolve(io.cwd, values.export);
  const source = folderSource(dir);
  const keys = values.key === undefined ? exportedKeys(dir, io) : readKeys(values.key, 'log', io);
  const note = await source.checkpoint();
  const { size, root } = mustOpen(dir, note, keys);
  const wish = wishOf(values);
  const found =
    wish === undefined
      ? await entryAt(source, Number(leaf), size)
      : await latestNaming(source, wish, size, io);
  if (found === null) throw notThere(wish?.words ?? `leaf ${leaf}`, dir);
  const path = await pathOf(found, { size, root }, source);
  const out = resolve(io.cwd, values.out);
  writeFileAtomic(out, formatProof({ extra: found.entry, index: found.index, path, note }), { mode: 0o600 });
  io.stdout.write(`${JSON.stringify({ out, index: found.index, size, kind: kindOf(found.entry) })}\n`);
  return EXIT.ok;
}

/** The way from the entry to the signed root. @throws OperatorError AUDIT_PROOF_IMPOSSIBLE where the export holds none */
async function pathOf(
  { index, entry }: Found,
  tree: { readonly size: number; readonly root: Buffer },
  source: LogSource,
): Promise<Buffer[]> {
  let path: Buffer[] = [];
  let why = 'its bytes and the hashes of the export do not give the root that was signed';
  try {
    path = await proveInclusion((level, n, width) => source.tile({ level, n, width }), index, tree.size);
    if (provesInclusion(leafHash(entry), { index, ...tree }, path)) return path;
  } catch (error) {
    if (!(error instanceof TileMissing)) throw error;
    why = `${error.message} is missing or too short`;
  }
  throw new OperatorError({
    code: 'AUDIT_PROOF_IMPOSSIBLE',
    happened: `Leaf ${index} of ${source.name} cannot be proven: ${why}.`,
    kept: 'No proof was written.',
    todo: 'Verify the export (kvytok audit verify): it names the first leaf that does not fit. Then make another.',
  });
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

/** What an entry must name to be the one that is asked for. */
interface Wish {
  readonly field: 'tapId' | 'entitlementId' | 'passId';
  readonly id: string;
  /** Kind of such entries; `null` = the commands that speak of it, an import among them. */
  readonly kind: 'decision' | null;
  readonly words: string;
}

function wishOf({ tap, entitlement, pass }: ProveValues): Wish | undefined {
  if (tap !== undefined)
    return { field: 'tapId', id: tap, kind: 'decision', words: `decision of the tap ${tap}` };
  if (entitlement !== undefined)
    return { field: 'entitlementId', id: entitlement, kind: null, words: `entitlement ${entitlement}` };
  if (pass !== undefined) return { field: 'passId', id: pass, kind: null, words: `pass ${pass}` };
  return undefined;
}

/** The last entry that speaks of it stands: earlier decisions were superseded, a right may have been revoked. */
async function latestNaming(
  source: LogSource,
  wish: Wish,
  size: number,
  io: CommandIo,
): Promise<Found | null> {
  const bar = progressBar(io.stderr, 'looking', size);
  const quoted = Buffer.from(`${JSON.stringify(wish.field)}:${JSON.stringify(wish.id)}`, 'utf8');
  let latest: Found | null = null;
  for (let n = 0; n * TILE_WIDTH < size; n++) {
    bar.show(n * TILE_WIDTH);
    for (const [i, entry] of (await bundle(source, n, size)).entries())
      if (entry.includes(quoted) && isWished(entry, wish)) latest = { index: n * TILE_WIDTH + i, entry };
  }
  bar.end();
  return latest;
}

/**
 * Names an id where it says what it speaks of, and not in words that somebody wrote. An export that was tampered with may
 * hold anything: what cannot be read names nothing.
 */
function isWished(entry: Buffer, { field, id, kind }: Wish): boolean {
  const read = decodeJson(entry, entry.byteLength);
  const said = read.ok ? read.value : null;
  if (kind !== null) return fieldOf(said, 'kind') === kind && fieldOf(said, field) === id;
  const inputs = fieldOf(said, 'inputs');
  const facts = fieldOf(inputs, 'facts');
  return [inputs, ...(Array.isArray(facts) ? facts : [])].some((fact) => fieldOf(fact, field) === id);
}

function fieldOf(something: unknown, name: string): unknown {
  return (something as { readonly [name: string]: unknown } | null | undefined)?.[name];
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
    todo: 'What was decided is in the log some seconds later: make a newer export. If it is still not there, verify the export.',
  });
}
