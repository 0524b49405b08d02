/** One run over a period: facts come as streams, findings go out as they are made. Memory does not grow with the taps. */
import { claimAfterEnd, seriesOnVehicle, useAfterDeath } from './card-rules.ts';
import { type Finding, findingId } from './finding.ts';
import type { AccountFacts, Neighbours, RideCount, RiderCount } from './hunt-facts.ts';
import type { Rules } from './rules-file.ts';
import { categoryOutOfProportion } from './share-rule.ts';
import { createShareBook, type DeviceCount, silentValidator } from './silence-rule.ts';
import { impossibleSpeed, type StopPlace, twoVehiclesAtOnce } from './travel-rules.ts';

/** Facts of a period, from a database or from memory. Neither the order of what comes nor of its taps matters. */
export interface HuntSource {
  readonly period: { readonly fromDay: string; readonly untilDay: string };
  accounts(): AsyncIterable<AccountFacts> | Iterable<AccountFacts>;
  /** Rides by route, vehicle, category and day. */
  rideCounts(): Promise<Iterable<RideCount>>;
  riderCounts(): Promise<Iterable<RiderCount>>;
  deviceCounts(): Promise<Iterable<DeviceCount>>;
  neighbours(): AsyncIterable<Neighbours> | Iterable<Neighbours>;
}

/** What a run is told of its way: taps looked at so far, each once for its account and once for its neighbours. */
export type HuntProgress = (taps: number) => void;

/** The rules over one account. */
export function huntAccount(
  { taps, rights }: AccountFacts,
  rules: Rules,
  placeOf: (stopId: string) => StopPlace | undefined,
): Finding[] {
  return [
    ...impossibleSpeed(taps, rules['impossible-speed'], placeOf),
    ...twoVehiclesAtOnce(taps, rules['two-vehicles-at-once']),
    ...seriesOnVehicle(taps, rules['series-on-vehicle']),
    ...useAfterDeath(taps, rights, rules['use-after-death']),
    ...claimAfterEnd(taps, rights, rules['claim-after-end']),
  ];
}

/** Stops waiting for nothing more than the group at hand. */
export type StopWish = Pick<AbortSignal, 'aborted'>;

/** All findings of a period, each with its id; fewer when somebody wished it to stop. */
export async function* hunt(
  source: HuntSource,
  rules: Rules,
  placeOf: (stopId: string) => StopPlace | undefined,
  progress: HuntProgress = () => {},
  stop: StopWish = { aborted: false },
): AsyncGenerator<Finding & { readonly findingId: string }> {
  const named = (finding: Finding) => ({ ...finding, findingId: findingId(finding) });
  let taps = 0;
  for await (const account of source.accounts()) {
    if (stop.aborted) return;
    yield* huntAccount(account, rules, placeOf).map(named);
    taps += account.taps.length;
    progress(taps);
  }
  const counts = { counts: await source.rideCounts(), riders: await source.riderCounts() };
  yield* categoryOutOfProportion(counts, source.period, rules['category-out-of-proportion']).map(named);
  const silence = rules['silent-validator'];
  const shares = createShareBook(await source.deviceCounts(), silence);
  for await (const group of source.neighbours()) {
    if (stop.aborted) return;
    yield* silentValidator(group, shares, silence).map(named);
    taps += group.taps.length;
    progress(taps);
  }
}
