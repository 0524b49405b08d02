/** What came of a case, for people in four languages, and as one object of JSON. */
import { formatMoney } from '#contracts/money.ts';
import { LANGUAGES, type Language } from '#contracts/reason-codes.ts';
import { articleText } from '#pricing/article-text.ts';
import type { PriceStep } from '#pricing/model.ts';
import { packageNames } from '#pricing/name-book.ts';
import type { TariffTimeline } from '#pricing/tariff-timeline.ts';
import { printable } from './case-values.ts';
import { sentencesOf, type TriedCase, type TriedReturn, type TriedRide } from './try-case.ts';
import { TRY_WORDS } from './try-words.ts';

function say(
  key: keyof typeof TRY_WORDS,
  language: Language,
  values: Readonly<Record<string, string>> = {},
): string {
  const text = TRY_WORDS[key][LANGUAGES.indexOf(language)] as string;
  return text.replace(/\{(\w+)\}/g, (_, slot: string) => values[slot] ?? '');
}

/** A case as lines: one where it came out as expected; below it what differs, by which rules. */
export function caseLines(tried: TriedCase, tariffs: TariffTimeline, language: Language): string[] {
  const { file, fare, placeOf } = tried.placed;
  const word = tried.asExpected ? 'asExpected' : 'different';
  const head = `${file}:${placeOf([]).line}: ${say(word, language)}: ${printable(fare.name)}`;
  const rides = tried.rides
    .filter(({ differs }) => differs.length > 0)
    .flatMap((ride) => rideLines(ride, tried, tariffs, language));
  const returns = tried.returns
    .filter(({ differs }) => differs)
    .map((one) => returnLine(one, tried, language));
  return [head, ...rides, ...returns];
}

function rideLines(
  ride: TriedRide,
  { placed, currency }: TriedCase,
  tariffs: TariffTimeline,
  language: Language,
): string[] {
  const { expected, line, differs } = ride;
  const written = placed.fare.rides[expected.ride];
  const n = String(expected.ride + 1);
  const nth = String(expected.nth + 1);
  const which =
    written?.times === undefined ? n : say('repetition', language, { n, nth, times: written.times });
  const { at = '', medium = '', route = '' } = written ?? {};
  const money = (amountMinor: bigint) => formatMoney({ amountMinor, currency }, language);
  const found = sentencesOf(line, tariffs, 'uk').join('; ');
  const told = {
    pays: () => say('pays', language, { expected: money(expected.pays), found: money(line.riderMinor) }),
    claim: () => say(line.claimRide ? 'claimed' : 'notClaimed', language),
    because: () => say('because', language, { because: printable(expected.because), found }),
  };
  const values = { n: which, at: printable(at), medium, route: printable(route) };
  return [
    `  ${placed.file}:${placed.placeOf(['rides', expected.ride]).line}: ${say('ride', language, values)}`,
    ...differs.map((what) => `    ${told[what]()}`),
    `    ${tariffOf(line.packageHash, tariffs, language)}`,
    ...stepLines(ride, tariffs, language).map((text) => `      ${text}`),
  ];
}

function tariffOf(hash: string | null, tariffs: TariffTimeline, language: Language): string {
  const version = hash === null ? undefined : tariffs.byHash(hash)?.tariff.version_id;
  return version === undefined ? say('noTariff', language) : say('tariff', language, { version });
}

/** Each step: its sentence, then the rule with act and article. */
function stepLines({ line }: TriedRide, tariffs: TariffTimeline, language: Language): string[] {
  const names = line.packageHash === null ? undefined : tariffs.byHash(line.packageHash);
  const acts = names && packageNames(names).acts;
  const sentences = sentencesOf(line, tariffs, language);
  return line.steps.map((step, i) => {
    const act = step.act === null ? undefined : (acts?.[step.act]?.[language] ?? step.act);
    return `${sentences[i]} [${ruleText(step, act, language)}]`;
  });
}

function ruleText({ ruleId, article }: PriceStep, act: string | undefined, language: Language): string {
  if (act === undefined) return say('ruleAlone', language, { rule: ruleId });
  const where = article === null ? act : `${act}, ${articleText(article, language)}`;
  return say('rule', language, { rule: ruleId, act: where });
}

function returnLine(one: TriedReturn, { placed, currency }: TriedCase, language: Language): string {
  const value = (found: bigint | string) =>
    typeof found === 'bigint' ? formatMoney({ amountMinor: found, currency }, language) : found;
  const product = placed.fare.passes?.[one.pass]?.product ?? '';
  const values = { product, expected: value(one.expected), found: value(one.found) };
  return `  ${placed.file}:${placed.placeOf(['passes', one.pass]).line}: ${say('returned', language, values)}`;
}

/** The last line: how many cases came out how. */
export function summaryLine(tried: readonly TriedCase[], language: Language): string {
  const { cases, asExpected, different } = summaryOf(tried);
  const values = { cases: String(cases), good: String(asExpected), bad: String(different) };
  return say('summary', language, values);
}

/** The same as numbers. */
export function summaryOf(tried: readonly TriedCase[]) {
  const asExpected = tried.filter((one) => one.asExpected).length;
  return { cases: tried.length, asExpected, different: tried.length - asExpected };
}

/** A case for programs: every ride with what was expected, what was computed and by which steps. Amounts are minor units. */
export function caseObject(tried: TriedCase, tariffs: TariffTimeline): object {
  const { placed, currency, asExpected } = tried;
  return {
    file: placed.file,
    line: placed.placeOf([]).line,
    name: placed.fare.name,
    asExpected,
    currency,
    rides: tried.rides.map(({ expected, line, differs }) => ({
      line: placed.placeOf(['rides', expected.ride]).line,
      at: new Date(expected.tap.fareAtMs).toISOString(),
      medium: expected.tap.mediumKind,
      route: expected.tap.routeId,
      expected: { paysMinor: expected.pays, claim: expected.claim, because: expected.because },
      computed: {
        paysMinor: line.riderMinor,
        claim: line.claimRide,
        because: sentencesOf(line, tariffs, 'uk').join('; '),
        versionId:
          line.packageHash === null ? null : (tariffs.byHash(line.packageHash)?.tariff.version_id ?? null),
        packageHash: line.packageHash,
        steps: line.steps,
      },
      differs,
    })),
    returns: tried.returns.map(({ pass, expected, found, differs }) => ({
      line: placed.placeOf(['passes', pass]).line,
      product: placed.fare.passes?.[pass]?.product,
      expected,
      found,
      differs,
    })),
  };
}
