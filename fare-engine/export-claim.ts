/**
 * Reads what a claim's bundle needs out of the database, on one snapshot: the claim's bytes, its taps under their references, what
 * was objected, and for each ride what the audit log says of it, and where. Nothing of accounts or media is read; taps pass
 * through, some at a time.
 */
import { formatProof, HASH_BYTES, TILE_WIDTH } from '#contracts/audit-log.ts';
import { OperatorError } from '#platform/errors.ts';
import { getZone } from '#pricing/local-time.ts';
import { blocksBetween } from './audit/many-leaves.ts';
import { proveInclusion, type ReadTile, wholeSubtree } from './audit/prove.ts';
import { type BundleTap, hourText, type ProofEnd, type TapProof } from './claims/bundle-text.ts';
import { parseConcessionEntry } from './claims/concession-leaf.ts';
import { onOneSnapshot, type Queryable, type ReaderPool, rowsOf } from './database-reader.ts';

/** Which claim: its newest version. */
export interface ClaimAsk {
  readonly period: string;
  readonly carrierId: string;
  readonly fundingId: string;
}

export interface ExportedClaim {
  readonly bytes: string;
  readonly objections: readonly object[];
  readonly taps: number;
  readonly claimProof: string;
  readonly checkpoint: string;
  readonly origin: string;
  readonly keys: readonly string[];
}

/** Where a claim's tables go while they are read: some rows at a time, and what ends the proofs. */
export interface ClaimTables {
  rows(some: readonly { readonly tap: BundleTap; readonly proof: TapProof }[]): Promise<void>;
  end(end: ProofEnd): Promise<void>;
}

/** Most taps of one bundle: a carrier's month against one payer. */
export const BUNDLE_TAPS_MAX = 10_000_000;
/** Rows that are held in memory at once. */
const ROWS_AT_ONCE = 2000;

/** @throws OperatorError CLAIM_NOT_FOUND, CLAIM_NOT_SEALED, CLAIM_TOO_LARGE */
export function exportClaim(
  pool: ReaderPool,
  ask: ClaimAsk,
  zone: string,
  tables: ClaimTables,
): Promise<ExportedClaim> {
  return onOneSnapshot(pool, async (client) => {
    const claim = await newest(client, ask);
    const head = await latestHead(client);
    const tiles = tileReader(client);
    const claimProof = await proofOfClaim(client, claim, head, tiles);
    const taps = await writeTables(client, { claim, head, tiles, zone }, tables);
    if (taps !== claim.taps) throw notSealed();
    return {
      bytes: claim.bytes,
      objections: await objectionsOf(client, claim),
      taps,
      claimProof,
      checkpoint: head.note,
      origin: head.origin,
      keys: (
        await rowsOf<{ vkey: string }>(client, 'SELECT vkey FROM fare.audit_key ORDER BY first_used_ms')
      ).map(({ vkey }) => vkey),
    };
  });
}

interface Newest {
  readonly claimId: string;
  readonly version: number;
  readonly bytes: string;
  readonly taps: number;
}

async function newest(client: Queryable, { period, carrierId, fundingId }: ClaimAsk): Promise<Newest> {
  const rows = await rowsOf<Newest>(
    client,
    `SELECT p.claim_id AS "claimId", p.version, p.claim AS bytes,
       (SELECT count(*)::float8 FROM fare.claim_tap t WHERE t.claim_id = p.claim_id) AS taps
     FROM fare.published_claim p WHERE period = $1 AND carrier_id = $2 AND funding_id = $3 ORDER BY p.claim_id`,
    [period, carrierId, fundingId],
  );
  const [found] = rows;
  if (found === undefined)
    throw new OperatorError({
      code: 'CLAIM_NOT_FOUND',
      happened: `There is no claim of ${carrierId} against ${fundingId} for ${period}.`,
      kept: 'Nothing was written.',
      todo: 'kvytok claims list shows those that are there; kvytok claims draft makes those of a settled month.',
    });
  if (found.taps <= BUNDLE_TAPS_MAX) return found;
  throw new OperatorError({
    code: 'CLAIM_TOO_LARGE',
    happened: `The claim has ${found.taps} taps; a bundle takes ${BUNDLE_TAPS_MAX}.`,
    kept: 'Nothing was written.',
    todo: 'Part the payer into several sources of money (funding.yaml), each with a claim of its own.',
  });
}

