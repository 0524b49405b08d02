/**
 * Writes the audit log out of the database as files that anybody can verify: the latest checkpoint, every tile of hashes,
 * every bundle of entries. What it finds is written as it is, fitting or not: to judge is the verifier's work.
 */
import { encodeBundle, HASH_BYTES, TILE_WIDTH, tilePath } from '#contracts/audit-log.ts';
import { OperatorError } from '#platform/errors.ts';
import { onOneSnapshot, type Queryable, type ReaderPool, rowsOf } from './database-reader.ts';

export interface LogExport {
  readonly origin: string;
  readonly size: number;
}

/** Hears of each file, and of how many leaves are written. */
export interface LogWriter {
  begin(log: LogExport): void;
  file(path: string, bytes: Uint8Array): Promise<void>;
  progress(leaves: number): void;
}

const TILES_AT_ONCE = 64;
const LEAVES_AT_ONCE = 2560;

/**
 * Exports what the latest checkpoint covers, on one snapshot. The note comes last: a folder with a checkpoint is whole.
 * @throws OperatorError AUDIT_LOG_EMPTY
 */
export function exportLog(pool: ReaderPool, writer: LogWriter): Promise<LogExport> {
  return onOneSnapshot(pool, async (client) => {
    const head = await latestCheckpoint(client);
    writer.begin(head);
    const keys = await rowsOf<{ vkey: string }>(
      client,
      'SELECT vkey FROM fare.audit_key ORDER BY first_used_ms, vkey',
    );
    await writer.file('log-keys.txt', Buffer.from(keys.map(({ vkey }) => `${vkey}\n`).join('')));
    const ends = await writeTiles(client, writer);
    await writeEntries(client, [...ends, head.last], head.size, writer);
    await writer.file('checkpoint', Buffer.from(head.note, 'utf8'));
    return { origin: head.origin, size: head.size };
  });
}

/** Where a bundle of entries ends, in the order of leaves. */
interface LeafPosition {
  readonly xact: bigint;
  readonly leafId: bigint;
}

interface Head extends LogExport {
  readonly note: string;
  readonly last: LeafPosition;
}

async function latestCheckpoint(client: Queryable): Promise<Head> {
  const [row] = await rowsOf<{ origin: string; size: number; note: string; xact: string; leafId: string }>(
    client,
    `SELECT origin, size::float8 AS size, note, last_xact::text AS xact, last_leaf_id::text AS "leafId"
     FROM fare.audit_checkpoint ORDER BY size DESC, signed_at_ms DESC LIMIT 1`,
  );
  if (row !== undefined) return { ...row, last: position(row) };
  throw new OperatorError({
    code: 'AUDIT_LOG_EMPTY',
    happened: 'The audit log has signed no checkpoint yet.',
    kept: 'Nothing was exported.',
    todo: 'Wait some seconds after the first ride. If it stays so, the fare engine has no key for the log: see docs/OPERATIONS.md, audit log.',
  });
}

const position = (row: { xact: string; leafId: string }): LeafPosition => ({
  xact: BigInt(row.xact),
  leafId: BigInt(row.leafId),
});

/** Writes full tiles and the right edge; gives where each full bundle of entries ends. */
async function writeTiles(client: Queryable, writer: LogWriter): Promise<LeafPosition[]> {
  const ends: LeafPosition[] = [];
  await client.query(
    `DECLARE exported_tile CURSOR FOR
     SELECT level::int AS level, n::float8 AS n, hashes, last_xact::text AS xact, last_leaf_id::text AS "leafId"
     FROM fare.audit_tile ORDER BY level, n`,
  );
  for (;;) {
    const tiles = await rowsOf<{ level: number; n: number; hashes: Buffer; xact: string; leafId: string }>(
      client,
      `FETCH ${TILES_AT_ONCE} FROM exported_tile`,
    );
    if (tiles.length === 0) break;
    for (const tile of tiles) {
      if (tile.level === 0) ends.push(position(tile));
      await writer.file(tilePath({ ...tile, width: TILE_WIDTH }), tile.hashes);
    }
  }
  const [tree] = await rowsOf<{ size: number; levels: Buffer[] }>(
    client,
    'SELECT size::float8 AS size, levels FROM fare.audit_tree',
  );
  for (const [level, hashes] of (tree?.levels ?? []).entries()) {
    const width = hashes.byteLength / HASH_BYTES;
    const n = Math.floor((tree?.size ?? 0) / TILE_WIDTH ** (level + 1));
    if (width > 0) await writer.file(tilePath({ level, n, width }), hashes);
  }
  return ends;
}

/** A bundle has what lies between two ends, even where rows were added or taken away since: only it will not fit then. */
async function writeEntries(
  client: Queryable,
  ends: readonly LeafPosition[],
  size: number,
  writer: LogWriter,
): Promise<void> {
  const last = ends.at(-1) as LeafPosition;
  // A cursor takes no parameters; both are numbers.
  await client.query(
    `DECLARE exported_leaf CURSOR FOR
     SELECT l.xact::text AS xact, l.leaf_id::text AS "leafId", l.bytes FROM fare.audit_leaf AS l
     WHERE (l.xact, l.leaf_id) <= ('${last.xact}'::xid8, ${last.leafId}) ORDER BY l.xact, l.leaf_id`,
  );
  let n = 0;
  let bundle: Buffer[] = [];
  const flush = async (): Promise<void> => {
    const width = Math.min(TILE_WIDTH, size - n * TILE_WIDTH);
    if (width > 0) await writer.file(tilePath({ level: 'entries', n, width }), encodeBundle(bundle));
    n++;
    bundle = [];
    writer.progress(Math.min(size, n * TILE_WIDTH));
  };
  for (;;) {
    const leaves = await rowsOf<{ xact: string; leafId: string; bytes: string }>(
      client,
      `FETCH ${LEAVES_AT_ONCE} FROM exported_leaf`,
    );
    if (leaves.length === 0) break;
    for (const leaf of leaves) {
      while (isBehind(position(leaf), ends[n] as LeafPosition)) await flush();
      bundle.push(Buffer.from(leaf.bytes, 'utf8'));
    }
  }
  while (n < Math.ceil(size / TILE_WIDTH)) await flush();
}

function isBehind(leaf: LeafPosition, end: LeafPosition): boolean {
  return leaf.xact > end.xact || (leaf.xact === end.xact && leaf.leafId > end.leafId);
}
