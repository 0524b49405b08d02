/** Activates tariff packages: a fact, written while no pricing transaction runs, that queues the days it may change. */
import type pg from 'pg';
import { inTransaction } from '#platform/postgres.ts';
import { packageNames } from '#pricing/name-book.ts';
import { UNCERTAINTY_MS_MAX } from '#pricing/reach.ts';
import type { TariffPackage } from '#pricing/tariff-package.ts';
import { activationLeaf } from '../audit-leaf.ts';
import type { FareDays } from '../facts/facts.ts';
import { calendarInstant } from '../facts/fare-at.ts';
import { type Activated, type ActivationPlan, planActivation } from '../tariffs/plan-activation.ts';
import { FACTS_GATE, INSERT_LEAVES } from './fare-statements.ts';

const ACTIVATED = `
  SELECT package_hash AS "packageHash", version_id AS "versionId", known_from_ms::float8 AS "knownFromMs",
         valid_until_ms::float8 AS "validUntilMs", (SELECT min(fare_day)::text FROM fare.account_day) AS "firstDay"
  FROM fare.tariff_activation ORDER BY known_from_ms, package_hash`;
type ActivatedRow = Activated & { readonly validUntilMs: number | null; readonly firstDay: string | null };

/** Account-days still open on which the new package may price something; to price too many does no harm. */
const ENQUEUE_FROM = `
  INSERT INTO fare.account_day_queue (account_id, fare_day, reason)
  SELECT account_id, fare_day, 'tariff' FROM fare.account_day
  WHERE fare_day >= $1::date AND fare_day > coalesce((SELECT max(fare_day) FROM fare.close), '-infinity')`;

/**
 * Activates the packages that are new here and gives the timeline with every activation.
 * @throws OperatorError TARIFF_CHANGED, TARIFF_MISSING, TARIFF_OVERLAP
 */
export function activateTariffs(
  pool: pg.Pool,
  packages: readonly TariffPackage[],
  days: FareDays,
  nowMs: number,
): Promise<ActivationPlan> {
  return inTransaction(pool, async (client) => {
    await client.query('SELECT pg_advisory_xact_lock($1)', [FACTS_GATE]);
    const { rows: activated } = await client.query<ActivatedRow>(ACTIVATED);
    const { rows: clock } = await client.query<{ after_ms: bigint }>('SELECT after_ms FROM fare.known_clock');
    // Strictly later than every close so far: the days closed until now keep the packages that they had.
    const knownFromMs = Math.max(nowMs, Number(clock[0]?.after_ms ?? 0n));
    const relevant = activated.filter((row) => isRelevant(row, days));
    const plan = planActivation(packages, activated, relevant, knownFromMs);
    if (plan.fresh.length === 0) return plan;
    await insertActivations(client, plan.fresh, knownFromMs);
    await client.query('UPDATE fare.known_clock SET after_ms = greatest(after_ms, $1)', [knownFromMs + 1]);
    const firstMs = Math.min(...plan.fresh.map((p) => p.validFromMs));
    // An uncertain clock reaches over the border: taps just before it are priced at both sides.
    await client.query(ENQUEUE_FROM, [days.fareDayOf(calendarInstant(firstMs - UNCERTAINTY_MS_MAX))]);
    return plan;
  });
}

const DAY_MS_MAX = 25 * 3_600_000;

/** A package whose period was over before the first ride in the books has priced nothing, and never will. */
function isRelevant({ validUntilMs, firstDay }: ActivatedRow, days: FareDays): boolean {
  if (validUntilMs === null) return true;
  return firstDay !== null && validUntilMs > days.endOfMs(firstDay) - DAY_MS_MAX - UNCERTAINTY_MS_MAX;
}

async function insertActivations(
  client: pg.PoolClient,
  fresh: readonly TariffPackage[],
  knownFromMs: number,
): Promise<void> {
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
  const leaves = rows.map(({ hash, versionId, validFromMs, validUntilMs }) =>
    activationLeaf({ packageHash: hash, versionId, validFromMs, validUntilMs, knownFromMs }),
  );
  await client.query(INSERT_LEAVES, [JSON.stringify(leaves)]);
}
