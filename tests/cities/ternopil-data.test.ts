/** City file, devices and tariff packages of Ternopil: they agree with the feed and with the facts they cite. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse as parseCsv } from 'csv-parse/sync';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { loadCity } from '#platform/city-data.ts';

const dir = join(import.meta.dirname, '../../cities/ternopil');
const csv = (path: string) =>
  parseCsv(readFileSync(join(dir, path), 'utf8'), { columns: true }) as Record<string, string>[];
const yaml = (path: string) => parse(readFileSync(join(dir, path), 'utf8'));
const packages = readdirSync(join(dir, 'tariff')).sort();
const { city, devices } = loadCity(dir);

describe('the city file', () => {
  test('begins the simulation on a working day under the tariff of 2024', () => {
    const day = new Date(`${city.simulation.startsAt}Z`);
    expect([1, 2, 3, 4, 5]).toContain(day.getUTCDay());
    const { valid_from, valid_to } = yaml('tariff/2024-08-01/tariff.yaml');
    const date = city.simulation.startsAt.slice(0, 10);
    expect(date >= valid_from && date < valid_to).toBe(true);
  });

  test('gives validators the same pass-back as the tariffs', () => {
    for (const name of packages) {
      for (const row of yaml(`tariff/${name}/tap-policy.yaml`).networks) {
        const where = `network "${row.network_id}" of tariff/${name}/tap-policy.yaml`;
        expect(
          city.validator.passBackS,
          `validator.passBackS of city.yaml is what devices do, passback_s what is priced; they differ in ${where}`,
        ).toBe(row.passback_s);
      }
    }
  });
});

describe('the devices', () => {
  test('are at least 24, one for each block of the feed, and a desk without a block', () => {
    const blocks = new Set(csv('gtfs/trips.txt').map((row) => row['block_id']));
    const driven = devices.filter((device) => device.blockId !== undefined);
    expect(driven.length).toBeGreaterThanOrEqual(24);
    expect(new Set(driven.map((device) => device.blockId))).toEqual(blocks);
    expect(devices.filter((d) => d.blockId === undefined).map((d) => d.deviceId)).toEqual(['val-desk-1']);
  });

  test('belong to the carrier of their route', () => {
    const carrierOf = new Map(csv('gtfs/routes.txt').map((row) => [row['route_id'], row['agency_id']]));
    for (const { deviceId, routeId, carrierId } of devices)
      expect(carrierOf.get(routeId), deviceId).toBe(carrierId);
  });
});

describe('the tariffs', () => {
  const prices = (name: string) => {
    const network = csv(`tariff/${name}/networks.txt`)[0]?.['network_id'];
    return Object.fromEntries(
      csv(`tariff/${name}/fare_products.txt`)
        .filter((row) => row['fare_product_id'] === `ride-${network}`)
        .map((row) => [row['fare_media_id'], row['amount']]),
    );
  };

  test('carry the published prices', () => {
    expect(prices('2018-11-01')).toEqual({
      social_card: '5.00',
      anonymous_card: '6.00',
      bank_card: '6.00',
      cash: '8.00',
    });
    expect(prices('2021-10-01')).toMatchObject({
      social_card: '8.00',
      anonymous_card: '9.00',
      bank_card: '10.00',
    });
    expect(prices('2024-08-01')).toEqual({
      social_card: '12.00',
      anonymous_card: '14.00',
      bank_card: '15.00',
    });
  });

  test('follow one another without gap or overlap and end where the unknown tariff begins', () => {
    const spans = packages.map((name) => yaml(`tariff/${name}/tariff.yaml`));
    expect(spans.map((s) => s.valid_from)).toEqual(packages);
    spans.forEach((span, i) => {
      expect(span.valid_to).toBe(spans[i + 1]?.valid_from ?? '2026-03-23');
    });
    expect(spans.at(-1).superseded_note.en).toContain('23 March 2026');
  });

  test('put every route of the feed into one network, the trolleybus alone in 2018', () => {
    const types = new Map(csv('gtfs/routes.txt').map((row) => [row['route_id'], row['route_type']]));
    for (const name of packages) {
      const routed = csv(`tariff/${name}/route_networks.txt`).map((row) => row['route_id']);
      const wanted = [...types.keys()].filter((id) => name !== '2018-11-01' || types.get(id) === '11');
      expect(routed.toSorted(), name).toEqual(wanted.toSorted());
    }
  });

  test('cite a declared act and an article in every concession, and pay it from a declared funding', () => {
    for (const name of packages) {
      const acts = new Set(yaml(`tariff/${name}/tariff.yaml`).acts.map((a: { act_id: string }) => a.act_id));
      const funding = new Set(
        yaml(`tariff/${name}/funding.yaml`).funding.map((f: { funding_id: string }) => f.funding_id),
      );
      for (const row of yaml(`tariff/${name}/concessions.yaml`).concessions) {
        expect(acts.has(row.act), row.concession_id).toBe(true);
        expect(row.article.length, row.concession_id).toBeGreaterThan(0);
        expect(funding.has(row.funding_id), row.concession_id).toBe(true);
      }
    }
  });

  test('give every concession that the simulated riders claim', () => {
    const ids = yaml('tariff/2024-08-01/concessions.yaml').concessions.map(
      (c: { concession_id: string }) => c.concession_id,
    );
    for (const { concessionId } of yaml('riders.yaml').concessions) expect(ids).toContain(concessionId);
  });
});
