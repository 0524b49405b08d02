/** The facts that a case stands for: taps, rights, holdings and breakdowns of one account, with what is wrong where a case is no such thing. */
import type { FileProblem } from '#pricing/file-problem.ts';
import type { EntitlementFact, PassFact, TapBreakdown, TapFact } from '#pricing/model.ts';
import type { YamlPath } from '#pricing/yaml-file.ts';
import type { CaseRide } from './case-schema.ts';
import { type CaseValue, readDate, readMoney, readNumber, readTime } from './case-values.ts';
import type { PlacedCase } from './read-cases.ts';

/** A tap with what it must cost. */
export interface CaseTap {
  readonly tap: TapFact;
  /** Where its ride stands in the list, and which repetition of it this is, both from 0. */
  readonly ride: number;
  readonly nth: number;
  readonly pays: bigint;
  readonly claim: boolean;
  /** Part of the explanation in Ukrainian; empty = any. */
  readonly because: string;
}

/** A holding, and what comes back where it is given back. */
export interface CaseHolding {
  readonly pass: PassFact;
  readonly paidMinor: bigint;
  readonly returned: {
    readonly atMs: number;
    readonly back: bigint | null;
    readonly refused: string | null;
  } | null;
}

export interface CaseFacts {
  readonly taps: readonly CaseTap[];
  readonly entitlements: readonly EntitlementFact[];
  readonly holdings: readonly CaseHolding[];
  readonly companionMax: number | undefined;
}

/** Most riders and bags with one card, as a tap can say it. */
const BESIDE_MAX = 20;
const UNSURE_S_MAX = 86_400;

/** Reads values one by one and keeps what is wrong with them, at their places. */
class Reader {
  readonly problems: FileProblem[] = [];
  readonly #placed: PlacedCase;
  readonly zone: string;
  readonly currency: string;

