/** The auditor's re-computation: every account of a bundle, day after day, from nothing but the facts. */

import { chargeDays } from './charge-days.ts';
import { type ChargedLine, cameInTime, type DayPricer, lateTapAcceptMs } from './close-rules.ts';
import type { AccountFacts, BundledTap, FactBundle } from './fact-bundle.ts';
import { compareText } from './file-problem.ts';
import { priceAccountDay } from './price-account-day.ts';
import { stateText } from './state-text.ts';

/** A line with its account, and what of the rider's part came too late to be charged. */
export interface RepricedLine extends ChargedLine {
  readonly accountId: string;
}

/** Sums of a bundle, per currency. */
export interface BundleTotals {
  readonly currency: string;
  taps: number;
  rides: number;
  claimRides: number;
  grossMinor: bigint;
  riderMinor: bigint;
  /** Part of riderMinor that nobody is charged: the record came too late. */
  lossMinor: bigint;
  transferMinor: bigint;
  concessionMinor: bigint;
  passMinor: bigint;
  capMinor: bigint;
}

/** Prices a bundle in a fixed order: accounts by id, days by date, taps by time. */
export function* repriceBundle(bundle: FactBundle): Generator<RepricedLine> {
  for (const accountId of [...bundle.accounts.keys()].sort(compareText)) {
    yield* repriceAccount(bundle, accountId, bundle.accounts.get(accountId) as AccountFacts);
  }
}

function* repriceAccount(
  bundle: FactBundle,
  accountId: string,
  facts: AccountFacts,
): Generator<RepricedLine> {
  const { calendar, tariffs, closes } = bundle;
  const pricer: DayPricer = {
    price: (stateIn, day) => priceAccountDay(stateIn, day, tariffs, calendar),
    stateText,
  };
  const byDay = new Map<string, BundledTap[]>();
  for (const tap of facts.taps) {
    const fareDay = calendar.fareDayOf(tap.fareAtMs);
    const taps = byDay.get(fareDay);
    if (taps) taps.push(tap);
    else byDay.set(fareDay, [tap]);
  }
  // Days without taps change nothing: what the state holds reaches at most into the next hours.
  const days = [...byDay.keys()].sort(compareText).map((fareDay) => ({
    accountId,
    fareDay,
    taps: byDay.get(fareDay) as BundledTap[],
    entitlements: facts.entitlements,
    passes: facts.passes,
    knownAsOfMs: closes.get(fareDay) ?? null,
  }));
  const inTime = (tap: BundledTap, { fareDay }: { fareDay: string }) => wasInTime(tap, bundle, fareDay);
  for (const { lines } of chargeDays(facts.opening, days, pricer, inTime, facts.after))
    for (const line of lines) yield { accountId, ...line };
}

function wasInTime(tap: BundledTap, { calendar, tariffs, closes }: FactBundle, fareDay: string): boolean {
  const closedAtMs = closes.get(fareDay) ?? null;
  return cameInTime({
    receivedAtMs: tap.receivedAtMs ?? tap.fareAtMs,
    dayEndMs: calendar.endOfMs(fareDay),
    closedAtMs,
    lateTapAcceptMs: lateTapAcceptMs(tap, tariffs, closedAtMs),
  });
}

/** Adds a line to the sums of its currency. */
export function addToTotals(totals: Map<string, BundleTotals>, { line, lossMinor }: ChargedLine): void {
  let sum = totals.get(line.currency);
  if (!sum) {
    sum = {
      currency: line.currency,
      taps: 0,
      rides: 0,
      claimRides: 0,
      grossMinor: 0n,
      riderMinor: 0n,
      lossMinor: 0n,
      transferMinor: 0n,
      concessionMinor: 0n,
      passMinor: 0n,
      capMinor: 0n,
    };
    totals.set(line.currency, sum);
  }
  sum.taps++;
  if (line.kind === 'ride' || line.kind === 'transfer') sum.rides++;
  if (line.claimRide) sum.claimRides++;
  sum.grossMinor += line.grossMinor;
  sum.riderMinor += line.riderMinor;
  sum.lossMinor += lossMinor;
  sum.transferMinor += line.transferMinor;
  sum.concessionMinor += line.concessionMinor;
  sum.passMinor += line.passMinor;
  sum.capMinor += line.capMinor;
}
