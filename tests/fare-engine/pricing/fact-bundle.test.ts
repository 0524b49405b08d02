import { describe, expect, it } from 'vitest';
import {
  type BundleLine,
  type FactBundle,
  formatBundleHeader,
  formatBundleLine,
  parseFactBundle,
} from '#pricing/fact-bundle.ts';
import { FARE_AT_MS_MAX, FARE_AT_MS_MIN } from '#pricing/fare-day.ts';
import { addToTotals, type BundleTotals, repriceBundle } from '#pricing/reprice-bundle.ts';
import { hashPackage } from '#pricing/tariff-package.ts';
import { filesOf } from '../../support/fare-feed.ts';
import { entitlement, PACKAGE, tap } from '../../support/tariff.ts';

const header = formatBundleHeader('Europe/Kyiv', '04:00', [filesOf(PACKAGE)]);
const T0 = Date.parse('2026-03-02T08:00:00+02:00');
const tapLine = (accountId: string, s: number, tapId: string): BundleLine => ({
  kind: 'tap',
  accountId,
  ...tap(T0 + s * 1000, { tapId }),
});
const LINES: BundleLine[] = [
  tapLine('b', 0, 'b1'),
  tapLine('a', 600, 'a2'),
  { kind: 'entitlement', accountId: 'b', ...entitlement('pensioner', { knownFromMs: T0 + 5 }) },
  tapLine('a', 0, 'a1'),
  tapLine('a', 90_000, 'a3'),
];

function read(lines: readonly string[]): FactBundle {
  const parsed = parseFactBundle(lines);
  if (!parsed.ok) throw new Error(`${parsed.problem.line}: ${parsed.problem.message}`);
  return parsed.bundle;
}
const problem = (lines: readonly string[]) => {
  const parsed = parseFactBundle(lines);
  return parsed.ok ? 'no problem' : `${parsed.problem.line}: ${parsed.problem.message}`;
};
const priced = (bundle: FactBundle) =>
  [...repriceBundle(bundle)].map(
    ({ accountId, line }) => `${accountId} ${line.tapId} ${line.kind} ${line.riderMinor}`,
  );

describe('a bundle of facts', () => {
  it('is priced in a fixed order, whatever the order of its lines', () => {
    const text = LINES.map(formatBundleLine);
    const expected = ['a a1 ride 1200', 'a a2 transfer 0', 'a a3 ride 1200', 'b b1 ride 0'];
    expect(priced(read([header, ...text]))).toEqual(expected);
    expect(priced(read([header, '', ...text.reverse()]))).toEqual(expected);
  });

  it('counts facts as of the day’s close', () => {
    const close = (knownAsOfMs: number) =>
      formatBundleLine({ kind: 'close', fareDay: '2026-03-02', knownAsOfMs });
    const last = (ms: number) => priced(read([header, ...LINES.map(formatBundleLine), close(ms)])).at(-1);
    expect(last(T0 + 4)).toBe('b b1 ride 1200');
    expect(last(T0 + 5)).toBe('b b1 ride 0');
  });

  it('does not price by a package that was taken back, whether its bytes are there or not', () => {
    const correction = filesOf({
      ...PACKAGE,
      'tariff.yaml': (PACKAGE['tariff.yaml'] as string)
        .replace('version_id: test-1', 'version_id: test-2')
        .replace('valid_from: 2026-01-01', 'valid_from: 2026-02-01'),
      'fare_products.txt': (PACKAGE['fare_products.txt'] as string).replace('12.00', '99.00'),
    });
    const packages = [filesOf(PACKAGE), correction];
    const hash = hashPackage(correction);
    const withdrawal = { hash, versionId: 'test-2', knownFromMs: T0 - 86_400_000 * 40, statements: [] };
    const first = (packs: typeof packages, ...back: (typeof withdrawal)[]) => {
      const head = formatBundleHeader('Europe/Kyiv', '04:00', packs, new Map(), new Map(), back);
      return priced(read([head, ...LINES.map(formatBundleLine)]))[0];
    };
    expect(first(packages)).toBe('a a1 ride 9900');
    expect(first(packages, withdrawal)).toBe('a a1 ride 1200');
    expect(first([filesOf(PACKAGE)], withdrawal)).toBe('a a1 ride 1200');
  });

  it('adds up to what its lines say', () => {
    const totals = new Map<string, BundleTotals>();
    for (const line of repriceBundle(read([header, ...LINES.map(formatBundleLine)])))
      addToTotals(totals, line);
    expect(totals.get('UAH')).toEqual({
      currency: 'UAH',
      taps: 4,
      rides: 4,
      claimRides: 1,
      grossMinor: 4800n,
      riderMinor: 2400n,
      lossMinor: 0n,
      transferMinor: 1200n,
      concessionMinor: 1200n,
      passMinor: 0n,
      capMinor: 0n,
    });
  });

  it('names the line of each error', () => {
    const good = formatBundleLine(LINES[0] as BundleLine);
    expect(problem([])).toContain('1: the header line is missing');
    expect(problem([good])).toContain('1: header:');
    expect(problem([header, good, '{'])).toContain('3: not JSON');
    expect(problem([header, '{"kind":"ride"}'])).toContain('2: kind "ride" is not known');
    expect(problem([header, good, good])).toBe('3: tap b1 occurs twice');
    expect(problem([header, good, good.replace('"accountId":"b"', '"accountId":"c"')])).toBe(
      '3: tap b1 belongs to two accounts',
    );
    expect(problem([header, good.replace('"fareAtMs":', '"fareAtMs":0.5,"was":')])).toContain('2: /fareAtMs');
    expect(problem([header, '{"kind":"close","fareDay":"2026-02-30","knownAsOfMs":1}'])).toBe(
      '2: 2026-02-30 is no date',
    );
    const close = '{"kind":"close","fareDay":"2026-03-02","knownAsOfMs":1}';
    expect(problem([header, close, close])).toBe('3: fare day 2026-03-02 is closed twice');
    expect(problem([header, `{"kind":"tap","x":"${'y'.repeat(1_100_000)}"}`])).toContain(
      'characters, at most',
    );
  });

  it('takes taps of all instants that have a date, and of no other', () => {
    const at = (ms: number) => [header, formatBundleLine({ kind: 'tap', accountId: 'a', ...tap(ms) })];
    for (const ms of [FARE_AT_MS_MIN, FARE_AT_MS_MAX])
      expect([...repriceBundle(read(at(ms)))]).toHaveLength(1);
    for (const ms of [FARE_AT_MS_MIN - 1, FARE_AT_MS_MAX + 1, -8.64e15, 8.64e15])
      expect(problem(at(ms))).toContain('2: /fareAtMs');
  });

  it('refuses a tariff whose bytes were changed, and one that has errors', () => {
    const value = JSON.parse(header) as {
      tariffs: { hash: string; files: Record<string, string> }[];
      zone: string;
    };
    const tariff = value.tariffs[0] as (typeof value.tariffs)[0];
    tariff.files['fare_products.txt'] = Buffer.from(
      (PACKAGE['fare_products.txt'] as string).replace('12.00', '11.00'),
    ).toString('base64');
    expect(problem([JSON.stringify(value)])).toContain(': its bytes were changed');
    const broken = formatBundleHeader('Europe/Kyiv', '04:00', [
      filesOf({ ...PACKAGE, 'funding.yaml': 'funding: 1\n' }),
    ]);
    expect(problem([broken])).toContain('funding.yaml:1:1');
    expect(problem([header.replace('Europe/Kyiv', 'Europe/Atlantis')])).toContain(
      '1: header: unknown time zone',
    );
  });
});
