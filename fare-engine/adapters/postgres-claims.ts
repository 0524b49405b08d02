/** What commands about compensation claims read and write; within the transaction that holds the gate of facts alone. */
import { createHash, createHmac } from 'node:crypto';
import type pg from 'pg';
import { type CopyValue, copyRows } from '#platform/copy-rows.ts';
import type { ClaimBooks, ClaimFact, Drafting, KeptClaim, KeptObjection, Owed } from '../claim-commands.ts';
import { claimPackage } from '../claims/claim-package.ts';
import { parseClaim } from '../claims/claim-text.ts';
import { type ClaimFold, createClaimFold } from '../claims/make-claims.ts';
import type { ClaimEntry, ClaimTap, TakenMoney } from '../claims/model.ts';
import type { SubmittedCommand } from '../commands.ts';
import type { SettlementTerms } from '../settle-commands.ts';
import { instantsOf, parsePeriod, type SettlementPeriod } from '../settlement/period.ts';
import type { ActSide } from '../settlement/signature-schemes.ts';
import { type SettlementWindow, settlementBefore, windowEntries, windowOwed } from '../settlement/window.ts';

/** Commands about claims. */
export const CLAIM_KINDS = [
  'draft-claims',
  'submit-claim',
  'object-claim',
  'answer-objection',
  'agree-claim',
];
/** Entries that are held in memory at once. */
const ENTRIES_AT_ONCE = 5000;

/** The books of claims, where one of the commands asks for them; nothing is read for others. */
export async function loadClaimBooks(
  client: pg.PoolClient,
  commands: readonly SubmittedCommand[],
  terms: SettlementTerms | undefined,
): Promise<ClaimBooks | undefined> {
  const asked = commands.filter(({ kind }) => CLAIM_KINDS.includes(kind));
  if (terms === undefined || asked.length === 0) return undefined;
  const payloads = asked.map(({ payload }) => payload as Record<string, unknown> | null);
  const months = payloads.map((payload) => payload?.['period']).filter((one) => typeof one === 'string');
  const period = months[0] === undefined ? undefined : parsePeriod(months[0]);
  const named = (field: string) =>
    payloads.map((payload) => payload?.[field]).filter((one) => typeof one === 'string');
  return {
    city: terms.city.id,
    drafting: period === undefined ? null : await loadDrafting(client, period, terms),
    kept: await loadKept(client, named('claimId'), named('tapRef')),
  };
}

/** The window of a settled month: what its settlement took in, and nothing that came after. */
async function windowOf(client: pg.PoolClient, period: SettlementPeriod, { city }: SettlementTerms) {
  const { rows } = await client.query<{ xact: string }>(
    'SELECT xact::text AS xact FROM fare.settlement WHERE period = $1',
    [period.id],
  );
  const cutXact = rows[0]?.xact;
  if (cutXact === undefined) return null;
  const { untilMs } = instantsOf(period, city);
  return { period, untilMs, before: await settlementBefore(client, period.untilDay), cutXact };
}

function foldOf({ period, untilMs }: SettlementWindow, { tariffs }: SettlementTerms): ClaimFold {
  const last = tariffs.at(untilMs - 1);
  const packages = new Map<string, ReturnType<typeof claimPackage> | undefined>();
  return createClaimFold({
    period,
    currency: last?.tariff.currency ?? '',
    packageOf: (hash) => {
      if (!packages.has(hash)) {
        const tariff = tariffs.byHash(hash);
        packages.set(hash, tariff && claimPackage(tariff));
      }
      return packages.get(hash);
    },
    last: last && claimPackage(last),
  });
}

async function loadDrafting(
  client: pg.PoolClient,
  period: SettlementPeriod,
  terms: SettlementTerms,
): Promise<Drafting> {
  const { rows } = await client.query<Pick<Drafting, 'last' | 'first' | 'carried'>>(
    `SELECT (SELECT max(period) FROM fare.claim_draft) AS last, (SELECT min(period) FROM fare.settlement) AS first,
       (SELECT coalesce(json_agg(json_build_object('objectionId', a.objection_id, 'claimId', o.claim_id,
            'lineId', o.line_id, 'minor', a.correction_minor::text, 'carrierId', c.carrier_id,
            'fundingId', c.funding_id, 'currency', c.currency) ORDER BY a.objection_id), '[]')
          FROM fare.claim_answer a JOIN fare.claim_objection o USING (objection_id)
          JOIN fare.claim c ON c.claim_id = o.claim_id
         WHERE a.remedy = 'next-month' AND c.period < $1
           AND NOT EXISTS (SELECT FROM fare.claim_correction k WHERE k.objection_id = a.objection_id)) AS carried`,
    [period.id],
  );
  const state = rows[0] as (typeof rows)[number];
  const window = await windowOf(client, period, terms);
  const none = { settled: window !== null, claims: [], leftOut: [], ledger: [] };
  if (window === null || (state.last !== null && period.id <= state.last)) return { ...state, ...none };
  const fold = foldOf(window, terms);
  await eachEntry(client, window, async (entries) => {
    for (const entry of entries) fold.add(entry);
  });
  return { ...state, settled: true, ...fold.finish(), ledger: await ledgerOf(client, window) };
}