interface Head {
  readonly origin: string;
  readonly size: number;
  readonly note: string;
  readonly xact: string;
  readonly leafId: string;
}

async function latestHead(client: Queryable): Promise<Head> {
  const [head] = await rowsOf<Head>(
    client,
    `SELECT origin, size::float8 AS size, note, last_xact::text AS xact, last_leaf_id::text AS "leafId"
     FROM fare.audit_checkpoint ORDER BY size DESC, signed_at_ms DESC LIMIT 1`,
  );
  if (head === undefined) throw notSealed();
  return head;
}

function notSealed(): OperatorError {
  return new OperatorError({
    code: 'CLAIM_NOT_SEALED',
    happened: 'The audit log has not signed this claim and all its decisions yet.',
    kept: 'Nothing was written.',
    todo: 'Try again in some seconds. If it stays so, see docs/OPERATIONS.md, audit log.',
  });
}

/** Reads tiles; of each level it keeps the last, for leaves are asked for in their order. */
function tileReader(client: Queryable): ReadTile {
  const last = new Map<number, { n: number; hashes: Buffer | null }>();
  return async (level, n, width) => {
    if (last.get(level)?.n !== n) {
      const [tile] = await rowsOf<{ hashes: Buffer }>(
        client,
        'SELECT hashes FROM fare.published_audit_tile WHERE level = $1 AND n = $2 ORDER BY octet_length(hashes) DESC LIMIT 1',
        [level, n],
      );
      last.set(level, { n, hashes: tile?.hashes ?? null });
    }
    return last.get(level)?.hashes?.subarray(0, width * HASH_BYTES) ?? null;
  };
}

/** A place in the order of leaves from which leaves are counted, so that nobody counts the whole log. */
const BASE = (before: string): string => `
  SELECT (n + 1) * ${TILE_WIDTH} AS leaves, last_xact AS xact, last_leaf_id AS leaf_id FROM fare.audit_tile
  WHERE level = 0 AND (last_xact, last_leaf_id) < ${before}
  UNION ALL SELECT 0, '0'::xid8, 0 ORDER BY leaves DESC LIMIT 1`;

async function proofOfClaim(
  client: Queryable,
  { claimId, version }: Newest,
  head: Head,
  tiles: ReadTile,
): Promise<string> {
  const [own] = await rowsOf<{ index: number; bytes: string }>(
    client,
    `WITH own AS (
       SELECT xact, leaf_id, bytes FROM fare.audit_leaf WHERE kind = 'claim' AND ref = $1
         AND (xact, leaf_id) <= ($2::xid8, $3::bigint))
     SELECT bytes, (base.leaves + (SELECT count(*) FROM fare.audit_leaf l
       WHERE (l.xact, l.leaf_id) > (base.xact, base.leaf_id) AND (l.xact, l.leaf_id) < (own.xact, own.leaf_id)))::float8
       AS index
     FROM own CROSS JOIN LATERAL (${BASE('(own.xact, own.leaf_id)')}) AS base`,
    [`${claimId}#${version}`, head.xact, head.leafId],
  );
  if (own === undefined) throw notSealed();
  const path = await proveInclusion(tiles, own.index, head.size);
  return formatProof({ extra: Buffer.from(own.bytes, 'utf8'), index: own.index, path, note: head.note });
}

interface LeafRow {
  readonly index: number;
  readonly leaf: string;
  readonly lineId: string;
  readonly tapRef: string;
  readonly revision: number;
  readonly direction: number;
  readonly units: string;
  readonly fundedUnits: string;
  readonly reason: string | null;
  readonly correctsClaimId: string | null;
  readonly flags: readonly string[];
}

