/** Which package's terms a bank is asked by: both sides of each border. Pure, but for the city's file that names who holds the money. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { readTariffPackage, type TariffPackage } from '#pricing/tariff-package.ts';
import { createTariffTimeline } from '#pricing/tariff-timeline.ts';
import { loadMoneyHolders } from '../../../fare-engine/adapters/load-money-holders.ts';
import type { Acquirer } from '../../../fare-engine/bank/acquirer.ts';
import { type BankTerms, mayAskAgain, termsBook } from '../../../fare-engine/bank/bank-terms.ts';
import { type PaymentFile, workPayment } from '../../../fare-engine/bank/work-payment.ts';
import { filesOf } from '../../support/fare-feed.ts';
import { CALENDAR, PACKAGE, packageOf } from '../../support/tariff.ts';
import { tempFolder } from '../../support/temp-folder.ts';
import { WHOLE } from '../../support/whole-tariff.ts';
import { TERMS } from '../support/bank-terms.ts';
import { OneCard } from '../support/one-card.ts';

const LATER = Date.parse('2026-06-01T00:00:00Z');

/** A package from a day on, whose payments gather so many days; 0 = it says nothing of bank cards. */
function gathers(days: number, from: string, to: string | null = null): TariffPackage {
  const terms = (WHOLE['bank-terms.yaml'] as string).replace('window_days: 1', `window_days: ${days}`);
  const tariff = (PACKAGE['tariff.yaml'] as string)
    .replace('valid_from: 2026-01-01', `valid_from: ${from}`)
    .replace('valid_to: null', `valid_to: ${to}`)
    .replace('version_id: test-1', `version_id: test-${from}-${days}`);
  return packageOf({ 'tariff.yaml': tariff, ...(days > 0 && { 'bank-terms.yaml': terms }) });
}

function book(packages: readonly TariffPackage[], activations = new Map<string, number>()) {
  const { timeline } = createTariffTimeline(packages, activations);
  const terms = termsBook(() => timeline, CALENDAR);
  return (day: string | null, knownAsOfMs = LATER) => terms.of(day, knownAsOfMs)?.windowDays ?? null;
}

describe('kvytok tariff check of bank-terms.yaml', () => {
  const check = (from: string, to: string, media = 'social: social_card, bank: bank_card'): string[] => {
    const tapPolicy = (PACKAGE['tap-policy.yaml'] as string).replace(
      /medium_kinds: .*/,
      `medium_kinds: { ${media} }`,
    );
    const terms = (WHOLE['bank-terms.yaml'] as string).trimStart().replace(from, to);
    const files = filesOf({ ...PACKAGE, 'tap-policy.yaml': tapPolicy, 'bank-terms.yaml': terms });
    const { problems } = readTariffPackage(files);
    // No ride of this package has a price for bank cards, which is another check's matter.
    const said = problems.filter(({ code }) => code !== 'TARIFF_MEDIUM_PRICE');
    return said.map((p) => `${p.code} ${p.file}:${p.line}:${p.column} ${p.severity}`);
  };

  test('a bank is asked for the last time in the hour before the debt is written off, and no later', () => {
    const days90 = 90 * 24;
    expect(check('[24, 72]', `[24, ${days90 - 25}]`)).toEqual([]);
    expect(check('[24, 72]', `[24, ${days90 - 24}]`)).toEqual([
      'TARIFF_BANK_TERMS bank-terms.yaml:6:21 error',
    ]);
  });

  test('acts, codes and fields are those that there are; what has no effect is a warning', () => {
    const told = (...args: Parameters<typeof check>) => check(...args)[0];
    expect(told('act: order-1', 'act: order-9')).toBe('TARIFF_ACT_UNKNOWN bank-terms.yaml:10:1 error');
    expect(told('"43"', '"51"')).toBe('TARIFF_ID_TWICE bank-terms.yaml:9:67 error');
    expect(told('window_days: 1', 'window_days: 0')).toBe('TARIFF_SCHEMA bank-terms.yaml:3:1 error');
    expect(told('window_days: 1', 'days: 1')).toBe('TARIFF_SCHEMA bank-terms.yaml:1:1 error');
    expect(told('again: true', 'again: false')).toBe('TARIFF_VALUE_IGNORED bank-terms.yaml:6:1 warning');
    expect(told('', '', 'social: social_card')).toBe('TARIFF_VALUE_IGNORED bank-terms.yaml:1:1 warning');
  });
});

