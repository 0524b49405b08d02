/** Fares as a fare officer writes them down (tests/cases): reads the files and prices their rides by a city's packages. */
import { fileURLToPath } from 'node:url';
import { type Static, Type } from 'typebox';
import { parse } from 'yaml';
import { describeProblems, parserOf } from '#contracts/parse.ts';
import { MediumKind } from '#contracts/record.ts';
import { chargeDays } from '#pricing/charge-days.ts';
import { createFareCalendar, startOfLocalDateMs } from '#pricing/fare-day.ts';
import { compareText } from '#pricing/file-problem.ts';
import { getZone } from '#pricing/local-time.ts';
import {
  type AccountDay,
  INITIAL_STATE,
  type PricedLine,
  type PricingState,
  type TapFact,
} from '#pricing/model.ts';
import { packageNames } from '#pricing/name-book.ts';
import { priceAccountDay } from '#pricing/price-account-day.ts';
import { stateText } from '#pricing/state-text.ts';
import { stepText } from '#pricing/step-text.ts';
import type { TariffPackage } from '#pricing/tariff-package.ts';
import { createTariffTimeline, type TariffTimeline } from '#pricing/tariff-timeline.ts';
import { entitlement, tap } from './tariff.ts';

const Case = Type.Object(
  {
    name: Type.String(),
    /** The same rides for each of these rights, held at all times. */
    each: Type.Optional(Type.Array(Type.String(), { minItems: 1 })),
    entitlements: Type.Optional(
      Type.Array(
        Type.Object(
          { concession: Type.String(), from: Type.String(), until: Type.Optional(Type.String()) },
          { additionalProperties: false },
        ),
      ),
    ),
    /** What drivers declare; a vehicle's breakdown is that of its rides before. */
    breakdowns: Type.Optional(
      Type.Array(
        Type.Object(
          { at: Type.String(), vehicle: Type.String(), unsure_s: Type.Optional(Type.String()) },
          { additionalProperties: false },
        ),
      ),
    ),
    /** Instead of the packages' own, in all of them. */
    companion_max: Type.Optional(Type.String({ pattern: '^[0-9]+$' })),
    /** `from` is the wall time of the sale, or the chosen date; `paid` what it cost, where it is given back. */
    passes: Type.Optional(
      Type.Array(
        Type.Object(
          {
            product: Type.String(),
            from: Type.String(),
            paid: Type.Optional(Type.String()),
            returned: Type.Optional(
              Type.Object(
                {
                  at: Type.String(),
                  back: Type.Optional(Type.String()),
                  refused: Type.Optional(Type.String()),
                },
                { additionalProperties: false },
              ),
            ),
          },
          { additionalProperties: false },
        ),
      ),
    ),
    rides: Type.Array(
      Type.Object(
        {
          at: Type.String(),
          /** The same ride again: so many times in all, so many minutes apart. */
          times: Type.Optional(Type.String({ pattern: '^[1-9][0-9]?$' })),
          every_min: Type.Optional(Type.String({ pattern: '^[1-9][0-9]{0,4}$' })),
          medium: MediumKind,
          route: Type.String(),
          vehicle: Type.Optional(Type.String()),
          /** Where leaving is tapped: at which stop, which way (absent = the validator cannot know), at a gate of its own. */
          stop: Type.Optional(Type.String()),
          way: Type.Optional(Type.Union([Type.Literal('in'), Type.Literal('out'), Type.Literal('any')])),
          unsure_s: Type.Optional(Type.String({ pattern: '^[0-9]+$' })),
          /** What the passenger told of its end. */
          repaired: Type.Optional(
            Type.Object({ at: Type.String(), stop: Type.String() }, { additionalProperties: false }),
          ),
          companions: Type.Optional(Type.String({ pattern: '^[0-9]+$' })),
          bags: Type.Optional(Type.String({ pattern: '^[0-9]+$' })),
          pays: Type.String({ pattern: '^[0-9]+\\.[0-9]{2}$' }),
          claim: Type.Optional(Type.Union([Type.Literal('yes'), Type.Literal('no')])),
          because: Type.Optional(Type.String()),
        },
        { additionalProperties: false },
      ),
      { minItems: 1 },
    ),
  },
  { additionalProperties: false },
);
export type Case = Static<typeof Case>;
const parseCases = parserOf(Type.Array(Case, { minItems: 1 }));

/** Cases of a file; those with `each` once for each right, named after it. */
export function readCases(text: string): { readonly cases: readonly Case[]; readonly problems: string } {
  // Everything is read as text: 0.00 and "no" must not become a number and a truth value.
  const read = parseCases(parse(text, { schema: 'failsafe' }));
  if (!read.ok) return { cases: [], problems: describeProblems(read.problems) };
  const cases = read.value.flatMap(({ each, ...one }) =>
    (each ?? [null]).map((concession) =>
      concession === null
        ? one
        : {
            ...one,
            name: `${one.name}: ${concession}`,
            entitlements: [...(one.entitlements ?? []), { concession, from: '2000-01-01' }],
          },
    ),
  );
  return { cases, problems: '' };
}

