/** Claims and acts as pages: page after page, the same bytes for the same content, words in each language. */
import { expect, test } from 'vitest';
import { claimPdf } from '../../cli/audit/claim-pdf.ts';
import { actPdf } from '../../cli/settle/act-pdf.ts';
import { CLAIM_WORDS } from '../../fare-engine/claims/claim-words.ts';
import { made, ride } from '../fare-engine/support/claim-bundle.ts';

const names = (text: string) => ({ uk: `${text} (укр)`, en: text, de: `${text} (ä)`, pl: `${text} (ł)` });
const { claim } = made(
  Array.from({ length: 60 }, (_, i) =>
    ride(i, { routeId: `r${i}`, concessionId: i % 2 ? 'pensioner' : 'pupil' }),
  ),
);
const NAMES = {
  carrier: names('Тернопільелектротранс'),
  department: names('Департамент'),
  funding: { ...names('Бюджет'), code: '0312' },
  concessions: new Map([['pensioner', names('Пенсіонер за віком, постанова КМУ № 354')]]),
};
const party = (id: string) => ({ id, names: names(id), signs: names(`голова ${id}`) });
const sum = (lines: number) => ({
  currency: 'UAH',
  ...{ rides: 1200, transfers: 30, claimRides: 400, grossMinor: '1800000', transferMinor: '45000' },
  ...{ passMinor: '120000', penaltyMinor: '0', totalMinor: '-99' },
  lines: Array.from({ length: lines }, (_, i) => ({
    kind: 'pass-share',
    ref: `p${i}`,
    origin: '2025-10',
    rides: i,
    minor: '-99',
  })),
});
const ACT = {
  act: {
    ...{
      v: 1 as const,
      kind: 'settlement-act' as const,
      city: 'test',
      period: '2025-10',
      fromDay: '2025-10-01',
    },
    ...{ untilDay: '2025-11-01', closedAtMs: 0, closedBy: 'О. Бойко', packageHash: null },
    ...{ department: party('Місто'), carrier: party('тет'), sums: [sum(50)] },
  },
  sha256: 'a'.repeat(64),
  signatures: [
    {
      side: 'carrier' as const,
      name: 'І. Коваль',
      signedAtMs: 0,
      qualified: false,
      objections: true,
      note: '12 поїздок',
    },
  ],
};
const HASH = 'b'.repeat(64);
const pages = (pdf: Buffer) => pdf.toString('latin1').match(/\/Type \/Page\n/g)?.length;

test('claims and acts go over pages, and the same content makes the same bytes', async () => {
  const claims = [await claimPdf(claim, HASH, NAMES, 'uk'), await claimPdf(claim, HASH, NAMES, 'uk')];
  const [one, again] = claims as [Buffer, Buffer];
  expect(one.subarray(0, 5).toString()).toBe('%PDF-');
  expect(pages(one)).toBeGreaterThan(1);
  expect(one.equals(again)).toBe(true);
  expect(one.equals(await claimPdf(claim, HASH, NAMES, 'pl'))).toBe(false);
  expect(pages(await actPdf(ACT, 'de', 'Europe/Kyiv'))).toBeGreaterThan(1);
});

test('every language has its own words', () => {
  const { uk, en, de, pl } = CLAIM_WORDS;
  for (const key of Object.keys(uk) as (keyof typeof uk)[]) {
    const texts = [uk, en, de, pl].map((words) => JSON.stringify(words[key]));
    expect([key, new Set(texts).size]).toEqual([key, 4]);
  }
});
