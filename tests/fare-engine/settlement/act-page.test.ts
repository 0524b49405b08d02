import { describe, expect, test } from 'vitest';
import { LANGUAGES } from '#contracts/reason-codes.ts';
import { actText, parseAct, type SettlementAct } from '../../../fare-engine/settlement/act.ts';
import { actCsv, actPage } from '../../../fare-engine/settlement/act-page.ts';
import { periodOfDay } from '../../../fare-engine/settlement/period.ts';
import { actStatement } from '../../../fare-engine/settlement/signature-schemes.ts';

const names = (text: string) => ({ uk: text, en: `${text} en`, de: `${text} de`, pl: `${text} pl` });
const LINES = [
  { kind: 'fares' as const, ref: '', origin: '2025-10', rides: 5, minor: 123_456n },
  { kind: 'concession' as const, ref: 'бюджет <міста>', origin: '2025-09', rides: 1, minor: -1200n },
  { kind: 'other' as const, ref: '=1+1', origin: '2025-10', rides: 0, minor: 1n },
];
const text = actText(
  'tet',
  [
    {
      carrierId: 'tet',
      currency: 'UAH',
      figures: {
        rides: 6,
        transfers: 2,
        claimRides: 1,
        grossMinor: 130_000n,
        transferMinor: 0n,
        passMinor: 0n,
        penaltyMinor: 0n,
      },
      lines: LINES,
      totalMinor: 122_257n,
    },
  ],
  {
    period: periodOfDay('2025-10-14'),
    city: { id: 'test', names: names('Місто') },
    parties: {
      closeAfterDays: 5,
      closeAt: '12:00',
      department: { names: names('Департамент'), signs: names('начальник') },
      carriers: { tet: { names: names('КП «Тет»'), signs: names('директор') } },
    },
    closedAtMs: Date.parse('2025-11-05T10:00Z'),
    closedBy: 'О. Бойко',
    packageHash: null,
  },
);
const parsed = parseAct(JSON.parse(text));
const act = (parsed.ok ? parsed.value : undefined) as SettlementAct;
const shown = { act, sha256: 'ab'.repeat(32), signatures: [] };

describe('the page', () => {
  test('says in Ukrainian what is to be signed, and lets nothing through as markup', () => {
    const page = actPage(shown, 'uk', 'Europe/Kyiv');
    for (const words of [
      'Акт звірки розрахунків',
      'жовтень 2025',
      'КП «Тет» (tet)',
      '05.11.25, 12:00, О. Бойко',
      'Пільги, які відшкодовує бюджет &lt;міста&gt;',
      '2025-09',
      'ab'.repeat(32),
      'не підписано',
      'директор',
    ])
      expect(page).toContain(words);
    expect(page.replaceAll(/\s/g, ' ')).toContain('1 222,57');
    expect(page).not.toContain('<міста>');
    expect(page).not.toMatch(/<script|https?:/);
  });

  test('is whole in every language, with every word', () => {
    const pages = LANGUAGES.map((language) => actPage(shown, language, 'Europe/Kyiv'));
    expect(new Set(pages).size).toBe(LANGUAGES.length);
    for (const page of pages) expect(page).not.toMatch(/undefined|\{ref\}/);
  });

  test('shows who signed, that a signature is not qualified, and objections', () => {
    const signature = { side: 'carrier' as const, name: 'І. Підпис', signedAtMs: 0, qualified: false };
    const signatures = [{ ...signature, objections: true, note: '12 поїздок' }];
    const page = actPage({ ...shown, signatures }, 'uk', 'Europe/Kyiv');
    expect(page).toContain('підписано: І. Підпис');
    expect(page).toContain('підпис не є кваліфікованим; із запереченнями: 12 поїздок');
    expect(page).toContain('не підписано');
  });
});

test('the table has a row for each line and the total, and no formula', () => {
  expect(actCsv(shown).split('\r\n')).toEqual([
    'period,carrier_id,currency,kind,ref,origin,rides,amount_minor,act_sha256',
    `2025-10,tet,UAH,fares,,2025-10,5,123456,${shown.sha256}`,
    `2025-10,tet,UAH,concession,бюджет <міста>,2025-09,1,-1200,${shown.sha256}`,
    `2025-10,tet,UAH,other,'=1+1,2025-10,0,1,${shown.sha256}`,
    `2025-10,tet,UAH,total,,,6,122257,${shown.sha256}`,
    '',
  ]);
});

test('what is signed tells acts, sides, objections and their words apart', () => {
  const base = { period: '2025-10', carrierId: 'tet', actSha256: shown.sha256, side: 'carrier' as const };
  const statements = [
    { ...base, objections: false },
    { ...base, objections: true },
    { ...base, objections: true, note: 'a' },
    { ...base, objections: true, note: 'a\nas department' },
    { ...base, side: 'department' as const, objections: false },
    { ...base, carrierId: 'tet"\nas department', objections: false },
    { ...base, period: '2025-11', objections: false },
  ].map(actStatement);
  expect(new Set(statements).size).toBe(statements.length);
  for (const statement of statements) expect(statement.split('\n')).toHaveLength(6);
});
