import { describe, expect, it } from 'vitest';
import { LANGUAGES } from '#contracts/reason-codes.ts';
import { compareTariffs, SUBJECTS } from '../../../fare-engine/tariff-life/compare.ts';
import { SENTENCES, SUBJECT_WORDS } from '../../../fare-engine/tariff-life/diff-catalogue.ts';
import { diffTexts } from '../../../fare-engine/tariff-life/diff-text.ts';
import { VALUE_WORDS } from '../../../fare-engine/tariff-life/diff-values.ts';
import { FIELD_WORDS } from '../../../fare-engine/tariff-life/diff-words.ts';
import { BREAKDOWN, PACKAGE, packageOf, ternopil } from '../../support/tariff.ts';

type Change = Readonly<Record<string, string>>;

function changed(file: string, ...pairs: [from: string | RegExp, to: string][]): Change {
  let text = PACKAGE[file] as string;
  for (const [from, to] of pairs) {
    const next = text.replaceAll(from, to);
    expect(next).not.toBe(text);
    text = next;
  }
  return { [file]: text };
}

const OLD = packageOf();

/** The changes from the small package to a changed one, as short texts. */
function diff(change: Change, base: Change = {}): string[] {
  return compareTariffs(packageOf(base), packageOf({ ...base, ...change })).map((c) =>
    [
      `${c.subject} ${c.change} ${c.id}`,
      c.field,
      c.mediaId,
      c.categoryIds?.join('+'),
      c.change === 'added' || c.change === 'removed'
        ? ''
        : `${JSON.stringify(String(c.before))}→${JSON.stringify(String(c.after))}`,
    ]
      .filter((part) => part !== undefined && part !== '')
      .join(' '),
  );
}

describe('what a rider meets', () => {
  it('nothing, whatever the order of rows', () => {
    const rows = (PACKAGE['fare_products.txt'] as string).trim().split('\n');
    const turned = [rows[0], ...rows.slice(1).reverse()].join('\n');
    expect(diff({ 'fare_products.txt': `${turned}\n` })).toEqual([]);
  });

  it('a dearer price, for whom and with what; what follows by law goes with it', () => {
    expect(
      diff(
        changed('fare_products.txt', [
          'ride-private,Поїздка,full,wallet_card,15.00',
          'ride-private,Поїздка,full,wallet_card,16.00',
        ]),
      ),
    ).toEqual([
      'price dearer ride-private wallet_card donor "1200"→"1300"',
      'price dearer ride-private wallet_card full "1500"→"1600"',
    ]);
  });

  it('a cheaper price, a price that goes, one that comes', () => {
    expect(
      diff(
        changed(
          'fare_products.txt',
          ['ride-municipal,Поїздка,full,social_card,12.00', 'ride-municipal,Поїздка,full,social_card,11.99'],
          ['ride-private,Поїздка,full,wallet_card,15.00', 'ride-private,Поїздка,full,bank_card,15.00'],
        ),
      ).filter((line) => / full/.test(line)),
    ).toEqual([
      'price cheaper ride-municipal social_card full "1200"→"1199"',
      'price added ride-private bank_card full',
      'price removed ride-private wallet_card full',
    ]);
  });

  it('ids that are called otherwise change no price, and it is said', () => {
    const renamed = {
      ...changed('fare_leg_rules.txt', [/ride-municipal/g, 'ride-city'], [/,city,/g, ',town,']),
      ...changed('fare_transfer_rules.txt', [/city,city/g, 'town,town']),
      ...changed('fare_products.txt', [/ride-municipal/g, 'ride-city'], [/wallet_card/g, 'e_ticket']),
      ...changed('fare_media.txt', ['wallet_card', 'e_ticket']),
      ...changed('tap-policy.yaml', ['wallet_card', 'e_ticket']),
      ...changed('concessions.yaml', ['concession_id: donor', 'concession_id: blood-donor']),
    };
    expect(diff(renamed)).toEqual([
      'medium renamed e_ticket "wallet_card"→"e_ticket"',
      'product renamed ride-city "ride-municipal"→"ride-city"',
      'leg-group renamed town "city"→"town"',
      'concession renamed blood-donor "donor"→"blood-donor"',
    ]);
  });

  it('a ride that costs by another product from now on', () => {
    expect(diff(changed('fare_leg_rules.txt', ['private,ride-private', 'private,ride-municipal']))).toContain(
      'leg-rule changed private|||| fare_product_id "ride-private"→"ride-municipal"',
    );
  });
});

