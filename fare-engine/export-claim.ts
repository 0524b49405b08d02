/**
 * Reads what a claim's bundle needs out of the database, on one snapshot: the claim's bytes, its taps under their references, what
 * was objected, and for each decision its place in the audit log. Nothing of accounts or media is read.
 */
import { formatProof, HASH_BYTES } from '#contracts/audit-log.ts';
import { OperatorError } from '#platform/errors.ts';
import { getZone } from '#pricing/local-time.ts';
import { leafHash } from './audit/merkle.ts';
import { proveInclusion, type ReadTile } from './audit/prove.ts';
import type { BundleTap, TapProof } from './claims/bundle-text.ts';
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
  readonly taps: readonly BundleTap[];
  readonly proofs: readonly TapProof[];
  readonly claimProof: string;
  readonly checkpoint: string;
  readonly origin: string;
  readonly keys: readonly string[];
}

/** Most taps of one bundle: a carrier's month against one payer. */
export const BUNDLE_TAPS_MAX = 1_000_000;

/** @throws OperatorError CLAIM_NOT_FOUND, CLAIM_NOT_SEALED, CLAIM_TOO_LARGE */
export function exportClaim(pool: ReaderPool, ask: ClaimAsk, zone: string): Promise<ExportedClaim> {
  return onOneSnapshot(pool, async (client) => {
    const claim = await newest(client, ask);
    const head = await latestHead(client);
    const tiles = tileReader(client);
    const leaves = await leavesOf(client, claim, head);
    const own = leaves.find(({ kind }) => kind === 'claim');
    const taps = await tapsOf(client, claim.claimId, zone);
    const decisions = leaves.filter(({ kind }) => kind === 'decision');
    if (own === undefined || decisions.length < taps.length) throw notSealed();
    const path = await proveInclusion(tiles, own.index, head.size);
    const extra = Buffer.from(own.bytes, 'utf8');
    return {
      bytes: claim.bytes,
      objections: await objectionsOf(client, claim),
      taps,
      proofs: await proofsOf(decisions, tiles, head.size),
      claimProof: formatProof({ extra, index: own.index, path, note: head.note }),
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

/** Reads tiles once each: proofs of neighbours share most of them. */
function tileReader(client: Queryable): ReadTile {
  const known = new Map<string, Buffer | null>();
  return async (level, n, width) => {
    const key = `${level}/${n}`;
    if (!known.has(key)) {
      const [tile] = await rowsOf<{ hashes: Buffer }>(
        client,
        'SELECT hashes FROM fare.published_audit_tile WHERE level = $1 AND n = $2 ORDER BY octet_length(hashes) DESC LIMIT 1',
        [level, n],
      );
      known.set(key, tile?.hashes ?? null);
    }
    return known.get(key)?.subarray(0, width * HASH_BYTES) ?? null;
  };
}

interface Leaf {
  readonly kind: 'claim' | 'decision';
  readonly index: number;
  readonly bytes: string;
  readonly tapRef: string | null;
  readonly revision: number | null;
}

/** A leaf's number is its place in the order of leaves. */
function leavesOf(client: Queryable, { claimId, version }: Newest, head: Head): Promise<Leaf[]> {
  return rowsOf<Leaf>(
    client,
    `WITH numbered AS (
       SELECT (row_number() OVER (ORDER BY xact, leaf_id) - 1)::float8 AS index, kind, ref, bytes FROM fare.audit_leaf
       WHERE (xact, leaf_id) <= ($3::xid8, $4::bigint)),
     wanted AS (
       SELECT 'claim' AS kind, $1 || '#' || $2::int AS ref, NULL AS tap_ref, NULL::int AS revision
       UNION ALL
       SELECT 'decision', tap_id || '#' || revision, tap_ref, revision FROM fare.claim_tap WHERE claim_id = $1)
     SELECT kind, index, bytes, tap_ref AS "tapRef", revision FROM numbered JOIN wanted USING (kind, ref) ORDER BY index`,
    [claimId, version, head.xact, head.leafId],
  );
}

async function proofsOf(leaves: readonly Leaf[], tiles: ReadTile, size: number): Promise<TapProof[]> {
  const proofs: TapProof[] = [];
  for (const { index, bytes, tapRef, revision } of leaves) {
    const path = await proveInclusion(tiles, index, size);
    const hash = leafHash(Buffer.from(bytes, 'utf8')).toString('base64');
    const hashes = path.map((one) => one.toString('base64'));
    proofs.push({
      tapRef: tapRef as string,
      revision: revision as number,
      index,
      leafHash: hash,
      path: hashes,
    });
  }
  return proofs;
}

async function tapsOf(client: Queryable, claimId: string, zone: string): Promise<BundleTap[]> {
  const wall = getZone(zone);
  const rows = await rowsOf<Omit<BundleTap, 'hour'> & { fareAtMs: number }>(
    client,
    `SELECT c.line_id AS "lineId", c.tap_ref AS "tapRef", c.revision, c.direction, d.fare_day::text AS "fareDay",
       t.fare_at_ms::float8 AS "fareAtMs", d.claim_ride AS "claimRide", d.concession_minor::text AS "concessionMinor",
       c.units::text AS units, c.funded_units::text AS "fundedUnits", c.reason, c.corrects_claim_id AS "correctsClaimId",
       (SELECT coalesce(json_agg(DISTINCT a.rule_id ORDER BY a.rule_id), '[]') FROM fare.published_anomaly a
         WHERE a.tap_id = c.tap_id AND a.verdict <> 'dismissed') AS flags
     FROM fare.claim_tap c JOIN fare.decision d USING (tap_id, revision) JOIN fare.tap t USING (tap_id)
     WHERE c.claim_id = $1 ORDER BY c.line_id, c.tap_ref, c.revision, c.direction`,
    [claimId],
  );
  return rows.map(({ fareAtMs, ...row }) => ({
    ...row,
    hour: new Date(wall.wallMs(fareAtMs)).getUTCHours(),
  }));
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
