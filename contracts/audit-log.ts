/**
 * The audit log as it is published: checkpoints, tiles of hashes, bundles of entries, proofs of one entry. Anybody's
 * tools for such logs read them.
 *
 * @see https://c2sp.org/tlog-checkpoint
 * @see https://c2sp.org/tlog-tiles
 * @see https://c2sp.org/tlog-proof
 */
import { type Parsed, refuse } from './parse.ts';
import { decodeBase64 } from './signed-note.ts';

/** Hashes in a full tile, entries in a full bundle. */
export const TILE_WIDTH = 256;
export const HASH_BYTES = 32;
/** Largest entry: its length stands in two bytes. */
export const ENTRY_BYTES_MAX = 65_535;

/** State of the log: the root over its first `size` entries. */
export interface Checkpoint {
  readonly origin: string;
  readonly size: number;
  readonly root: Buffer;
}

/** The text that is signed. */
export function formatCheckpoint({ origin, size, root }: Checkpoint): string {
  return `${origin}\n${size}\n${root.toString('base64')}\n`;
}

/** Reads the text of a checkpoint; lines after the third are extensions, which say nothing here. */
export function parseCheckpoint(text: string): Parsed<Checkpoint> {
  const [origin = '', digits = '', encoded = '', ...more] = text.split('\n');
  const size = parseDecimal(digits);
  const root = decodeBase64(encoded);
  if (origin === '' || size === null || root?.byteLength !== HASH_BYTES || more.pop() !== '')
    return refuse('not a checkpoint: origin, size and root, each in a line');
  if (more.includes('')) return refuse('an empty line in a checkpoint');
  return { ok: true, value: { origin, size, root } };
}

/** A tile of hashes, or a bundle of entries; `width` is 256 except at the right edge. */
export interface TileName {
  readonly level: number | 'entries';
  readonly n: number;
  readonly width: number;
}

/** Path of a tile below the log's address: `tile/0/x001/234`, `tile/entries/067.p/12`. */
export function tilePath({ level, n, width }: TileName): string {
  const digits = String(n);
  const padded = digits.padStart(Math.ceil(digits.length / 3) * 3, '0');
  const groups = padded.match(/\d{3}/g) ?? [];
  const path = groups.map((group, i) => (i < groups.length - 1 ? `x${group}` : group)).join('/');
  return `tile/${level}/${path}${width === TILE_WIDTH ? '' : `.p/${width}`}`;
}

/** Reads a path in its one spelling; `null` for anything else. */
export function parseTilePath(path: string): TileName | null {
  const match = /^tile\/(entries|0|[1-9]\d?)\/((?:x\d{3}\/){0,4}\d{3})(?:\.p\/([1-9]\d{0,2}))?$/.exec(path);
  if (match === null) return null;
  const level: TileName['level'] = match[1] === 'entries' ? 'entries' : Number(match[1]);
  const n = Number((match[2] as string).replaceAll(/[x/]/g, ''));
  const width = match[3] === undefined ? TILE_WIDTH : Number(match[3]);
  if ((level !== 'entries' && level > 63) || !Number.isSafeInteger(n)) return null;
  const name = { level, n, width };
  return tilePath(name) === path ? name : null;
}

/** How wide tile `n` of a level is in a log of this size; 0 = it does not exist. */
export function tileWidth(size: number, level: number, n: number): number {
  const hashes = Math.floor(size / TILE_WIDTH ** level);
  return Math.max(0, Math.min(TILE_WIDTH, hashes - n * TILE_WIDTH));
}

/** Every tile of hashes that a log of this size has, level by level. */
export function* tilesOf(size: number): Generator<{ level: number; n: number; width: number }> {
  for (let level = 0; TILE_WIDTH ** level <= size; level++) {
    for (let n = 0; ; n++) {
      const width = tileWidth(size, level, n);
      if (width === 0) break;
      yield { level, n, width };
    }
  }
}

/** A bundle: each entry after its length in two bytes. @throws RangeError for an entry that is too long */
export function encodeBundle(entries: readonly Uint8Array[]): Buffer {
  const parts: Uint8Array[] = [];
  for (const entry of entries) {
    if (entry.byteLength > ENTRY_BYTES_MAX) throw new RangeError(`an entry of ${entry.byteLength} bytes`);
    const length = Buffer.alloc(2);
    length.writeUInt16BE(entry.byteLength);
    parts.push(length, entry);
  }
  return Buffer.concat(parts);
}

/** The entries of a bundle; what a torn one still holds, with `whole` false. */
export function decodeBundle(bytes: Buffer): {
  readonly entries: readonly Buffer[];
  readonly whole: boolean;
} {
  const entries: Buffer[] = [];
  let at = 0;
  while (at < bytes.byteLength && entries.length <= TILE_WIDTH) {
    if (at + 2 > bytes.byteLength) return { entries, whole: false };
    const end = at + 2 + bytes.readUInt16BE(at);
    if (end > bytes.byteLength) return { entries, whole: false };
    entries.push(bytes.subarray(at + 2, end));
    at = end;
  }
  return { entries, whole: at === bytes.byteLength };
}

/** An entry's proof that somebody can check alone: index, path, and the signed checkpoint. */
export interface LogProof {
  /** The entry itself travels as extra data; it is proven by its hash only. Empty = the proof came without. */
  readonly extra: Buffer;
  readonly index: number;
  readonly path: readonly Buffer[];
  /** The note as the log published it. */
  readonly note: string;
}

const PROOF_HEAD = 'c2sp.org/tlog-proof@v1';
/** No tree is higher. */
const PATH_MAX = 63;

export function formatProof({ extra, index, path, note }: LogProof): string {
  const carried = extra.byteLength > 0 ? [`extra ${extra.toString('base64')}`] : [];
  const lines = [PROOF_HEAD, ...carried, `index ${index}`];
  return `${[...lines, ...path.map((hash) => hash.toString('base64'))].join('\n')}\n\n${note}`;
}

export function parseProof(text: string): Parsed<LogProof> {
  const cut = text.indexOf('\n\n');
  const [head, ...lines] = text.slice(0, Math.max(cut, 0)).split('\n');
  if (head !== PROOF_HEAD) return refuse(`not a proof: the first line is not ${PROOF_HEAD}`);
  const carried = lines[0]?.startsWith('extra ') ? lines.shift() : undefined;
  const extra = carried === undefined ? Buffer.alloc(0) : decodeBase64(carried.slice(6));
  const [indexLine = '', ...rest] = lines;
  const index = indexLine.startsWith('index ') ? parseDecimal(indexLine.slice(6)) : null;
  if (extra === null || index === null) return refuse('the lines extra and index are not as they should be');
  const path = rest.map(decodeBase64);
  if (path.length > PATH_MAX || path.some((hash) => hash?.byteLength !== HASH_BYTES))
    return refuse('a line that is not a hash');
  return { ok: true, value: { extra, index, path: path as Buffer[], note: text.slice(cut + 2) } };
}

function parseDecimal(digits: string): number | null {
  const value = Number(digits);
  return /^(0|[1-9]\d{0,15})$/.test(digits) && Number.isSafeInteger(value) ? value : null;
}