async function ledgerOf(client: pg.PoolClient, window: SettlementWindow): Promise<Owed[]> {
  const { rows } = await client.query<Omit<Owed, 'minor'> & { minor: string }>(windowOwed(window));
  return rows.map((row) => ({ ...row, minor: BigInt(row.minor) }));
}

interface EntryRow extends Omit<ClaimEntry, 'concessionMinor' | 'earlier'> {
  readonly concessionMinor: string;
  readonly earlier:
    | (Omit<TakenMoney, 'unitsPerMinor' | 'units' | 'fundedUnits'> & Record<string, string>)
    | null;
}

/** Reads the entries of a window in their order, some at a time. */
async function eachEntry(
  client: pg.PoolClient,
  window: SettlementWindow,
  work: (entries: readonly ClaimEntry[]) => Promise<void>,
): Promise<void> {
  await client.query(`DECLARE claim_entry NO SCROLL CURSOR FOR ${windowEntries(window)}`);
  for (;;) {
    const { rows } = await client.query<EntryRow>(`FETCH ${ENTRIES_AT_ONCE} FROM claim_entry`);
    if (rows.length === 0) break;
    await work(rows.map(entryOf));
  }
  await client.query('CLOSE claim_entry');
}

function entryOf({ concessionMinor, earlier, ...row }: EntryRow): ClaimEntry {
  return {
    ...row,
    concessionMinor: BigInt(concessionMinor),
    earlier: earlier && {
      ...earlier,
      unitsPerMinor: BigInt(earlier['unitsPerMinor'] as string),
      units: BigInt(earlier['units'] as string),
      fundedUnits: BigInt(earlier['fundedUnits'] as string),
    },
  };
}

async function loadKept(
  client: pg.PoolClient,
  claimIds: readonly unknown[],
  tapRefs: readonly unknown[],
): Promise<Map<string, KeptClaim>> {
  const { rows } = await client.query<{
    claimId: string;
    bytes: string;
    sha256: string;
    submitted: boolean;
    agreed: ActSide[];
    objections: (KeptObjection & { objectionId: string })[];
    taps: [string, string][];
  }>(
    `SELECT c.claim_id AS "claimId", v.bytes, encode(v.sha256, 'hex') AS sha256,
       EXISTS (SELECT FROM fare.claim_step s WHERE s.claim_id = c.claim_id AND s.step = 'submitted') AS submitted,
       (SELECT coalesce(json_agg(s.side), '[]') FROM fare.claim_step s
         WHERE s.claim_id = c.claim_id AND s.version = v.version AND s.step = 'agreed') AS agreed,
       (SELECT coalesce(json_agg(json_build_object('objectionId', o.objection_id, 'side', o.side, 'lineId', o.line_id,
            'tapRef', o.tap_ref, 'reason', o.reason, 'words', o.words,
            'answered', a.objection_id IS NOT NULL, 'minor', coalesce(a.correction_minor, 0)::text)), '[]')
          FROM fare.claim_objection o LEFT JOIN fare.claim_answer a USING (objection_id)
         WHERE o.claim_id = c.claim_id) AS objections,
       (SELECT coalesce(json_agg(json_build_array(t.tap_ref, t.line_id)), '[]') FROM fare.claim_tap t
         WHERE t.claim_id = c.claim_id AND t.tap_ref = ANY ($2::text[])) AS taps
     FROM fare.claim c JOIN LATERAL (
       SELECT * FROM fare.claim_version w WHERE w.claim_id = c.claim_id ORDER BY version DESC LIMIT 1) AS v ON true
     WHERE c.claim_id = ANY ($1::text[])`,
    [claimIds, tapRefs],
  );
  return new Map(rows.map((row) => [row.claimId, keptOf(row)]));
}

function keptOf(row: {
  bytes: string;
  sha256: string;
  submitted: boolean;
  agreed: ActSide[];
  objections: (KeptObjection & { objectionId: string })[];
  taps: [string, string][];
}): KeptClaim {
  const text = parseClaim(JSON.parse(row.bytes));
  if (!text.ok) throw new Error('a stored claim cannot be read');
  const { sha256, submitted } = row;
  const objections = new Map(row.objections.map(({ objectionId, ...rest }) => [objectionId, rest]));
  return {
    text: text.value,
    sha256,
    submitted,
    agreed: new Set(row.agreed),
    objections,
    taps: new Map(row.taps),
  };
}

