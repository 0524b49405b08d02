/** Tariffs as plain GTFS Fares v2: a stranger's reader finds nothing strange, and prices what we price. */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { decimal, plainTariff } from '../../../fare-engine/open-data/plain-tariff.ts';
import { createFarePricer } from '../../../fare-engine/pricing/fares-v2/fare-pricer.ts';
import { readFeed } from '../../../fare-engine/pricing/gtfs/read-feed.ts';
import { quoteJourney } from '../../../fare-engine/pricing/quote.ts';
import { readTariffPackage, type TariffPackage } from '../../../fare-engine/pricing/tariff-package.ts';
import { readPackageFiles } from '../../../fare-engine/tariffs/load-tariff.ts';

const CITIES = join(import.meta.dirname, '../../../cities');
const packages = readdirSync(CITIES, { withFileTypes: true })
  .filter((city) => city.isDirectory())
  .flatMap((city) =>
    readdirSync(join(CITIES, city.name, 'tariff')).map((version) => `${city.name}/tariff/${version}`),
  );

async function load(path: string) {
  const source = await readPackageFiles(join(CITIES, path));
  if (!('files' in source)) throw new Error(source.problem.message);
  const read = readTariffPackage(source.files);
  if (!read.ok) throw new Error(read.problems[0]?.message);
  return { files: source.files, read: read.package, plain: plainTariff(source.files, read.package) };
}

/** Journeys of one and two legs between networks, at several times of a working day and a Sunday. */
function journeys({ pricer }: TariffPackage, day: string) {
  const routes = [...(pricer.feed.networkOfRoute ?? new Map([['', '']])).keys()];
  const stops = [...(pricer.feed.areasOfStop?.keys() ?? ['x'])].slice(0, 4);
  const legs = routes.slice(0, 6).flatMap((routeId, at) =>
    ['05:10', '08:00', '13:40', '23:50'].map((time, n) => ({
      routeId,
      fromStopId: stops[(at + n) % stops.length] ?? 'x',
      toStopId: stops[(at + n + 1) % stops.length] ?? 'x',
      departure: `${day}T${time}:00Z`,
      arrival: `${day}T${time.slice(0, 3)}${Number(time.slice(3)) + 5}:00Z`,
    })),
  );
  const second = legs[1];
  const change = legs
    .slice(0, 8)
    .map((leg) => ({ ...leg, departure: `${day}T08:20:00Z`, arrival: `${day}T08:25:00Z` }));
  return [...legs.map((leg) => [leg]), ...(second === undefined ? [] : change.map((leg) => [second, leg]))];
}

describe.each(packages)('%s', (path) => {
  test('a stranger’s reader has no error, and each medium and category costs what it costs here', async () => {
    const { read, plain } = await load(path);
    const bytes = new Map([...plain.files].map(([name, content]) => [name, Buffer.from(content)]));
    const { feed, problems } = readFeed(bytes, { zone: read.tariff.zone });
    expect(problems.filter((problem) => problem.severity === 'error')).toEqual([]);
    const pricer = createFarePricer(feed);
    const day = read.tariff.valid_from < '2019-01-01' ? '2019-03-05' : read.tariff.valid_from;
    let priced = 0;
    for (const legs of journeys(read, day)) {
      for (const riderCategoryId of [undefined, ...read.pricer.feed.categories.keys()]) {
        const request = { id: 'j', legs, ...(riderCategoryId === undefined ? {} : { riderCategoryId }) };
        const ours = quoteJourney(read.pricer, request);
        const theirs = quoteJourney(pricer, request);
        if ('error' in ours || 'error' in theirs) {
          expect('error' in theirs && theirs.error.code).toBe('error' in ours && ours.error.code);
          continue;
        }
        expect(theirs.totals).toEqual(ours.totals);
        priced += Object.values(ours.totals).filter((total) => total !== null).length;
      }
    }
    expect(priced).toBeGreaterThan(10);
  });
  test('it has the standard’s columns alone, and is the same bytes each time', async () => {
    const { files, read, plain } = await load(path);
    for (const [name, content] of plain.files) {
      const head = content.split('\n')[0];
      expect(`${name}: ${head}`).not.toMatch(/rule_id|\bact\b|article|\byaml/);
      expect(name).toMatch(/^[a-z_]+\.txt$/);
    }
    expect(plainTariff(files, read)).toEqual(plain);
  });
});

test('a concession’s price is a row of its own, and what the standard cannot say is named', async () => {
  const { plain } = await load('ternopil/tariff/2024-08-01');
  expect(plain.files.get('fare_products.txt')).toContain(
    'ride-municipal,Поїздка в комунальному транспорті,pensioner,social_card,0.00,UAH',
  );
  expect(plain.notExpressed).toContain('breakdown');
  expect((await load('lviv-like/tariff/2026-03-11')).plain.notExpressed).toEqual(
    expect.arrayContaining(['quotas', 'emergency']),
  );
  expect((await load('london-like/tariff/2019-01-02')).plain.notExpressed).toContain('caps');
});

test('amounts have the places of their currency', () => {
  expect([
    decimal(1250n, 2),
    decimal(5n, 2),
    decimal(0n, 2),
    decimal(-70n, 2),
    decimal(7n, 0),
    decimal(1n, 3),
  ]).toEqual(['12.50', '0.05', '0.00', '-0.70', '7', '0.001']);
});