/** Folder of the cases, one folder for each city in it. */
export const CASES_DIR = fileURLToPath(new URL('../cases/', import.meta.url));

/** Wall time without an offset, an instant with one. */
export function instant(text: string, zone: string): number {
  const iso = text.replace(' ', 'T');
  return /[+-]\d\d:\d\d$|Z$/.test(iso) ? Date.parse(iso) : getZone(zone).instantMs(Date.parse(`${iso}Z`));
}

/** The same packages that allow so many companions. */
function withCompanions(tariffs: TariffTimeline, max: string | undefined): TariffTimeline {
  if (max === undefined) return tariffs;
  const changed = tariffs.packages.map((p) => ({
    ...p,
    policyOf: (networkId: string | null) => ({ ...p.policyOf(networkId), companion_max: Number(max) }),
  }));
  return createTariffTimeline(changed).timeline;
}

/** Rides one by one. */
export function expand(rides: Case['rides']): (Case['rides'][number] & { afterMs: number })[] {
  return rides.flatMap((ride) =>
    Array.from({ length: Number(ride.times ?? 1) }, (_, i) => ({
      ...ride,
      afterMs: i * Number(ride.every_min ?? 0) * 60_000,
    })),
  );
}

/** Prices all rides of a case, day after day; lines in the order of the rides. */
export function priceCase(example: Case, given: TariffTimeline): PricedLine[] {
  const tariffs = withCompanions(given, example.companion_max);
  const { zone } = (tariffs.packages[0] as TariffPackage).tariff;
  const calendar = createFareCalendar(zone, '04:00');
  const entitlements = (example.entitlements ?? []).map((e) =>
    entitlement(e.concession, {
      validFromMs: startOfLocalDateMs(e.from, zone) as number,
      validUntilMs: e.until === undefined ? null : (startOfLocalDateMs(e.until, zone) as number),
    }),
  );
  const passes = (example.passes ?? []).map(({ product, from, returned }, i) => ({
    passId: `pass-${i}`,
    fareProductId: product,
    validFromMs: instant(from, zone),
    validUntilMs: returned?.back === undefined ? null : instant(returned.at, zone),
    knownFromMs: 0,
  }));
  const byDay = new Map<string, TapFact[]>();
  const breakdowns = (example.breakdowns ?? []).map(({ at, vehicle, unsure_s }, i) => {
    const atMs = instant(at, zone);
    return {
      vehicle,
      said: {
        breakdownId: `breakdown-${i}`,
        atMs,
        uncertaintyMs: Number(unsure_s ?? 0) * 1000,
        receivedAtMs: atMs,
      },
    };
  });
  for (const [i, ride] of expand(example.rides).entries()) {
    const broken = breakdowns.filter(({ vehicle }) => vehicle === ride.vehicle).map(({ said }) => said);
    const fact = tap(instant(ride.at, zone) + ride.afterMs, {
      tapId: String(i).padStart(3, '0'),
      mediumKind: ride.medium,
      routeId: ride.route,
      ...(ride.way === undefined
        ? { vehicleId: ride.vehicle ?? `own-${i}` }
        : { direction: ride.way === 'any' ? null : ride.way, vehicleId: ride.vehicle ?? null }),
      stopId: ride.stop ?? null,
      deviceId: `gate-${ride.stop}`,
      uncertaintyMs: Number(ride.unsure_s ?? 0) * 1000,
      ...(ride.repaired && {
        repairs: [
          {
            repairId: `repair-${i}`,
            atMs: instant(ride.repaired.at, zone),
            stopId: ride.repaired.stop,
            knownFromMs: 0,
          },
        ],
      }),
      companions: Number(ride.companions ?? 0),
      bags: Number(ride.bags ?? 0),
      ...(broken.length > 0 && { breakdowns: broken }),
    });
    const day = calendar.fareDayOf(fact.fareAtMs);
    byDay.set(day, [...(byDay.get(day) ?? []), fact]);
  }
  const days = [...byDay.keys()].sort().map((fareDay) => {
    const taps = byDay.get(fareDay) as TapFact[];
    return { accountId: 'case', fareDay, taps, entitlements, passes, knownAsOfMs: null };
  });
  const pricer = {
    price: (state: PricingState, day: AccountDay) => priceAccountDay(state, day, tariffs, calendar),
    stateText,
  };
  const charged = [...chargeDays({ state: INITIAL_STATE, base: null }, days, pricer, () => true)];
  const lines = charged.flatMap((day) => day.lines.map(({ line }) => line));
  return lines.sort((a, b) => compareText(a.tapId, b.tapId));
}

/** The explanation in Ukrainian. */
export function explain(line: PricedLine, tariffs: TariffTimeline): string {
  const tariff = line.packageHash === null ? undefined : tariffs.byHash(line.packageHash);
  const names = tariff && packageNames(tariff);
  return line.steps.map((s) => stepText(s, { language: 'uk', currency: line.currency, names })).join('; ');
}