  constructor(placed: PlacedCase, city: { readonly zone: string; readonly currency: string }) {
    this.#placed = placed;
    this.zone = city.zone;
    this.currency = city.currency;
  }
  #take<T>(path: YamlPath, read: CaseValue<T>, instead: T): T {
    if (read.ok) return read.value;
    this.problems.push(this.#placed.problemAt(read.code, path, read.message, read.howToMend));
    return instead;
  }
  time = (path: YamlPath, written: string) => this.#take(path, readTime(written, this.zone), 0);
  date = (path: YamlPath, written: string) => this.#take(path, readDate(written, this.zone), 0);
  money = (path: YamlPath, written: string) => this.#take(path, readMoney(written, this.currency), 0n);
  number = (path: YamlPath, written: string | undefined, max: number, min = 0, absent = 0) =>
    written === undefined ? absent : this.#take(path, readNumber(written, min, max), absent);
  wrong(...problem: Parameters<PlacedCase['problemAt']>): void {
    this.problems.push(this.#placed.problemAt(...problem));
  }
}

/** The facts of a case in a city of this zone and currency. */
export function factsOf(
  placed: PlacedCase,
  city: { readonly zone: string; readonly currency: string },
): { readonly facts: CaseFacts; readonly problems: readonly FileProblem[] } {
  const { fare } = placed;
  const read = new Reader(placed, city);
  const broken = breakdownsOf(fare.breakdowns ?? [], read);
  const taps = fare.rides.flatMap((ride, i) => tapsOf(ride, i, broken, read));
  const facts = {
    // One id each, in their order: lines come back by it.
    taps: taps.map((one, i) => ({ ...one, tap: { ...one.tap, ...ownIds(one.tap, i) } })),
    entitlements: (fare.entitlements ?? []).map((row, i) => entitlementOf(row, i, read)),
    holdings: (fare.passes ?? []).map((row, i) => holdingOf(row, i, read)),
    companionMax:
      fare.companion_max === undefined
        ? undefined
        : read.number(['companion_max'], fare.companion_max, BESIDE_MAX),
  };
  return { facts, problems: read.problems };
}

type Broken = readonly { readonly vehicle: string; readonly said: TapBreakdown }[];

function breakdownsOf(rows: NonNullable<PlacedCase['fare']['breakdowns']>, read: Reader): Broken {
  return rows.map(({ at, vehicle, unsure_s }, i) => {
    const atMs = read.time(['breakdowns', i, 'at'], at);
    const uncertaintyMs = read.number(['breakdowns', i, 'unsure_s'], unsure_s, UNSURE_S_MAX) * 1000;
    return { vehicle, said: { breakdownId: `breakdown-${i}`, atMs, uncertaintyMs, receivedAtMs: atMs } };
  });
}

function tapsOf(ride: CaseRide, i: number, broken: Broken, read: Reader): CaseTap[] {
  const at = (key: keyof CaseRide): YamlPath => ['rides', i, key];
  const breakdowns = broken.filter(({ vehicle }) => vehicle === ride.vehicle).map(({ said }) => said);
  const { repaired } = ride;
  const repairs = repaired && [
    {
      repairId: `repair-${i}`,
      atMs: read.time(['rides', i, 'repaired', 'at'], repaired.at),
      stopId: repaired.stop,
      knownFromMs: 0,
    },
  ];
  const first: TapFact = {
    tapId: '',
    fareAtMs: read.time(at('at'), ride.at),
    uncertaintyMs: read.number(at('unsure_s'), ride.unsure_s, UNSURE_S_MAX) * 1000,
    mediumKind: ride.medium,
    direction: ride.way === 'any' ? null : (ride.way ?? 'in'),
    companions: read.number(at('companions'), ride.companions, BESIDE_MAX),
    bags: read.number(at('bags'), ride.bags, BESIDE_MAX),
    // Without a word of it each ride has a vehicle of its own (ownIds); at a gate there is none.
    vehicleId: ride.vehicle ?? (ride.way === undefined ? '' : null),
    carrierId: 'carrier',
    routeId: ride.route,
    stopId: ride.stop ?? null,
    deviceId: `gate-${ride.stop ?? ''}`,
    ...(repairs && { repairs }),
    ...(breakdowns.length > 0 && { breakdowns }),
  };
  const times = read.number(at('times'), ride.times, 99, 1, 1);
  const everyMs = read.number(at('every_min'), ride.every_min, 99_999, 1) * 60_000;
  const expected = {
    pays: read.money(at('pays'), ride.pays),
    claim: ride.claim === 'yes',
    because: ride.because ?? '',
  };
  return Array.from({ length: times }, (_, nth) => ({
    tap: { ...first, fareAtMs: first.fareAtMs + nth * everyMs },
    ride: i,
    nth,
    ...expected,
  }));
}

function ownIds({ vehicleId }: TapFact, i: number): Pick<TapFact, 'tapId' | 'vehicleId'> {
  return { tapId: String(i).padStart(6, '0'), vehicleId: vehicleId === '' ? `own-${i}` : vehicleId };
}

function entitlementOf(
  { concession, from, until }: NonNullable<PlacedCase['fare']['entitlements']>[number],
  i: number,
  read: Reader,
): EntitlementFact {
  const validFromMs = read.date(['entitlements', i, 'from'], from);
  const validUntilMs = until === undefined ? null : read.date(['entitlements', i, 'until'], until);
  if (validUntilMs !== null && validUntilMs <= validFromMs)
    read.wrong(
      'TARIFF_DATES_REVERSED',
      ['entitlements', i, 'until'],
      'the right ends before it begins',
      '`until` is the first day without the right: write one after `from`.',
    );
  return {
    entitlementId: `entitlement-${i}`,
    concessionId: concession,
    validFromMs,
    validUntilMs,
    knownFromMs: 0,
    knownUntilMs: null,
  };
}

function holdingOf(
  { product, from, paid, returned }: NonNullable<PlacedCase['fare']['passes']>[number],
  i: number,
  read: Reader,
): CaseHolding {
  const at = (...keys: string[]): YamlPath => ['passes', i, ...keys];
  if (returned !== undefined && (returned.back === undefined) === (returned.refused === undefined))
    read.wrong(
      'TARIFF_VALUE_INVALID',
      at('returned'),
      'what must come of it is not said, or twice',
      'Write either back: 18.00 or refused: with the code of why not (docs/REASON-CODES.md).',
    );
  const back = returned?.back === undefined ? null : read.money(at('returned', 'back'), returned.back);
  const atMs = returned === undefined ? 0 : read.time(at('returned', 'at'), returned.at);
  return {
    pass: {
      passId: `pass-${i}`,
      fareProductId: product,
      validFromMs: read.time(at('from'), from),
      // Refused, it goes on holding.
      validUntilMs: back === null ? null : atMs,
      knownFromMs: 0,
    },
    paidMinor: paid === undefined ? 0n : read.money(at('paid'), paid),
    returned: returned === undefined ? null : { atMs, back, refused: returned.refused ?? null },
  };
}