describe('rules, policy, law, dates', () => {
  it.each<[string, Change, string]>([
    [
      'transfers',
      changed('fare_transfer_rules.txt', ['1800', '3600']),
      'transfer-rule changed city → city duration_limit_s "1800"→"3600"',
    ],
    [
      'pass-back',
      changed('tap-policy.yaml', ['passback_s: 60', 'passback_s: 90']),
      'tap-policy changed private passback_s "60"→"90"',
    ],
    [
      'dates',
      changed('tariff.yaml', ['valid_to: null', 'valid_to: 2027-01-01']),
      'tariff changed  valid_to "null"→"2027-01-01"',
    ],
    [
      'an article',
      changed('concessions.yaml', ['article: п. 4', 'article: п. 14']),
      'concession changed donor article "п. 4"→"п. 14"',
    ],
    [
      'a discount',
      changed('concessions.yaml', ['discount_bp: 5000', 'discount_bp: 2500']),
      'concession changed pupil-private discount_bp "5000"→"2500"',
    ],
    [
      'a route',
      changed('route_networks.txt', ['private,P1', 'municipal,P1'], ['private,P2', 'municipal,P2']),
      'route changed P1, P2 network_id "private"→"municipal"',
    ],
    ['breakdowns', { 'breakdown.yaml': BREAKDOWN }, 'breakdown added private'],
  ])('%s', (_name, change, expected) => {
    expect(diff(change)).toContain(expected);
  });
});

describe('words', () => {
  it('every language has every word', () => {
    const rows = [
      ...Object.values(SUBJECT_WORDS),
      ...Object.values(FIELD_WORDS),
      ...Object.values(VALUE_WORDS).flatMap((values) => Object.values(values)),
      ...Object.values(SENTENCES),
    ];
    for (const words of rows) expect(words.map((text) => text !== '')).toEqual([true, true, true, true]);
    expect(Object.keys(SUBJECT_WORDS).sort()).toEqual([...SUBJECTS].sort());
    for (const words of Object.values(SENTENCES)) {
      const slots = words.map((text) => [...text.matchAll(/\{\w+\}/g)].map(String).sort().join());
      expect(new Set(slots).size).toBe(1);
    }
  });

  it('say by how much, with which medium, for whom, by which act', () => {
    const newer = packageOf({
      ...changed('fare_products.txt', ['full,social_card,12.00', 'full,social_card,14.00']),
      ...changed('concessions.yaml', ['discount_bp: 5000', 'discount_bp: 2500']),
    });
    const text = (language: 'uk' | 'en') => diffTexts(OLD, newer, compareTariffs(OLD, newer), language);
    expect(text('en')).toContain(
      'Price Поїздка (municipal), Соціальна карта: dearer by ₴2.00: ₴12.00 → ₴14.00 for: Повна вартість',
    );
    expect(text('en')).toContain('Concession pupil: discount: 50 % → 25 % (Order 1 en, para. 3)');
    expect(text('uk')).toContain('Пільга учень: знижка: 50 % → 25 % (Order 1 uk, п. 3)');
    expect(diffTexts(OLD, OLD, [], 'de')).toEqual(['Tarif: für Fahrgäste ändert sich nichts']);
  });

  it('say what a new rule is and until when, and name a residence by its own word', () => {
    const row = `names: { uk: а, en: a, de: a, pl: a }, act: order-1, article: "1"`;
    const newer = packageOf({
      'caps.yaml': `caps:\n  - { cap_id: day, ${row}, window: day, day_start: "04:30", basis: amount, cap_minor: 5000 }\n`,
      'emergency.yaml': `emergency:\n  - { rule_id: e, ${row}, valid_from: 2026-03-11, valid_to: 2026-04-11, suspends: transfers }\n`,
      'concessions.yaml': `${PACKAGE['concessions.yaml']}  - { concession_id: near, rider_category_id: donor, ${row}, level: city, valid_from: 2026-05-01, valid_to: null, discount_kind: free, resident_required: order-1, funding_id: city-budget }\n`,
    });
    const lines = diffTexts(OLD, newer, compareTariffs(OLD, newer), 'en');
    const line = (start: string) => lines.find((text) => text.startsWith(start));
    expect(line('Cap a: added: ')).toMatch(/limit ₴50\.00, start of the day 04:30, window day/);
    expect(line('Emergency rule a: added: ')).toMatch(
      /suspends transfers, holds from 2026-03-11, holds until 2026-04-11 \(/,
    );
    expect(line('Concession a: added: ')).toMatch(/only for residents of order-1, /);
  });

  it('are there for whatever changed in Ternopil', async () => {
    const [first, second, third] = (await ternopil()).packages;
    for (const [older, newer] of [
      [first, second],
      [second, third],
    ] as const) {
      if (!older || !newer) throw new Error('three packages');
      const changes = compareTariffs(older, newer);
      expect(changes.filter((c) => c.subject === 'price').length).toBeGreaterThan(5);
      // What holds as long as its package is told once.
      expect(changes.filter((c) => c.field === 'valid_from')).toHaveLength(1);
      for (const language of LANGUAGES) {
        const lines = diffTexts(older, newer, changes, language);
        expect(lines).toHaveLength(changes.length);
        expect(lines.filter((line) => /undefined|\[object|\{\w+\}/.test(line))).toEqual([]);
      }
    }
  });
});
