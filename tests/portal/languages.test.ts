/** Who reads another language reads that language alone: no Ukrainian is left over on pages, in the stream's fragments or in answers. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { aDevice, aFreeExplanation, aFreeTap, aTap } from './support/fake-views.ts';
import { type TestPortal, testPortal } from './support/portal.ts';

let city: TestPortal;
const STEP = { kind: 'base', ruleId: 'leg', act: 'te-vk-2024', beforeMinor: '0', afterMinor: '1200' };

beforeAll(async () => {
  city = await testPortal();
  const { views } = city;
  const free = aFreeTap({ stopId: 'hoholia', carrierId: 'seret', routeId: 'P18' });
  views.taps = [free, aTap({ stopId: null, routeId: null, carrierId: 'halych' })];
  views.explanationRows.set(free.tapId, [
    aFreeExplanation({
      steps: [
        { ...STEP, article: 'not-established', params: { medium: 'social_card' } },
        {
          ...STEP,
          kind: 'concession',
          ruleId: 'pensioner',
          act: 'cmu-354',
          article: 'п. 1 (not-checked)',
          params: { concession: 'pensioner' },
        },
      ],
    }),
  ]);
  views.deviceRows = [aDevice('val-101')];
  views.totalRows = (
    [
      ['medium', 'social'],
      ['category', 'pensioner'],
      ['category', 'full'],
      ['carrier', 'seret'],
    ] as const
  ).map(([dimension, key]) => ({
    ...{ dimension, key, rides: 3n, claimRides: 3n, grossMinor: 3600n, riderMinor: 0n, currency: 'UAH' },
    concessionMinor: 3600n,
  }));
  views.ledgerRows = ['till', 'rider', 'budget', 'revenue', 'suspense'].map((kind) => ({
    ...{ kind, currency: 'UAH', pendingMinor: 1200n, postedMinor: 0n },
  }));
  views.budgetRows = [
    {
      ...{ fundingId: 'city-budget-law', carrierId: 'seret', concessionId: 'pensioner', claimRides: 3n },
      ...{ amountMinor: 3600n, currency: 'UAH' },
    },
  ];
});

afterAll(() => city.portal.stop());

describe.each(['en', 'de', 'pl'])('in %s', (language) => {
  it.each([
    ['the city page', '/'],
    ['an explanation', `/taps/${encodeURIComponent(aFreeTap().tapId)}`],
    ['its data', `/api/v1/taps/${encodeURIComponent(aFreeTap().tapId)}`],
    ['the map', '/city/network.json'],
    ['the snapshot', '/api/v1/city'],
  ])('%s holds no Cyrillic letter but the name of the language Ukrainian', async (_what, path) => {
    const answer = await city.get(`${path}?lang=${language}`, { accept: 'text/html' });
    expect(answer.status).toBe(200);
    const text = (await answer.text()).replaceAll('Українська', '');
    expect(text.length).toBeGreaterThan(300);
    expect(text.match(/[^<>"]*\p{Script=Cyrillic}[^<>"]*/gu) ?? []).toEqual([]);
  });
});

it('in Ukrainian the names are the feed’s own', async () => {
  const page = await (await city.get('/?lang=uk', { accept: 'text/html' })).text();
  expect(page).toContain('Вул. Гоголя');
  expect(page).toContain('Серет-Авто');
});
