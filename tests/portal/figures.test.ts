/** The key figures and the tables below them speak of the same rides. */
import { beforeAll, describe, expect, it } from 'vitest';
import { readCityFolder } from '../../portal/adapters/city-folder.ts';
import type { CityNames } from '../../portal/city-names.ts';
import type { CityWire, TotalWire } from '../../portal/schemas.ts';
import { keyFigures, reconciliation } from '../../portal/views/figures.ts';
import { ledgerTable, moneyCards } from '../../portal/views/money.ts';
import { createWording } from '../../portal/wording.ts';
import { aCity } from './support/a-city.ts';

let names: CityNames;
beforeAll(async () => {
  names = (await readCityFolder('cities/ternopil')).names;
});

const total = (dimension: TotalWire['dimension'], key: string, rides: number): TotalWire => ({
  ...{ dimension, key, rides, claimRides: 0, grossMinor: '1200', riderMinor: '1200', budgetMinor: '0' },
  currency: 'UAH',
});

/** Ninety rides in each dimension; a hundred taps, since ten touches were repeated. */
function busyCity(): CityWire {
  return aCity({
    totals: [
      ...['social', 'wallet', 'bank'].map((key) => total('medium', key, 30)),
      ...Array.from({ length: 18 }, (_, i) => total('category', `category-${i}`, 5)),
      ...['tet', 'mat'].map((key) => total('carrier', key, 45)),
      ...['T2', 'T5', 'T7'].map((key) => total('route', key, 30)),
    ],
    counts: {
      ...{ records: 130, taps: 100, decidedTaps: 100, inbox: 0, queue: 0, quarantined: 0 },
      ...{ commandsWaiting: 0, commandsRefused: 0, stuck: 0, reconciled: true },
    },
  });
}

describe('rides', () => {
  it('the figure on top is the sum of the rides in each table, row by row as shown', () => {
    const wording = createWording('en', names);
    const figures = keyFigures(busyCity(), wording);
    const shown = Number(/<dt>Rides accounted<\/dt><dd><span class="figure-value">(\d+)/.exec(figures)?.[1]);
    const cards = moneyCards(busyCity().totals, wording).split('<section').slice(1);
    const sums = cards.map((card) =>
      [...card.matchAll(/<th scope="row">[^<]*<\/th><td class="n"[^>]*>(\d+)</g)].reduce(
        (sum, [, rides]) => sum + Number(rides),
        0,
      ),
    );
    expect(shown).toBe(90);
    expect(sums).toEqual([90, 90, 90, 90]);
  });

  it.each([
    ['uk', 'поїзд'],
    ['en', 'ride'],
    ['de', 'Fahrt'],
    ['pl', 'przejazd'],
  ] as const)('the reconciliation counts taps and does not call them rides (%s)', (language, ride) => {
    const text = reconciliation(busyCity(), createWording(language, names));
    expect(text).toContain('100');
    expect(text.toLowerCase()).not.toContain(ride.toLowerCase());
  });
});

describe('the trial balance', () => {
  const row = (kind: string, pendingMinor: string, postedMinor: string) => ({
    ...{ kind, currency: 'UAH', pendingMinor, postedMinor },
  });
  it('stands in the order of the chart, pending and final apart, each with its sum', () => {
    const rows = [row('revenue', '-1200', '-100'), row('rider', '1200', '0'), row('till', '0', '100')];
    const text = ledgerTable(rows, createWording('en', names))
      .replaceAll(/<[^>]+>/g, ' ')
      .replaceAll(/\s+/g, ' ');
    expect(text).toMatch(/Tills .*Riders .*Revenue of carriers .*Sum \S*0\.00 \S*0\.00/);
    expect(text).toContain('12.00');
    expect(ledgerTable([], createWording('en', names))).toContain('No postings yet.');
  });
});
