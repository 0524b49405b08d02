/**
 * Checks a whole log from its first entry to its signed root, with nothing but its files: every entry against the tile
 * of hashes, every tile against the one above it, every older checkpoint on the way. Stops at the first leaf that does not
 * fit. Pure; memory does not grow with the log.
 */
import {
  type Checkpoint,
  decodeBundle,
  HASH_BYTES,
  TILE_WIDTH,
  type TileName,
  tileWidth,
} from '#contracts/audit-log.ts';
import { leafHash } from './merkle.ts';
import { EMPTY_EDGE, growEdge, rootOfEdge, type TreeEdge } from './tree-edge.ts';

/** Reads a tile or a bundle; `null` where it is not there. */
export type ReadLog = (name: TileName) => Promise<Buffer | null>;

/** What may not fit in a log. */
export const LOG_FAULTS = {
  AUDIT_LEAF_DIFFERS: 'the bytes of a leaf do not give the hash that the tree holds',
  AUDIT_LEAF_MISSING: 'a leaf is not there, or its bundle of entries ends before it',
  AUDIT_LEAF_TOO_MANY: 'there is more in a bundle than leaves of the tree',
  AUDIT_TILE_DIFFERS: 'a tile is not there, or leaves do not give the hash that stands above them',
  AUDIT_ROOT_DIFFERS:
    'the leaves do not give the root that was signed, at the end or at an earlier checkpoint',
} as const;
export type LogFaultCode = keyof typeof LOG_FAULTS;

/** The first thing that does not fit. */
export interface LogFault {
  readonly code: LogFaultCode;
  /** First leaf that does not fit; of a fault above the leaves the first of those that it concerns. */
  readonly index: number;
  /** One behind the last leaf that may be the cause. */
  readonly until: number;
  /** What the entry says it is; `null` where it cannot be told. */
  readonly kind: string | null;
  readonly detail: string;
}

export type LogVerdict =
  | { readonly ok: true; readonly kinds: ReadonlyMap<string, number> }
  | { readonly ok: false; readonly fault: LogFault };

export interface LogWatch {
  /** Hears how many leaves are done; answers whether to go on. */
  onProgress(leaves: number): boolean;
}

/** Somebody stopped it: nothing was found out. */
export class VerificationStopped extends Error {}

/**
 * @param head what the log claims, its signature checked already
 * @param older earlier claims that must lie on the way, in any order
 * @throws VerificationStopped
 */
export async function verifyLog(
  read: ReadLog,
  head: Checkpoint,
  older: readonly Checkpoint[],
  watch: LogWatch,
): Promise<LogVerdict> {
  const milestones = [...older].sort((a, b) => a.size - b.size);
  const kinds = new Map<string, number>();
  let edge: TreeEdge = EMPTY_EDGE;
  let held = 0;
  for (let n = 0; edge.size < head.size; n++) {
    if (!watch.onProgress(edge.size)) throw new VerificationStopped();
    const bundle = await readBundle(read, n, tileWidth(head.size, 0, n), kinds);
    if ('fault' in bundle) return { ok: false, fault: bundle.fault };
    const before = edge;
    const grown = growEdge(before, bundle.hashes);
    edge = grown.edge;
    for (; (milestones[0]?.size ?? Number.POSITIVE_INFINITY) <= edge.size; milestones.shift()) {
      const milestone = milestones[0] as Checkpoint;
      const at = growEdge(before, bundle.hashes.slice(0, milestone.size - before.size)).edge;
      if (!rootOfEdge(at).equals(milestone.root)) return rootFault(milestone, held);
      held = milestone.size;
    }
    for (const tile of grown.full) {
      const fault = tile.level === 0 ? null : await tileFault(read, { ...tile, width: TILE_WIDTH });
      if (fault) return { ok: false, fault };
    }
  }
  watch.onProgress(edge.size);
  for (const [level, hashes] of edge.levels.entries()) {
    const width = hashes.byteLength / HASH_BYTES;
    const n = Math.floor(edge.size / TILE_WIDTH ** (level + 1));
    const fault = level === 0 || width === 0 ? null : await tileFault(read, { level, n, width, hashes });
    if (fault) return { ok: false, fault };
  }
  return rootOfEdge(edge).equals(head.root) ? { ok: true, kinds } : rootFault(head, held);
}

