/** The auditor's re-computation: every account of a bundle, day after day, from nothing but the facts. */
import type { AccountFacts, FactBundle } from './fact-bundle.ts';
import { compareText } from './file-problem.ts';
import { INITIAL_STATE, type PricedLine, type TapFact } from './model.ts';
import { priceAccountDay } from './price-account-day.ts';

/** A line with its account. */
export interface RepricedLine {
  readonly accountId: string;
  readonly line: PricedLine;
}

/** Sums of a bundle, per currency. */
export interface BundleTotals {
  readonly currency: string;
  taps: number;
  rides: number;
  claimRides: number;
  grossMinor: bigint;
  riderMinor: bigint;
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
  const byDay = new Map<string, TapFact[]>();
  for (const tap of facts.taps) {
    const fareDay = calendar.fareDayOf(tap.fareAtMs);
    const taps = byDay.get(fareDay);
    if (taps) taps.push(tap);
    else byDay.set(fareDay, [tap]);
  }
  let state = INITIAL_STATE;
  for (const fareDay of [...byDay.keys()].sort(compareText)) {
    const day = {
      accountId,
      fareDay,
      taps: byDay.get(fareDay) as TapFact[],
      entitlements: facts.entitlements,
      passes: facts.passes,
      knownAsOfMs: closes.get(fareDay) ?? null,
    };
    // Days without taps change nothing: what the state holds reaches at most into the next hours.
    const priced = priceAccountDay(state, day, tariffs, calendar);
    for (const line of priced.lines) yield { accountId, line };
    state = priced.stateOut;
  }
}

/** Adds a line to the sums of its currency. */
export function addToTotals(totals: Map<string, BundleTotals>, line: PricedLine): void {
  let sum = totals.get(line.currency);
  if (!sum) {
    sum = {
      currency: line.currency,
      taps: 0,
      rides: 0,
      claimRides: 0,
      grossMinor: 0n,
      riderMinor: 0n,
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
  sum.transferMinor += line.transferMinor;
  sum.concessionMinor += line.concessionMinor;
  sum.passMinor += line.passMinor;
  sum.capMinor += line.capMinor;
}
