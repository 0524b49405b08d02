/** Writes what a chunk decided: rows that are new by COPY, the rest in one statement. */
import type pg from 'pg';
import { type CopyValue, copyEach, copyOf, inOrderOf, type RowCopy } from '#platform/copy-rows.ts';
import type { Decision } from '../ledger/decision.ts';
import type { PricingWrites } from '../ports.ts';
import { accountWrites, type LockedAccounts, writeAccounts } from './account-statements.ts';
import { DAY_COLUMNS, DECISION_COLUMNS, LEAF_COLUMNS, POSTING_COLUMNS, WRITE } from './fare-statements.ts';

/** @param locked the accounts that were locked for it; none where only money moves and no day was priced */
export async function writePrices(
  client: pg.PoolClient,
  writes: PricingWrites,
  locked: LockedAccounts = new Map(),
): Promise<void> {
  const { decisions, atMs } = writes;
  const accounts = accountWrites(locked, writes);
  const { changed } = accounts;
  await copyEach(client, newRows(writes));
  await writeAccounts(client, locked, accounts);
  const rest = changed.length + writes.emptied.length + writes.enqueue.length + writes.troubles.length;
  if (rest + decisions.length === 0) return;
  await client.query(WRITE, [
    `[${changed.map(dayText).join(',')}]`,
    JSON.stringify(writes.emptied),
    JSON.stringify(writes.enqueue),
    JSON.stringify(writes.troubles),
    atMs,
    decisions.length,
  ]);
}

const tapIdOf = ({ tapId }: Decision): string => tapId;
const postingIdOf = ({ postingId }: PricingWrites['postings'][number]): string => postingId;
const accountIdOf = ({ accountId }: PricingWrites['days'][number]): string => accountId;

/** Leaves stand as they were made: their order is the log's. */
function* newRows({ decisions, postings, leaves, days, atMs }: PricingWrites): Generator<RowCopy> {
  yield copyOf(DECISION_COLUMNS, inOrderOf(decisions, tapIdOf), decisionRow);
  yield copyOf(POSTING_COLUMNS, inOrderOf(postings, postingIdOf), (p) => [
    p.postingId,
    p.debitAccount,
    p.creditAccount,
    p.amountMinor,
    p.currency,
    p.tapId,
    p.revision,
    p.source,
    p.reverses,
    atMs,
    p.fareDay,
  ]);
  yield copyOf(LEAF_COLUMNS, leaves, ({ kind, ref, bytes }) => [kind, ref, bytes]);
  const fresh = days.filter(({ isNew }) => isNew);
  yield copyOf(DAY_COLUMNS, inOrderOf(fresh, accountIdOf), (d) => [
    d.accountId,
    d.fareDay,
    d.stateIn,
    d.stateOut,
    d.baseIn,
    d.baseOut,
    d.accountVersion,
  ]);
}

/** States are JSON already: as texts within JSON they would be written and read letter by letter once more. */
function dayText(day: PricingWrites['days'][number]): string {
  const { accountId, fareDay, accountVersion } = day;
  const key = JSON.stringify({ accountId, fareDay, accountVersion: accountVersion.toString() });
  const { stateIn, stateOut, baseIn, baseOut } = day;
  return `${key.slice(0, -1)},"stateIn":${stateIn},"stateOut":${stateOut},"baseIn":${baseIn},"baseOut":${baseOut}}`;
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
