/** Claims that a fare officer wrote down, under the packages of the cities. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { parse } from 'yaml';
import type { TariffTimeline } from '#pricing/tariff-timeline.ts';
import { claimPackage } from '../../../fare-engine/claims/claim-package.ts';
import { compareEntries, createClaimFold } from '../../../fare-engine/claims/make-claims.ts';
import type { ClaimEntry } from '../../../fare-engine/claims/model.ts';
import { parsePeriod, type SettlementPeriod } from '../../../fare-engine/settlement/period.ts';
import { loadTariffTimeline } from '../../../fare-engine/tariffs/load-tariff.ts';

interface Ride {
  day: string;
  carrier: string;
  funding: string;
  concession: string;
  took: number;
  times?: number;
  transfer?: string;
  product?: string;
  medium?: string;
}
interface Case {
  name: string;
  city: string;
  month: string;
  rides: Ride[];
  claims: Record<string, string | number>[];
}

const timelines = new Map<string, TariffTimeline>();
async function timelineOf(city: string): Promise<TariffTimeline> {
  const known = timelines.get(city);
  if (known !== undefined) return known;
  const loaded = await loadTariffTimeline(join(import.meta.dirname, '../../../cities', city, 'tariff'));
  if (!loaded.ok) throw new Error(`the packages of ${city} have errors`);
  timelines.set(city, loaded.timeline);
  return loaded.timeline;
}

const noon = (day: string) => Date.parse(`${day}T12:00Z`);
const minor = (amount: number) => BigInt(Math.round(amount * 100));

function entriesOf(rides: readonly Ride[], tariffs: TariffTimeline): ClaimEntry[] {
  return rides.flatMap((ride, i) =>
    Array.from({ length: ride.times ?? 1 }, (_, n) => ({
      tapId: `tap-${i}-${n}`,
      revision: 1,
      sign: 1 as const,
      carrierId: ride.carrier,
      fundingId: ride.funding,
      currency: 'UAH',
      concessionId: ride.concession,
      riderCategoryId: ride.concession,
      routeId: 'r1',
      fareProductId: ride.product ?? 'ride',
      fareMediaId: ride.medium ?? null,
      packageHash: tariffs.at(noon(ride.day))?.hash ?? null,
      fareDay: ride.day,
      fareAtMs: noon(ride.day),
      claimRide: ride.transfer === undefined,
      concessionMinor: minor(ride.took),
      earlier: null,
    })),
  );
}

const CASES = parse(readFileSync(join(import.meta.dirname, 'claim-cases.yaml'), 'utf8'), {
  schema: 'core',
}) as Case[];

test.each(CASES.map((one) => [`${one.city}: ${one.name}`, one] as const))('%s', async (_name, one) => {
  const tariffs = await timelineOf(one.city);
  const packageOf = (hash: string) => {
    const tariff = tariffs.byHash(hash);
    return tariff && claimPackage(tariff);
  };
  const period = parsePeriod(one.month) as SettlementPeriod;
  const last = packageOf(tariffs.at(Date.parse(period.untilDay) - 86_400_000)?.hash ?? '');
  const fold = createClaimFold({ period, currency: 'UAH', packageOf, last });
  for (const entry of entriesOf(one.rides, tariffs).sort(compareEntries)) fold.add(entry);
  const made = fold.finish().claims.map((claim) => {
    const sum = (of: 'amountMinor' | 'claimedMinor' | 'unfundedMinor' | 'vatMinor') =>
      Number(claim.lines.reduce((total, line) => total + line[of], 0n)) / 100;
    return {
      carrier: claim.carrierId,
      funding: claim.fundingId,
      rides: claim.lines.reduce((total, line) => total + line.rides, 0),
      transfers: claim.lines.reduce((total, line) => total + line.transfers, 0),
      amount: sum('amountMinor'),
      claimed: sum('claimedMinor'),
      unfunded: sum('unfundedMinor'),
      vat: sum('vatMinor'),
      because: [...new Set(claim.lines.flatMap((line) => line.reasons))].join(' '),
    };
  });
  expect(made).toEqual(one.claims.map((claim) => ({ transfers: 0, vat: 0, because: '', ...claim })));
});
