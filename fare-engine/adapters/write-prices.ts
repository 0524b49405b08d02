/** Writes what a chunk decided: rows that are new by COPY, the rest in one statement. */
import type pg from 'pg';
import { type CopyValue, copyRows } from '#platform/copy-rows.ts';
import type { Decision } from '../ledger/decision.ts';
import type { PricingWrites } from '../ports.ts';
import { DAY_COLUMNS, DECISION_COLUMNS, LEAF_COLUMNS, POSTING_COLUMNS, WRITE } from './fare-statements.ts';

export async function writePrices(client: pg.PoolClient, writes: PricingWrites): Promise<void> {
  const { decisions, postings, leaves, atMs } = writes;
  const fresh = writes.days.filter(({ isNew }) => isNew);
  const changed = writes.days.filter(({ isNew }) => !isNew);
  await copyRows(client, DECISION_COLUMNS, decisions.map(decisionRow));
  await copyRows(
    client,
    POSTING_COLUMNS,
    postings.map((p) => [
      ...[p.postingId, p.debitAccount, p.creditAccount, p.amountMinor, p.currency, p.tapId, p.revision],
      ...[p.source, p.reverses, atMs],
    ]),
  );
  await copyRows(
    client,
    LEAF_COLUMNS,
    leaves.map(({ kind, ref, bytes }) => [kind, ref, bytes]),
  );
  await copyRows(
    client,
    DAY_COLUMNS,
    fresh.map((day) => [
      ...[day.accountId, day.fareDay, day.stateIn, day.stateOut, day.baseIn, day.baseOut, day.accountVersion],
    ]),
  );
  const rest = changed.length + writes.emptied.length + writes.enqueue.length + writes.troubles.length;
  if (rest + decisions.length === 0) return;
  await client.query(WRITE, [
    JSON.stringify(changed.map((day) => ({ ...day, accountVersion: day.accountVersion.toString() }))),
    JSON.stringify(writes.emptied),
    JSON.stringify(writes.enqueue),
    JSON.stringify(writes.troubles),
    atMs,
    decisions.length,
  ]);
}

/** In the order of {@link DECISION_COLUMNS}. The steps go in as the exact text that the audit leaf has hashed. */
function decisionRow(decision: Decision): CopyValue[] {
  const { line, route } = decision;
  return [
    decision.tapId,
    decision.revision,
    decision.supersedes,
    decision.accountId,
    decision.accountVersion,
    decision.fareDay,
    decision.kind,
    line?.packageHash,
    line?.fareMediaId,
    line?.fareProductId,
    line?.riderCategoryId,
    line?.networkId,
    decision.vehicleId,
    decision.carrierId,
    line?.routeId,
    route?.tripId,
    route?.directionId,
    route?.routeBy,
    route?.routeFactId,
    decision.currency,
    line?.grossMinor ?? 0n,
    decision.riderMinor,
    line?.transferMinor ?? 0n,
    decision.concessionMinor,
    line?.passMinor ?? 0n,
    decision.capMinor,
    decision.lossMinor,
    decision.penalty,
    line?.concessionId,
    decision.fundingId,
    line?.claimRide ?? false,
    decision.steps,
    `\\x${decision.lineSha256}`,
    decision.postedRevision,
    decision.adjustsClose,
    line?.steps.find((step) => step.kind === 'breakdown')?.params['breakdown'],
    decision.decidedAtMs,
  ];
}
