/** A case priced by the engine itself, and held against what it says must come out. Pure; the tests of the cities' tariffs and `kvytok tariff try` are this. */
import { chargeDays } from '#pricing/charge-days.ts';
import { createFareCalendar, type FareCalendar } from '#pricing/fare-day.ts';
import type { FileProblem } from '#pricing/file-problem.ts';
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
import { type StepLanguage, stepText } from '#pricing/step-text.ts';
import type { TariffPackage } from '#pricing/tariff-package.ts';
import type { TariffTimeline } from '#pricing/tariff-timeline.ts';
import { giveBack } from '../holdings/give-back.ts';
import { termOf } from '../holdings/term-of.ts';
import { type CaseFacts, type CaseHolding, type CaseTap, factsOf } from './case-facts.ts';
import { ridesWithoutTariff, unknownNames } from './check-references.ts';
import type { PlacedCase } from './read-cases.ts';

/** What a ride must be, and what it was. */
export interface TriedRide {
  readonly expected: CaseTap;
  readonly line: PricedLine;
  readonly differs: readonly ('pays' | 'claim' | 'because')[];
}

/** What a holding that is given back must bring, and what it brought: an amount, or the code of a refusal. */
export interface TriedReturn {
  /** Which of the case's passes. */
  readonly pass: number;
  readonly expected: bigint | string;
  readonly found: bigint | string;
  readonly differs: boolean;
}

export interface TriedCase {
  readonly placed: PlacedCase;
  readonly currency: string;
  readonly rides: readonly TriedRide[];
  readonly returns: readonly TriedReturn[];
  readonly asExpected: boolean;
}

export type Attempt =
  | { readonly ok: true; readonly tried: TriedCase }
  | { readonly ok: false; readonly problems: readonly FileProblem[] };

/** Zone and currency of the packages: those of the first, as all of a city have the same. */
function cityOf(tariffs: TariffTimeline): TariffPackage['tariff'] {
  const first = tariffs.packages[0];
  if (first === undefined) throw new RangeError('a case is tried under at least one package');
  return first.tariff;
}

/** Prices a case under these packages; a day begins at `dayStart` (`HH:MM`). */
export function tryCase(placed: PlacedCase, tariffs: TariffTimeline, dayStart: string): Attempt {
  const { zone, currency } = cityOf(tariffs);
  const { facts, problems } = factsOf(placed, { zone, currency });
  const wrong = [...problems, ...unknownNames(placed, tariffs)];
  // Dates that cannot be read are on no day.
  if (problems.length === 0) wrong.push(...ridesWithoutTariff(placed, facts, tariffs));
  if (wrong.length > 0) return { ok: false, problems: wrong };
  const calendar = createFareCalendar(zone, dayStart);
  const under = withCompanions(tariffs, facts.companionMax);
  const lines = priceFacts(facts, under, calendar);
  const rides = facts.taps.map((expected) =>
    judge(expected, lines.get(expected.tap.tapId) as PricedLine, tariffs),
  );
  const returns = facts.holdings.flatMap((holding, i) =>
    holding.returned === null
      ? []
      : [returnOf(i, holding, holding.returned, { facts, lines, tariffs, calendar })],
  );
  const asExpected = !rides.some((ride) => ride.differs.length > 0) && !returns.some((one) => one.differs);
  return { ok: true, tried: { placed, currency, rides, returns, asExpected } };
}

/** The same packages that allow so many companions. */
function withCompanions(tariffs: TariffTimeline, max: number | undefined): TariffTimeline {
  if (max === undefined) return tariffs;
  const changed = new Map(
    tariffs.packages.map((p): [TariffPackage, TariffPackage] => [
      p,
      { ...p, policyOf: (networkId) => ({ ...p.policyOf(networkId), companion_max: max }) },
    ]),
  );
  const of = (p: TariffPackage | undefined) => p && changed.get(p);
  const under: TariffTimeline = {
    packages: [...changed.values()],
    at: (ms) => of(tariffs.at(ms)),
    byHash: (hash) => of(tariffs.byHash(hash)),
    // Cases have no closes: everything is known.
    asKnownAt: () => under,
  };
  return under;
}

/** Prices all taps, day after day. */
function priceFacts(
  facts: CaseFacts,
  tariffs: TariffTimeline,
  calendar: FareCalendar,
): ReadonlyMap<string, PricedLine> {
  const { entitlements } = facts;
  const passes = facts.holdings.map(({ pass }) => pass);
  const byDay = Map.groupBy(
    facts.taps.map(({ tap }) => tap),
    (tap: TapFact) => calendar.fareDayOf(tap.fareAtMs),
  );
  const days = [...byDay]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([fareDay, taps]) => ({
      accountId: 'case',
      fareDay,
      taps,
      entitlements,
      passes,
      knownAsOfMs: null,
    }));
  const pricer = {
    price: (state: PricingState, day: AccountDay) => priceAccountDay(state, day, tariffs, calendar),
    stateText,
  };
  const charged = [...chargeDays({ state: INITIAL_STATE, base: null }, days, pricer, () => true)];
  return new Map(charged.flatMap((day) => day.lines.map(({ line }) => [line.tapId, line])));
}

function judge(expected: CaseTap, line: PricedLine, tariffs: TariffTimeline): TriedRide {
  const differs: TriedRide['differs'][number][] = [];
  if (line.riderMinor !== expected.pays) differs.push('pays');
  if (line.claimRide !== expected.claim) differs.push('claim');
  if (!sentencesOf(line, tariffs, 'uk').join('; ').includes(expected.because)) differs.push('because');
  return { expected, line, differs };
}

/** The explanation of a line, a sentence for each step. */
export function sentencesOf(line: PricedLine, tariffs: TariffTimeline, language: StepLanguage): string[] {
  const tariff = line.packageHash === null ? undefined : tariffs.byHash(line.packageHash);
  const names = tariff && packageNames(tariff);
  return line.steps.map((step) => stepText(step, { language, currency: line.currency, names }));
}

interface Priced {
  readonly facts: CaseFacts;
  readonly lines: ReadonlyMap<string, PricedLine>;
  readonly tariffs: TariffTimeline;
  readonly calendar: FareCalendar;
}

function returnOf(
  index: number,
  { pass, paidMinor }: CaseHolding,
  returned: NonNullable<CaseHolding['returned']>,
  { facts, lines, tariffs, calendar }: Priced,
): TriedReturn {
  const covers = ({ tap }: CaseTap) =>
    tap.fareAtMs < returned.atMs &&
    (lines.get(tap.tapId)?.steps ?? []).some((step) => step.params['pass'] === pass.passId);
  const before = facts.taps.filter(covers).map(({ tap }) => tap.fareAtMs);
  const held = {
    ...pass,
    accountId: 'case',
    paidMinor,
    currency: cityOf(tariffs).currency,
    returned: false,
    rides: before.length,
    firstUseMs: before.length === 0 ? null : Math.min(...before),
  };
  const parts = giveBack(held, termOf(tariffs, held), returned.atMs, calendar);
  const found = parts.ok ? parts.refundMinor : parts.reason;
  const expected = returned.back ?? returned.refused ?? '';
  return { pass: index, expected, found, differs: found !== expected };
}