/** The claim's rides in the order of their leaves. A cursor takes no parameters: all of these are numbers, or names quoted. */
const RIDES = (claimId: string, head: Head): string => `
  WITH ride AS (SELECT c.*, d.xact FROM fare.claim_tap c JOIN fare.decision d USING (tap_id, revision)
                 WHERE c.claim_id = '${claimId.replaceAll("'", "''")}'),
  base AS (${BASE(`((SELECT min(xact) FROM ride), 0)`)}),
  numbered AS (
    SELECT base.leaves + row_number() OVER (ORDER BY l.xact, l.leaf_id) - 1 AS index, l.kind, l.ref, l.bytes
    FROM base JOIN fare.audit_leaf l ON (l.xact, l.leaf_id) > (base.xact, base.leaf_id)
    WHERE l.xact <= (SELECT max(xact) FROM ride) AND (l.xact, l.leaf_id) <= ('${head.xact}'::xid8, ${head.leafId})),
  flag AS (SELECT tap_id, json_agg(DISTINCT rule_id ORDER BY rule_id) AS flags FROM fare.published_anomaly
            WHERE verdict <> 'dismissed' AND tap_id IS NOT NULL GROUP BY 1)
  SELECT n.index::float8 AS index, n.bytes AS leaf, r.line_id AS "lineId", r.tap_ref AS "tapRef", r.revision, r.direction,
    r.units::text AS units, r.funded_units::text AS "fundedUnits", r.reason, r.corrects_claim_id AS "correctsClaimId",
    coalesce(f.flags, '[]') AS flags
  FROM ride r JOIN numbered n ON n.kind = 'concession' AND n.ref = r.tap_id || '#' || r.revision
    LEFT JOIN flag f ON f.tap_id = r.tap_id
  ORDER BY n.index`;

/** Writes rides and their proofs as they are read; gives how many there are. */
async function writeTables(
  client: Queryable,
  from: { claim: Newest; head: Head; tiles: ReadTile; zone: string },
  tables: ClaimTables,
): Promise<number> {
  const { claim, head, tiles, zone } = from;
  const wall = getZone(zone);
  await client.query(`DECLARE claim_ride NO SCROLL CURSOR FOR ${RIDES(claim.claimId, head)}`);
  let [edge, taps] = [0, 0];
  const between = async (until: number): Promise<string[]> => {
    const hashes: string[] = [];
    for (const { height, index } of blocksBetween(edge, until))
      hashes.push((await wholeSubtree(tiles, height, index, head.size)).toString('base64'));
    return hashes;
  };
  for (;;) {
    const rows = await rowsOf<LeafRow>(client, `FETCH ${ROWS_AT_ONCE} FROM claim_ride`);
    if (rows.length === 0) break;
    const some: { tap: BundleTap; proof: TapProof }[] = [];
    for (const row of rows) {
      const { tapRef, revision, index, leaf } = row;
      some.push({
        tap: tapOf(row, wall),
        proof: { tapRef, revision, index, leaf, before: await between(index) },
      });
      edge = index + 1;
    }
    taps += rows.length;
    await tables.rows(some);
  }
  await client.query('CLOSE claim_ride');
  await tables.end({ after: await between(head.size) });
  return taps;
}

/** A row says what its leaf says. @throws Error for a leaf that cannot be read: the database keeps only what the engine wrote */
function tapOf({ index: _, leaf, ...row }: LeafRow, wall: ReturnType<typeof getZone>): BundleTap {
  const entry = parseConcessionEntry(JSON.parse(leaf));
  if (!entry.ok) throw new Error('a stored leaf of a concession ride cannot be read');
  const { fareDay, hourMs, ride: claimRide, concession: concessionMinor } = entry.value;
  return { ...row, fareDay, hour: hourText(hourMs, wall.wallMs(hourMs)), claimRide, concessionMinor };
}

/** Objections to the claim, and those to earlier ones that it corrects. */
function objectionsOf(client: Queryable, { claimId, version }: Newest): Promise<object[]> {
  return rowsOf<object>(
    client,
    `SELECT objection_id AS "objectionId", claim_id AS "claimId", version, side, line_id AS "lineId", tap_ref AS "tapRef",
       reason, words, who, known_from_ms::float8 AS "atMs", accepted, answer, remedy,
       correction_minor::text AS "correctionMinor", answered_by AS "answeredBy", answered_at_ms::float8 AS "answeredAtMs"
     FROM fare.published_claim_objection o
     WHERE claim_id = $1 OR objection_id IN (
       SELECT objection_id FROM fare.claim_correction k WHERE k.claim_id = $1 AND k.version <= $2)
     ORDER BY known_from_ms, objection_id`,
    [claimId, version],
  );
}
