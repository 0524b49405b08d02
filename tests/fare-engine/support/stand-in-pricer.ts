/**
 * A small tariff with everything that makes order matter: 30 minutes of free transfers carried over the day's end,
 * repeated touches, a concession with a payer, two prices by carrier. Its point is to be easy to reckon by hand.
 */
import type { AccountDay, PricedDay, PricedLine, PricingState, TapFact } from '#pricing/model.ts';
import type { Pricer } from '../../../fare-engine/ports.ts';

const MINUTE_MS = 60_000;
export const PACKAGE = 'a'.repeat(64);

/** `failFor` = accounts whose pricing throws, as a bug would. */
export function standInPricer(failFor: ReadonlySet<string> = new Set()): Pricer {
  return {
    stateText: (state) => JSON.stringify(state),
    lateTapAcceptMs: () => 259_200_000,
    price(stateIn, day) {
      if (failFor.has(day.accountId)) throw new Error('a rule divides by zero');
      return priceDay(stateIn, day);
    },
  };
}

function priceDay(stateIn: PricingState, day: AccountDay): PricedDay {
  const taps = [...day.taps].sort((a, b) => a.fareAtMs - b.fareAtMs || (a.tapId < b.tapId ? -1 : 1));
  let run = stateIn.transferRun;
  const touches = new Map(stateIn.lastTouches.map((touch) => [touch.placeId, touch]));
  const lines: PricedLine[] = [];
  for (const tap of taps) {
    const touch = touches.get(tap.vehicleId ?? '');
    const repeated = touch !== undefined && tap.fareAtMs - touch.atMs < 2 * MINUTE_MS;
    touches.set(tap.vehicleId ?? '', {
      placeId: tap.vehicleId ?? '',
      atMs: tap.fareAtMs,
      tapId: tap.tapId,
    });
    if (repeated) {
      lines.push(lineOf(tap, day, 'same-ride'));
      continue;
    }
    const transfer = run !== null && tap.fareAtMs - run.startedAtMs < 30 * MINUTE_MS;
    lines.push(lineOf(tap, day, transfer ? 'transfer' : 'ride'));
    if (!transfer || run === null) {
      run = {
        startedAtMs: tap.fareAtMs,
        lastLegAtMs: tap.fareAtMs,
        lastLegGroupId: 'city',
        lastStopId: tap.stopId,
        lastVehicleId: tap.vehicleId,
        transferCount: 0,
        firstTapId: tap.tapId,
      };
    } else run = { ...run, lastLegAtMs: tap.fareAtMs, transferCount: run.transferCount + 1 };
  }
  const lastTouches = [...touches.values()].sort((a, b) => (a.placeId < b.placeId ? -1 : 1));
  const stateOut = { ...stateIn, transferRun: run, lastTouches };
  return { lines, stateOut, ...(day.knownAsOfMs === null ? { running: stateOut } : {}) };
}

function lineOf(tap: TapFact, day: AccountDay, kind: PricedLine['kind']): PricedLine {
  const price = tap.carrierId === 'private' ? 1500n : tap.mediumKind === 'social' ? 1200n : 1400n;
  const gross = kind === 'same-ride' ? 0n : price * BigInt(1 + tap.companions);
  const transfer = kind === 'transfer' ? gross : 0n;
  const right = day.entitlements
    .filter((e) => covers(e, tap.fareAtMs) && known(e, day.knownAsOfMs))
    .sort((a, b) => (a.entitlementId < b.entitlementId ? -1 : 1))[0];
  const free = right !== undefined && kind !== 'same-ride';
  const concession = free ? gross - transfer : 0n;
  return {
    tapId: tap.tapId,
    fareDay: day.fareDay,
    kind,
    packageHash: PACKAGE,
    fareMediaId: tap.mediumKind,
    fareProductId: 'single',
    riderCategoryId: free ? right.concessionId : 'adult',
    networkId: 'city',
    carrierId: tap.carrierId,
    routeId: tap.routeId,
    currency: 'UAH',
    grossMinor: gross,
    riderMinor: gross - transfer - concession,
    transferMinor: transfer,
    concessionMinor: concession,
    passMinor: 0n,
    capMinor: 0n,
    concessionId: free ? right.concessionId : null,
    fundingId: free ? 'city-budget' : null,
    claimRide: free && kind === 'ride',
    steps: [
      {
        kind: 'base',
        ruleId: `flat-${tap.mediumKind}`,
        act: 'act-1',
        article: '2',
        beforeMinor: 0n,
        afterMinor: gross,
        params: { route: tap.routeId ?? '', name: 'п’ять "зупинок"' },
      },
    ],
  };
}

function covers(fact: { validFromMs: number; validUntilMs: number | null }, atMs: number): boolean {
  return fact.validFromMs <= atMs && (fact.validUntilMs === null || atMs < fact.validUntilMs);
}

function known(fact: { knownFromMs: number; knownUntilMs: number | null }, asOfMs: number | null): boolean {
  if (asOfMs === null) return fact.knownUntilMs === null;
  return fact.knownFromMs <= asOfMs && (fact.knownUntilMs === null || asOfMs < fact.knownUntilMs);
}
