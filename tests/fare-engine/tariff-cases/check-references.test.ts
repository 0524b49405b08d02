/** Names in a case that no package knows: misspelt, they would make it hold by chance. */
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { loadTariffTimeline } from '../../../fare-engine/tariffs/load-tariff.ts';
import { caseProblems } from '../../support/fare-cases.ts';

async function toldIn(city: string) {
  const read = await loadTariffTimeline(
    fileURLToPath(new URL(`../../../cities/${city}/tariff`, import.meta.url)),
  );
  if (!read.ok) throw new Error('the tariff has errors');
  return (text: string) =>
    caseProblems(text, read.timeline).map(
      ({ code, message, howToMend }) => `${code} ${message}: ${howToMend}`,
    );
}

const [ovpay, lviv] = await Promise.all([toldIn('ovpay-like'), toldIn('lviv-like')]);
const FIRST = 'at: 2024-03-04 08:00, medium: wallet, route: M1, way: in, pays: 3.00';

describe('a stop', () => {
  it('that a package knows is not told', () => {
    expect(ovpay(`- name: x\n  rides: [{ ${FIRST}, stop: central }]\n`)).toEqual([]);
  });

  it('that none knows is told, with the nearest one', () => {
    expect(ovpay(`- name: x\n  rides: [{ ${FIRST}, stop: centrall }]\n`)).toEqual([
      expect.stringMatching(/^TARIFF_REFERENCE_UNKNOWN no package knows the stop "centrall": Write central,/),
    ]);
  });

  it('in a repair as well', () => {
    const repaired = (stop: string) =>
      ovpay(
        `- name: x\n  rides: [{ ${FIRST}, stop: central, repaired: { at: 2024-03-04 08:20, stop: ${stop} } }]\n`,
      );
    expect(repaired('harbour')).toEqual([]);
    expect(repaired('harbor')).toEqual([expect.stringContaining('no package knows the stop "harbor"')]);
  });

  it('may have any name where no package says anything of stops', () => {
    const ride = '{ at: 2025-09-01 08:00, medium: social, route: T1, stop: anywhere, pays: 9.00 }';
    expect(lviv(`- name: x\n  rides: [${ride}]\n`).filter((one) => one.includes('the stop'))).toEqual([]);
  });
});

describe('a word about what was counted before', () => {
  const RIDES = new Map([
    [ovpay, `${FIRST}, stop: central`],
    [lviv, 'at: 2025-09-01 08:00, medium: social, route: T2, pays: 9.00'],
  ]);
  const told = (word: string, of = ovpay) =>
    of(
      `- name: x\n  entitlements: [{ concession: "${word}", from: 2024-01-01 }]\n  passes: [{ product: ${of === ovpay ? 'zone-1' : 'pass-30'}, from: 2024-01-01 00:00 }]\n  rides: [{ ${RIDES.get(of)} }]\n`,
    );

  it('names what the package or the case has', () => {
    expect(told('used:pensioner:3:0', lviv)).toEqual([]);
    expect(told('uses:pass-0:3')).toEqual([]);
    expect(told('spent:city-day:500:2')).toEqual([]);
    expect(told('begun:M1:central::0:1709532000000')).toEqual([]);
  });

  it.each([
    ['used:pensionr:3:0', 'no package knows the quota "pensionr": Write pensioner,', lviv],
    // A right that counts nothing: the word would count for none.
    ['used:student:3:0', 'no package knows the quota "student"', lviv],
    ['uses:pass-1:3', 'the pass "pass-1"', ovpay],
    ['spent:no-such:500:2', 'the cap "no-such"', ovpay],
    ['begun:M11:central::0:1709532000000', 'the route "M11": Write M1,', ovpay],
  ] as const)('%s is told', (word, what, of) => {
    expect(told(word, of)).toEqual([expect.stringContaining(what)]);
  });

  it.each(['used:pensioner:3', 'uses:pass-0', 'spent:', 'begun:%ZZ:a:b:0:1'])(
    '%s is told for its form',
    (word) => {
      expect(told(word)).toEqual([
        expect.stringMatching(
          /^TARIFF_VALUE_INVALID .* is no word about what was counted before: Write used:RIGHT/,
        ),
      ]);
    },
  );
});