type Bundle = { readonly hashes: Buffer[] } | { readonly fault: LogFault };

async function readBundle(
  read: ReadLog,
  n: number,
  width: number,
  kinds: Map<string, number>,
): Promise<Bundle> {
  const first = n * TILE_WIDTH;
  const fault = (code: LogFaultCode, index: number, kind: string | null, detail: string): Bundle => ({
    fault: { code, index, until: index + 1, kind, detail },
  });
  const bytes = await read({ level: 'entries', n, width });
  if (bytes === null) return fault('AUDIT_LEAF_MISSING', first, null, 'its bundle of entries is not there');
  const tile = await read({ level: 0, n, width });
  if (tile === null) return fault('AUDIT_TILE_DIFFERS', first, null, 'its tile of hashes is not there');
  const { entries, whole } = decodeBundle(bytes);
  const hashes: Buffer[] = [];
  for (let i = 0; i < width; i++) {
    const entry = entries[i];
    if (entry === undefined)
      return fault('AUDIT_LEAF_MISSING', first + i, null, `its bundle ends after ${i} of ${width} entries`);
    const kind = kindOf(entry);
    const hash = leafHash(entry);
    if (!hash.equals(tile.subarray(i * HASH_BYTES, (i + 1) * HASH_BYTES)))
      return fault(
        'AUDIT_LEAF_DIFFERS',
        first + i,
        kind,
        'its bytes do not give the hash that the tree holds',
      );
    kinds.set(kind, (kinds.get(kind) ?? 0) + 1);
    hashes.push(hash);
  }
  if (entries.length > width || !whole || tile.byteLength !== width * HASH_BYTES)
    return fault(
      'AUDIT_LEAF_TOO_MANY',
      first + width,
      null,
      'there is more behind the last leaf of its bundle',
    );
  return { hashes };
}

/** Compares a tile with what the leaves below it give. */
async function tileFault(
  read: ReadLog,
  tile: { level: number; n: number; width: number; hashes: Buffer },
): Promise<LogFault | null> {
  const { level, n, width, hashes } = tile;
  const stored = await read({ level, n, width });
  if (stored?.equals(hashes)) return null;
  const span = TILE_WIDTH ** level;
  const at = Array.from({ length: width }, (_, i) => i * HASH_BYTES).find(
    (from) =>
      stored?.subarray(from, from + HASH_BYTES).equals(hashes.subarray(from, from + HASH_BYTES)) !== true,
  );
  const index = (n * TILE_WIDTH + (at ?? 0) / HASH_BYTES) * span;
  const detail =
    stored === null ? 'the tile is not there' : 'the leaves do not give the hash that stands above them';
  return {
    code: 'AUDIT_TILE_DIFFERS',
    index,
    until: index + span,
    kind: null,
    detail: `tile ${n} of level ${level}: ${detail}`,
  };
}

function rootFault({ origin, size, root }: Checkpoint, held: number): LogVerdict {
  const detail = `the first ${size} leaves do not give the root ${root.toString('base64')} that ${origin} signed for them`;
  return {
    ok: false,
    fault: { code: 'AUDIT_ROOT_DIFFERS', index: held, until: size, kind: null, detail },
  };
}

/** What an entry says it is. */
export function kindOf(entry: Buffer): string {
  try {
    const { kind, type } = JSON.parse(entry.toString('utf8')) as { kind?: unknown; type?: unknown };
    if (typeof kind === 'string') return kind;
    // Sealed statements (contracts/signed-envelope.ts) name themselves by type.
    return typeof type === 'string' ? type : 'unknown';
  } catch {
    return 'unknown';
  }
}
