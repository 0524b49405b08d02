/** Activates tariff packages: a fact, written while no pricing transaction runs, that queues the days it may change. */
import type pg from 'pg';
import { OperatorError } from '#platform/errors.ts';
import { inTransaction } from '#platform/postgres.ts';
import { packageNames } from '#pricing/name-book.ts';
import { BOUNDARY_REACH_MS_MAX } from '#pricing/price-boundaries.ts';
import { UNCERTAINTY_MS_MAX } from '#pricing/reach.ts';
import type { TariffPackage } from '#pricing/tariff-package.ts';
import { activationLeaf, withdrawalLeaf } from '../audit-leaf.ts';
import type { FareDays } from '../facts/facts.ts';
import { calendarInstant } from '../facts/fare-at.ts';
import { judgePackages, type PackageJudge, type RefusedPackage } from '../tariff-life/judge-packages.ts';
import type { Approval } from '../tariff-life/verify-approval.ts';
import { type Activated, type ActivationPlan, planActivation } from '../tariffs/plan-activation.ts';
import { FACTS_GATE, INSERT_LEAVES, TARIFF_FACTS } from './fare-statements.ts';

const ACTIVATED = `
  SELECT a.package_hash AS "packageHash", a.version_id AS "versionId", a.known_from_ms::float8 AS "knownFromMs",
         a.valid_from_ms::float8 AS "validFromMs", a.valid_until_ms::float8 AS "validUntilMs",
         w.package_hash IS NOT NULL AS withdrawn, (SELECT min(fare_day)::text FROM fare.account_day) AS "firstDay"
  FROM fare.tariff_activation a LEFT JOIN fare.tariff_withdrawal w USING (package_hash)
  ORDER BY a.known_from_ms, a.package_hash`;
type ActivatedRow = Activated & {
  readonly validFromMs: number;
  readonly validUntilMs: number | null;
  readonly withdrawn: boolean;
  readonly firstDay: string | null;
};

/**
 * Account-days still open on which the new package may price something; to price too many does no harm. $1 the first day, $2 the
 * first of those before it whose taps reach over the border only if their clocks are hours off.
 */
const ENQUEUE_FROM = `
  WITH open AS (SELECT coalesce(max(fare_day), '-infinity') AS after FROM fare.close)
  INSERT INTO fare.account_day_queue (account_id, fare_day, reason)
  SELECT account_id, fare_day, 'tariff' FROM fare.account_day, open
   WHERE fare_day >= $1::date AND fare_day > open.after
  UNION
  SELECT d.account_id, t.fare_day, 'tariff' FROM open
   CROSS JOIN LATERAL (SELECT tap_id, fare_day FROM fare.timed_tap t
     WHERE t.fare_day >= $2::date AND t.fare_day < $1::date AND t.fare_day > open.after
       AND t.uncertainty_ms > ${UNCERTAINTY_MS_MAX} OFFSET 0) AS t
    JOIN fare.decision d ON d.tap_id = t.tap_id`;

export interface ActivationOutcome {
  readonly plan: ActivationPlan;
  /** Packages that nobody, or not the right two, have signed for. */
  readonly refused: readonly RefusedPackage[];
  /** Hashes of those taken back now. */
  readonly withdrawn: readonly string[];
  /** Facts about tariffs in the database, those of this call included. */
  readonly facts: number;
}

/**
 * Activates the packages that are new here and signed for, withdraws those that were taken back, and gives the timeline.
 * @throws OperatorError TARIFF_UNSIGNED, TARIFF_CHANGED, TARIFF_MISSING, TARIFF_OVERLAP
 */
export function activateTariffs(
  pool: pg.Pool,
  packages: readonly TariffPackage[],
  judge: PackageJudge,
  days: FareDays,
  nowMs: number,
): Promise<ActivationOutcome> {
  return inTransaction(pool, async (client) => {
    await client.query('SELECT pg_advisory_xact_lock($1)', [FACTS_GATE]);
    const { rows: activated } = await client.query<ActivatedRow>(ACTIVATED);
    const { rows: clock } = await client.query<{ after_ms: bigint }>('SELECT after_ms FROM fare.known_clock');
    // Strictly later than every close so far: the days closed until now keep the packages that they had.
    const knownFromMs = Math.max(nowMs, Number(clock[0]?.after_ms ?? 0n));
    const known = {
      activated: new Set(activated.map(({ packageHash }) => packageHash)),
      withdrawn: new Set(activated.filter((row) => row.withdrawn).map(({ packageHash }) => packageHash)),
    };
    const judged = judgePackages(packages, known, judge, nowMs);
    if (judged.allowed.every(({ tariff }) => tariff.status === 'draft')) throw unsigned(judged.refused);
    const standing = activated.filter((row) => !row.withdrawn && !judged.withdrawals.has(row.packageHash));
    const relevant = standing.filter((row) => isRelevant(row, days));
    const plan = planActivation(judged.allowed, standing, relevant, knownFromMs);
    const gone = activated.filter(({ packageHash }) => judged.withdrawals.has(packageHash));
    await insertActivations(client, plan.fresh, judged.approvals, knownFromMs);
    await insertWithdrawals(client, gone, judged.withdrawals, knownFromMs);
    if (plan.fresh.length + gone.length > 0) {
      await client.query('UPDATE fare.known_clock SET after_ms = greatest(after_ms, $1)', [knownFromMs + 1]);
      const firstMs = Math.min(...[...plan.fresh, ...gone].map((p) => p.validFromMs));
      // An uncertain clock reaches over the border: taps just before it are priced at both sides.
      const firstDays = [UNCERTAINTY_MS_MAX, BOUNDARY_REACH_MS_MAX].map((reachMs) =>
        days.fareDayOf(calendarInstant(firstMs - reachMs)),
      );
      await client.query(ENQUEUE_FROM, firstDays);
    }
    const withdrawn = gone.map(({ packageHash }) => packageHash);
    return { plan, refused: judged.refused, withdrawn, facts: await tariffFacts(client) };
  });
}