describe('the terms of a fare day', () => {
  const old = gathers(1, '2026-01-01');
  const next = gathers(7, '2026-03-01');

  test('are those of the package in force when the day begins', () => {
    const of = book([old, next]);
    expect([of('2026-02-28'), of('2026-03-01')]).toEqual([1, 7]);
    // The fare day begins at 4:00: until then the day before is meant.
    const night = Date.parse('2026-03-01T04:00:00+02:00');
    expect([of(null, night - 1), of(null, night)]).toEqual([1, 7]);
  });

  test('are told as they were known: what is activated later changes nothing that was planned before', () => {
    const again = gathers(3, '2026-03-01');
    const activatedMs = Date.parse('2026-03-10T12:00:00Z');
    const of = book([old, next, again], new Map([[again.hash, activatedMs]]));
    expect([of('2026-03-05', activatedMs - 1), of('2026-03-05', activatedMs)]).toEqual([7, 3]);
  });

  test('where a package says nothing are those of the last before it that does, else of the first after it', () => {
    const silent = gathers(0, '2026-04-01');
    expect(book([old, next, silent])('2026-04-02')).toBe(7);
    expect(book([gathers(0, '2025-01-01'), next])('2026-02-02')).toBe(7);
    expect(book([gathers(1, '2026-01-01', '2026-02-01'), next])('2026-02-10')).toBe(1);
    expect(book([silent])('2026-04-02')).toBeNull();
  });

  test('name the currency of their tariff, and which answers may be asked again', () => {
    const { timeline } = createTariffTimeline([old]);
    const terms = termsBook(() => timeline, CALENDAR).of('2026-02-01', LATER);
    if (terms === null) throw new Error('no terms');
    expect(terms).toMatchObject({ currency: 'UAH', gatherMinorMax: 30000n, retryAfterH: [24, 72] });
    expect(['51', '43', '99'].map((code) => mayAskAgain(code, terms))).toEqual([true, false, false]);
  });
});

describe('days on both sides of a border', () => {
  const story = (card: OneCard): bigint[] => card.payments.map(({ payment }) => payment.amountMinor);

  /** Three days are gathered until the 15th, one from then on. */
  function across(): OneCard {
    const card = new OneCard();
    card.termsOf = (day) => ({ ...TERMS, windowDays: day < '2025-10-15' ? 3 : 1 });
    return card;
  }

  test('are gathered by the terms of the oldest, and asked for together', () => {
    const card = across();
    card.cost('2025-10-14', 'a', 1000n, true);
    card.cost('2025-10-15', 'a', 500n, true);
    card.close('2025-10-15');
    card.turn();
    expect(story(card)).toEqual([]);
    card.close('2025-10-16');
    card.turn();
    expect(story(card)).toEqual([1500n]);
    card.cost('2025-10-17', 'a', 700n, true);
    card.close('2025-10-17');
    card.turn();
    expect(story(card)).toEqual([1500n, 700n]);
  });

  test('without an old one among them go by the new terms alone', () => {
    const card = across();
    card.cost('2025-10-15', 'a', 500n, true);
    card.close('2025-10-15');
    card.turn();
    expect(story(card)).toEqual([500n]);
  });
});

