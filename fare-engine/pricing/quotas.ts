/**
 * Quotas of concessions: so many rides, or so much money, within a calendar day, week or month (from 00:00 wall time); what
 * is left at its end is not carried over. Rows of one stack group share what they count: who has two rights has not twice the quota.
 */
import { USED, USED_FORM } from './elsewhere.ts';
import type { PricingState, QuotaCount } from './model.ts';
import { calendarOf, type Period, periodAt } from './period.ts';
import type { DatedConcession } from './tariff-package.ts';

/** Under which name a row counts; `null` = it has no quota. */
function quotaIdOf(row: DatedConcession): string | null {
  if (row.quota_window === undefined) return null;
  return row.stack_group === undefined ? row.concession_id : `group/${row.stack_group}`;
}

/** What was used of quotas elsewhere, by quota. */
export type UsedBefore = ReadonlyMap<string, { readonly rides: number; readonly takenMinor: bigint }>;
const NOTHING_USED: UsedBefore = new Map();

/** Of entitlements that hold at an instant. What names no quota of the tariff counts for none. */
export function usedBefore(
  rows: readonly DatedConcession[],
  held: readonly { readonly concessionId: string }[],
): UsedBefore {
  let used: Map<string, { rides: number; takenMinor: bigint }> | undefined;
  for (const { concessionId } of held) {
    if (!concessionId.startsWith(USED)) continue;
    const [, id, rides, minor] = USED_FORM.exec(concessionId) ?? [];
    const row = id === undefined ? undefined : rows.find((one) => one.concession_id === id);
    const quotaId = row === undefined ? null : quotaIdOf(row);
    if (quotaId === null) continue;
    used ??= new Map();
    const before = used.get(quotaId);
    used.set(quotaId, {
      rides: (before?.rides ?? 0) + Number(rides),
      takenMinor: (before?.takenMinor ?? 0n) + BigInt(minor as string),
    });
  }
  return used ?? NOTHING_USED;
}

interface Found {
  readonly quotaId: string;
  readonly period: Period;
  readonly count: QuotaCount | undefined;
}

function find(row: DatedConcession, counts: PricingState['quotas'], atMs: number): Found | undefined {
  const quotaId = quotaIdOf(row);
  if (quotaId === null || row.quota_window === undefined) return undefined;
  const period = periodAt(calendarOf(row.zone, '00:00'), row.quota_window, atMs);
  const count = counts.find((one) => one.quotaId === quotaId && one.from === period.from);
  return { quotaId, period, count };
}

/** What a row may still take off at an instant: `null` = without limit, 0 = the quota is used up. */
export function quotaLeftMinor(
  row: DatedConcession,
  counts: PricingState['quotas'],
  atMs: number,
  used: UsedBefore = NOTHING_USED,
): bigint | null {
  const found = find(row, counts, atMs);
  if (found === undefined) return null;
  const { count } = found;
  const before = used.get(found.quotaId);
  const rides = (count?.rides ?? 0) + (before?.rides ?? 0);
  if (row.quota_rides !== undefined && rides >= row.quota_rides) return 0n;
  if (row.quota_minor === undefined) return null;
  const left = BigInt(row.quota_minor) - BigInt(count?.takenMinor ?? 0) - (before?.takenMinor ?? 0n);
  return left > 0n ? left : 0n;
}

/** The counts after a ride for which a row took something off. */
export function quotaAfter(
  row: DatedConcession,
  counts: PricingState['quotas'],
  atMs: number,
  takenMinor: bigint,
): PricingState['quotas'] {
  const found = find(row, counts, atMs);
  if (found === undefined || takenMinor <= 0n) return counts;
  const { quotaId, period, count } = found;
  const next: QuotaCount = {
    quotaId,
    from: period.from,
    untilMs: period.untilMs,
    rides: (count?.rides ?? 0) + 1,
    takenMinor: (BigInt(count?.takenMinor ?? 0) + takenMinor).toString(),
  };
  return [...counts.filter((one) => one !== count), next];
}