/** Activations and withdrawals in the database. */
export async function tariffFacts(client: Pick<pg.PoolClient, 'query'> | pg.Pool): Promise<number> {
  const { rows } = await (client as pg.Pool).query<{ n: bigint }>(TARIFF_FACTS);
  return Number(rows[0]?.n);
}

const DAY_MS_MAX = 25 * 3_600_000;

/** A package whose period was over before the first ride in the books has priced nothing, and never will. */
function isRelevant({ validUntilMs, firstDay }: ActivatedRow, days: FareDays): boolean {
  if (validUntilMs === null) return true;
  return firstDay !== null && validUntilMs > days.endOfMs(firstDay) - DAY_MS_MAX - UNCERTAINTY_MS_MAX;
}

function unsigned(refused: readonly RefusedPackage[]): OperatorError {
  const named = refused
    .slice(0, 5)
    .map(
      ({ versionId, problems }) =>
        `${versionId} (${problems.map(({ code }) => code).join(', ') || 'no signatures'})`,
    );
  return new OperatorError({
    code: 'TARIFF_UNSIGNED',
    happened: `Two officers have signed for none of the tariff packages: ${named.join('; ')}.`,
    kept: 'No package was activated and nothing was priced; taps wait in the inbox.',
    todo: 'Let an author and an approver sign (kvytok tariff officers add, sign, activate): docs/OPERATIONS.md, “The first tariff”.',
  });
}

async function insertActivations(
  client: pg.PoolClient,
  fresh: readonly TariffPackage[],
  approvals: ReadonlyMap<string, readonly Approval[]>,
  knownFromMs: number,
): Promise<void> {
  if (fresh.length === 0) return;
  const rows = fresh.map((tariffPackage) => ({
    hash: tariffPackage.hash,
    versionId: tariffPackage.tariff.version_id,
    names: packageNames(tariffPackage),
    validFromMs: tariffPackage.validFromMs,
    validUntilMs: tariffPackage.validUntilMs,
  }));
  await client.query(
    `INSERT INTO fare.tariff_activation (package_hash, version_id, names, valid_from_ms, valid_until_ms, known_from_ms)
     SELECT hash, "versionId", names, "validFromMs", "validUntilMs", $2
     FROM json_to_recordset($1) AS r (hash text, "versionId" text, names jsonb, "validFromMs" bigint,
       "validUntilMs" bigint)`,
    [JSON.stringify(rows), knownFromMs],
  );
  await insertApprovals(
    client,
    rows.flatMap(({ hash }) => approvals.get(hash) ?? []),
    knownFromMs,
  );
  const leaves = rows.map(({ hash, versionId, validFromMs, validUntilMs }) => {
    const statements = (approvals.get(hash) ?? []).map(({ envelope }) => envelope);
    return activationLeaf({
      packageHash: hash,
      versionId,
      validFromMs,
      validUntilMs,
      knownFromMs,
      statements,
    });
  });
  await client.query(INSERT_LEAVES, [JSON.stringify(leaves)]);
}

async function insertWithdrawals(
  client: pg.PoolClient,
  gone: readonly ActivatedRow[],
  approvals: ReadonlyMap<string, readonly Approval[]>,
  knownFromMs: number,
): Promise<void> {
  if (gone.length === 0) return;
  await client.query(
    'INSERT INTO fare.tariff_withdrawal (package_hash, known_from_ms) SELECT unnest($1::text[]), $2',
    [gone.map(({ packageHash }) => packageHash), knownFromMs],
  );
  await insertApprovals(
    client,
    gone.flatMap(({ packageHash }) => approvals.get(packageHash) ?? []),
    knownFromMs,
  );
  const leaves = gone.map(({ packageHash, versionId, validFromMs }) => {
    const statements = (approvals.get(packageHash) ?? []).map(({ envelope }) => envelope);
    return withdrawalLeaf({ packageHash, versionId, validFromMs, knownFromMs, statements });
  });
  await client.query(INSERT_LEAVES, [JSON.stringify(leaves)]);
}

async function insertApprovals(
  client: pg.PoolClient,
  approvals: readonly Approval[],
  knownFromMs: number,
): Promise<void> {
  await client.query(
    `INSERT INTO fare.tariff_approval (package_hash, act, officer, role, person, signed_at_ms, reason, statement, known_from_ms)
     SELECT "packageHash", act, officer, role, person, "atMs", reason, envelope, $2
     FROM json_to_recordset($1) AS r ("packageHash" text, act text, officer text, role text, person text, "atMs" bigint,
       reason text, envelope text)
     ON CONFLICT DO NOTHING`,
    [JSON.stringify(approvals), knownFromMs],
  );
}