describe('a payment', () => {
  const HOUR_MS = 3_600_000;
  const madeAtMs = Date.parse('2026-03-02T10:00:00Z');
  const blank = { key: 'k', reference: null, amountMinor: null };
  /** A charge of two days that its bank has declined. */
  const file: PaymentFile = {
    payment: {
      ...{ paymentId: 'bp-1', kind: 'charge', tokenId: 'k2.t', amountMinor: 1500n, currency: 'UAH' },
      ...{ tapId: 'tap', refunds: null, madeAtMs },
    },
    items: ['2026-03-01', '2026-02-28'].map((fareDay) => ({ fareDay, accountId: 'a', amountMinor: 750n })),
    events: [
      { ...blank, n: 1, kind: 'asked', code: null, atMs: madeAtMs },
      { ...blank, n: 2, kind: 'declined', code: '51', atMs: madeAtMs },
    ],
    ...{ authorisation: '', acquirerKeyId: '', refundsReference: null, refundsKey: null },
  };
  /** Takes it on an hour later; gives the questions to the book, and when it is due. */
  async function taken(of: (day: string | null, knownAsOfMs: number) => BankTerms | null) {
    const asked: [string | null, number][] = [];
    let dueMs: number | null = null;
    const nobody = () => Promise.reject(new Error('nothing is asked of a bank'));
    await workPayment('bp-1', {
      store: {
        load: async () => file,
        append: nobody,
        defer: async (_file, untilMs) => {
          dueMs = untilMs;
        },
      },
      acquirer: new Proxy({} as Acquirer, { get: () => nobody }),
      terms: {
        of: (day, knownAsOfMs) => {
          asked.push([day, knownAsOfMs]);
          return of(day, knownAsOfMs);
        },
      },
      nowMs: () => madeAtMs + HOUR_MS,
      probe: () => {},
    });
    return { asked, dueMs };
  }
  const retries = (hours: number): BankTerms => ({ ...TERMS, retryAfterH: [hours] });

  test('goes by the terms of its oldest day as they were known when it was made, whatever was activated since', async () => {
    const found = await taken((_day, knownAsOfMs) => retries(knownAsOfMs <= madeAtMs ? 24 : 5));
    expect(found).toEqual({ asked: [['2026-02-28', madeAtMs]], dueMs: madeAtMs + 24 * HOUR_MS });
  });

  test('goes by those of now where none of then is known any more, and rests while there are none', async () => {
    const taker = await taken((_day, knownAsOfMs) => (knownAsOfMs > madeAtMs ? retries(5) : null));
    expect(taker.dueMs).toBe(madeAtMs + 5 * HOUR_MS);
    expect((await taken(() => null)).dueMs).toBe(madeAtMs + 2 * HOUR_MS);
  });
});

describe('bank-cards.yaml', () => {
  test('names who holds the money; terms that stood there before are refused by name', () => {
    const folder = tempFolder('holders');
    try {
      const read = (text: string) => {
        writeFileSync(join(folder.path, 'bank-cards.yaml'), text);
        return () => loadMoneyHolders(folder.path);
      };
      mkdirSync(join(folder.path, 'empty'));
      expect(loadMoneyHolders(join(folder.path, 'empty'))).toBeNull();
      expect(read('countryCode: 804\n')()).toBeNull();
      const named = 'acquiring: { acquirerId: acq, providerId: pay';
      expect(read(`${named} }`)()).toEqual({ acquirerId: 'acq', providerId: 'pay' });
      expect(read(`${named}, windowDays: 1, codes: {} }`)).toThrow(
        expect.objectContaining({
          code: 'BANK_TERMS_MOVED',
          message: expect.stringContaining('(windowDays, codes)'),
        }),
      );
      for (const wrong of [`${named}, more: 1 }`, 'acquiring: 1', 'acquiring: {}', '{'])
        expect(read(wrong), wrong).toThrow(expect.objectContaining({ code: 'CITY_DATA_INVALID' }));
    } finally {
      folder.remove();
    }
  });
});