const TABLES = {
  draft: [
    'claim_draft (period, draft_id, who, left_out, known_from_ms)',
    'period, "draftId", who, "leftOut"::json, "knownFromMs"',
    'period text, "draftId" uuid, who text, "leftOut" text, "knownFromMs" bigint',
  ],
  claim: [
    'claim (claim_id, period, carrier_id, funding_id, currency)',
    '"claimId", period, "carrierId", "fundingId", currency',
    '"claimId" text, period text, "carrierId" text, "fundingId" text, currency text',
  ],
  version: [
    'claim_version (claim_id, version, bytes, sha256, who, known_from_ms)',
    `"claimId", version, bytes, decode(sha256, 'hex'), who, "knownFromMs"`,
    '"claimId" text, version int, bytes text, sha256 text, who text, "knownFromMs" bigint',
  ],
  step: [
    'claim_step (step_id, claim_id, version, step, side, who, known_from_ms)',
    '"stepId", "claimId", version, step, side, who, "knownFromMs"',
    '"stepId" uuid, "claimId" text, version int, step text, side text, who text, "knownFromMs" bigint',
  ],
  objection: [
    'claim_objection (objection_id, claim_id, version, side, line_id, tap_ref, reason, words, who, known_from_ms)',
    '"objectionId", "claimId", version, side, "lineId", "tapRef", reason, words, who, "knownFromMs"',
    `"objectionId" uuid, "claimId" text, version int, side text, "lineId" text, "tapRef" text, reason text, words text,
     who text, "knownFromMs" bigint`,
  ],
  answer: [
    'claim_answer (objection_id, accepted, words, remedy, correction_minor, who, known_from_ms)',
    '"objectionId", accepted, words, remedy, "correctionMinor", who, "knownFromMs"',
    `"objectionId" uuid, accepted boolean, words text, remedy text, "correctionMinor" bigint, who text,
     "knownFromMs" bigint`,
  ],
  correction: [
    'claim_correction (objection_id, claim_id, version)',
    '"objectionId", "claimId", version',
    '"objectionId" uuid, "claimId" text, version int',
  ],
  signature: [
    'claim_signature (fact_id, claim_id, version, act, side, signer_id, qualified, statement, signature, known_from_ms)',
    '"factId", "claimId", version, act, side, "signerId", qualified, statement, signature, "knownFromMs"',
    `"factId" uuid, "claimId" text, version int, act text, side text, "signerId" uuid, qualified boolean, statement text,
     signature text, "knownFromMs" bigint`,
  ],
} as const;

/** Writes facts about claims; of a drafted month its taps too. */
export async function writeClaims(
  client: pg.PoolClient,
  facts: readonly ClaimFact[],
  terms: SettlementTerms | undefined,
): Promise<void> {
  for (const [sort, [into, values, columns]] of Object.entries(TABLES)) {
    const rows = facts.filter((fact) => fact.sort === sort).map(({ row }) => row);
    if (rows.length === 0) continue;
    const text = `INSERT INTO fare.${into} SELECT ${values} FROM json_to_recordset($1) AS r (${columns})`;
    await client.query(text, [JSON.stringify(rows)]);
  }
  for (const fact of facts)
    if (fact.sort === 'draft' && terms !== undefined)
      await writeTaps(client, fact.period, (fact.row as { draftId: string }).draftId, terms);
}

/** The same fold once more, this time keeping each tap: so memory follows what is held at once, not the month. */
async function writeTaps(
  client: pg.PoolClient,
  month: string,
  draftId: string,
  terms: SettlementTerms,
): Promise<void> {
  const window = await windowOf(client, parsePeriod(month) as SettlementPeriod, terms);
  if (window === null) throw new Error(`${month} is not settled`);
  const fold = foldOf(window, terms);
  const key = tapKeyOf(draftId);
  await eachEntry(client, window, async (entries) => {
    const taps = entries.flatMap((entry) => fold.add(entry) ?? []);
    await copyRows(client, TAP_COLUMNS, taps, (tap) => tapRow(tap, key));
  });
}

const TAP_COLUMNS =
  'fare.claim_tap (tap_id, revision, direction, claim_id, line_id, tap_ref, corrects_claim_id, compensation_id, package_hash, units_per_minor, units, funded_units, reason)';

function tapRow(tap: ClaimTap, key: Buffer): CopyValue[] {
  const { entry, claimId, lineId, compensationId, packageHash, unitsPerMinor, units, fundedUnits, reason } =
    tap;
  return [
    ...[entry.tapId, entry.revision, entry.sign, claimId, lineId, tapRefOf(entry.tapId, key)],
    ...[
      entry.earlier?.claimId ?? null,
      compensationId,
      packageHash,
      unitsPerMinor,
      units,
      fundedUnits,
      reason,
    ],
  ];
}

/** Of a draft: how taps are called in a claim tells no device and no place in a journal, and is another name in every month. */
function tapKeyOf(draftId: string): Buffer {
  return createHash('sha256').update(`kvytok claim taps v1\n${draftId}`).digest();
}

function tapRefOf(tapId: string, key: Buffer): string {
  return createHmac('sha256', key).update(tapId).digest('hex').slice(0, 32);
}
