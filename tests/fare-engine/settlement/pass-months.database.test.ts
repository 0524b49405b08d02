/** Passes over the months, on a real PostgreSQL: each month takes what it has earned, and the liability ends at nothing. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { TariffTimeline } from '#pricing/tariff-timeline.ts';
import * as settleCommand from '../../../cli/commands/settle.ts';
import { previewSettlement } from '../../../fare-engine/read-settlement.ts';
import type { SettlementTerms } from '../../../fare-engine/settle-commands.ts';
import { instantsOf, parsePeriod } from '../../../fare-engine/settlement/period.ts';
import { trialBalance } from '../../../fare-engine/trial-balance.ts';
import { runCommand } from '../../support/command-io.ts';
import { tapRow, token } from '../support/a-record.ts';
import { calendar, type EngineDatabase, openEngineDatabase } from '../support/engine-database.ts';
import { moneyPricer } from '../support/money-pricer.ts';
import { command } from '../support/submit.ts';

const names = (text: string) => ({ uk: text, en: text, de: text, pl: text });
const party = (text: string) => ({ names: names(text), signs: names(`голова ${text}`) });
const TERMS = [
  {
    fare_product_id: 'month',
    kind: 'pass',
    validity_amount: 1,
    validity_unit: 'month',
    validity_type: 'calendar',
  },
  {
    fare_product_id: 'rolling',
    kind: 'pass',
    validity_amount: 30,
    validity_unit: 'day',
    validity_type: 'rolling',
    give_back: 'days',
  },
  {
    fare_product_id: 'lost',
    kind: 'pass',
    validity_amount: 1,
    validity_unit: 'day',
    validity_type: 'calendar',
    activation: 'first_use',
    activate_within_days: 10,
  },
  {
    fare_product_id: 'ten',
    kind: 'carnet',
    rides: 10,
    validity_amount: 2,
    validity_unit: 'month',
    validity_type: 'calendar',
  },
  {
    fare_product_id: 'two',
    kind: 'carnet',
    rides: 2,
    give_back: 'rides',
    validity_amount: 2,
    validity_unit: 'month',
    validity_type: 'calendar',
  },
];
const terms: SettlementTerms = {
  city: {
    id: 'test',
    names: names('Місто'),
    zone: 'Europe/Kyiv',
    dayStart: '04:00',
    settlement: {
      closeAfterDays: 5,
      closeAt: '12:00',
      department: party('Департамент'),
      carriers: { tet: party('Тет'), mat: party('Мат') },
    },
  },
  tariffs: {
    at: () => ({
      hash: 'a'.repeat(64),
      revenueSplit: [],
      tariff: { zone: 'Europe/Kyiv' },
      heldTerms: new Map(TERMS.map((term) => [term.fare_product_id, term])),
    }),
  } as unknown as TariffTimeline,
  schemes: [],
};

type City = EngineDatabase & { say(kind: string, payload: object): Promise<string> };
let city: City;
beforeAll(async () => {
  const engine = await openEngineDatabase();
  city = {
    ...engine,
    say: (kind, payload) => command(engine, kind as never, payload as never, undefined, terms),
  };
  for (const [n, carrierId] of [
    [1, 'tet'],
    [2, 'mat'],
  ] as const) {
    await city.say('assign-vehicle', { vehicleId: `bus-${n}`, carrierId, validFromMs: 0 });
    await city.say('assign-device', { deviceId: `val-${n}`, vehicleId: `bus-${n}`, validFromMs: 0 });
  }
});
afterAll(() => city.close());

const ride = (bus: number, seq: number, person: number, atMs: number) =>
  tapRow({ device: `val-${bus}`, vehicleId: `bus-${bus}`, seq, atMs, token: token(person) });
const drain = (one: City) => one.drain({ deps: one.deps(moneyPricer(3000n)) });
const close = (one: City, period: string) => one.say('close-settlement', { period, who: 'О. Бойко' });

describe('the price of a pass', () => {
  const to = (text: string) => city.clock.advance(Date.parse(text) - city.clock.nowMs());
  const sell = async (person: number, passId: string, fareProductId: string, from: string, minor: string) => {
    await city.say('link-medium', { tokenId: token(person), accountId: `person-${person}`, validFromMs: 0 });
    const sale = { passId, accountId: `person-${person}`, fareProductId, validFromMs: Date.parse(from) };
    await city.say('sell-pass', { ...sale, amountMinor: minor, currency: 'UAH', source: 'kiosk-7' });
  };
  const shares = async (period: string) => {
    const { rows } = await city.admin.query<{ share: [string, string, number] }>(
      `SELECT json_build_array(item_id, carrier_id, amount_minor) AS share FROM fare.published_settlement_share
       WHERE period = $1 AND kind = 'pass' ORDER BY item_id, carrier_id`,
      [period],
    );
    return rows.map(({ share }) => share);
  };
  const balance = async (account: string) => {
    const found = (await trialBalance(city.admin)).accounts.find((row) => row.account === account);
    return found === undefined ? 0n : found.postedCreditMinor - found.postedDebitMinor;
  };
  const months = async (period: string) => {
    const { rows } = await city.admin.query<{ row: [string, number, number, string | null] }>(
      `SELECT json_build_array(pass_id, earned_minor, left_minor, first_day) AS row FROM fare.pass_month
       WHERE period = $1 ORDER BY pass_id`,
      [period],
    );
    return rows.map(({ row }) => row);
  };

  const preview = (id: string, tariffs: SettlementTerms['tariffs']) => {
    const period = parsePeriod(id) as NonNullable<ReturnType<typeof parsePeriod>>;
    const { untilMs } = instantsOf(period, terms.city);
    return previewSettlement(city.admin, period, untilMs, [], { tariffs, calendar });
  };

  test('is earned day by day and ride by ride: a month takes its part, the rest stays owed', async () => {
    to('2025-12-10T10:00+02:00');
    await sell(1, 'ten-1', 'ten', '2025-12-10T09:00+02:00', '1000');
    await sell(2, 'lost-2', 'lost', '2025-12-10T09:00+02:00', '250');
    await sell(3, 'ahead-3', 'rolling', '2026-02-01T12:00+02:00', '3100');
    // 31 fare days: 17 December to 16 January.
    await sell(4, 'roll-4', 'rolling', '2025-12-17T12:00+02:00', '3100');
    await sell(5, 'roll-5', 'rolling', '2025-12-17T12:00+02:00', '3100');
    await sell(6, 'two-6', 'two', '2025-12-10T09:00+02:00', '200');
    await sell(7, 'two-7', 'two', '2025-12-10T09:00+02:00', '200');
    const december = (day: number) => Date.parse(`2025-12-${day}T10:00+02:00`);
    await city.deliver([
      ...[ride(1, 101, 1, december(18)), ride(1, 102, 1, december(19)), ride(2, 101, 1, december(20))],
      ...[ride(1, 103, 4, december(18)), ride(2, 102, 5, december(18))],
      ...[ride(1, 201, 6, december(18)), ride(1, 202, 6, december(19))],
      ...[ride(1, 203, 7, december(18)), ride(1, 204, 7, december(19))],
      ride(1, 205, 8, december(31)),
    ]);
    await drain(city);
    // Its ride belongs to the month before its sale.
    to('2026-01-02T10:00+02:00');
    await sell(8, 'ten-8', 'ten', '2025-12-31T09:00+02:00', '1000');
    await drain(city);
    to('2026-01-05T13:00+02:00');
    await city.say('close-day', { fareDay: '2025-12-31' });
    await close(city, '2025-12');
    expect(await months('2025-12')).toEqual([
      ['ahead-3', 0, 3100, '2026-02-01'],
      ['lost-2', 250, 0, null],
      ['roll-4', 1500, 1600, '2025-12-17'],
      ['roll-5', 1500, 1600, '2025-12-17'],
      ['ten-1', 300, 700, '2025-12-10'],
      ['two-6', 200, 0, '2025-12-10'],
      ['two-7', 200, 0, '2025-12-10'],
    ]);
    expect(await shares('2025-12')).toEqual([
      ['rolling', 'mat', 1500],
      ['rolling', 'tet', 1500],
      ['ten', 'mat', 75],
      ['ten', 'tet', 225],
      ['two', 'tet', 400],
    ]);
    // Nobody rode with what was lost: it waits one month more.
    expect(await balance('liability:passes')).toBe(3100n + 1600n + 1600n + 700n + 250n + 1000n);
  });

  test('given back, run out and lost it ends at nothing; the month is found again', async () => {
    await city.say('return-holding', {
      ...{
        passId: 'roll-5',
        to: 'till',
        source: 'kiosk-7',
        reason: 'переїзд',
        by: 'О. Бойко',
        amountMinor: '1100',
      },
    });
    await city.say('return-holding', {
      ...{ passId: 'ahead-3', to: 'wallet', reason: 'хвороба', by: 'О. Бойко', amountMinor: '3100' },
    });
    // Two carnets that had earned all, of each a ride is withdrawn; of one no month was kept: it was divided at its sale.
    await city.admin.query(`DELETE FROM fare.pass_month WHERE pass_id = 'two-7'`);
    await city.admin.query(
      `INSERT INTO fare.decision SELECT (jsonb_populate_record(d, jsonb_build_object('revision', d.revision + 1, 'supersedes',
         d.revision, 'kind', 'withdrawn', 'gross_minor', 0, 'pass_minor', 0, 'steps', '[]'::jsonb, 'adjusts_close', d.fare_day,
         'xact', pg_current_xact_id()))).* FROM fare.latest_decision d
       WHERE d.account_id IN ('person-6', 'person-7') AND d.fare_day = '2025-12-19'`,
    );
    for (const passId of ['two-6', 'two-7'])
      await city.say('return-holding', {
        ...{ passId, to: 'wallet', reason: 'переїзд', by: 'О. Бойко', amountMinor: '100' },
      });
    await city.deliver([
      ride(2, 105, 6, Date.parse('2026-01-05T09:00+02:00')),
      ride(2, 106, 8, Date.parse('2026-01-05T09:30+02:00')),
      ride(2, 103, 4, Date.parse('2026-01-06T10:00+02:00')),
      ride(2, 104, 1, Date.parse('2026-01-06T11:00+02:00')),
    ]);
    await drain(city);
    to('2026-02-05T13:00+02:00');
    await city.say('close-day', { fareDay: '2026-01-31' });
    await close(city, '2026-01');
    expect(await months('2026-01')).toEqual([
      ['ahead-3', 0, 0, '2026-02-01'],
      ['roll-4', 1600, 0, '2025-12-17'],
      ['roll-5', 500, 0, '2025-12-17'],
      // Its time ended with the month: six rides that nobody made.
      ['ten-1', 700, 0, '2025-12-10'],
      ['ten-8', 1000, 0, '2025-12-31'],
      ['two-6', -100, 0, '2025-12-10'],
      ['two-7', -100, 0, '2025-12-10'],
    ]);
    expect(await shares('2026-01')).toEqual([
      ['rolling', 'mat', 2100],
      ['ten', 'mat', 1700],
      ['two', 'mat', -200],
      ['two', 'tet', 0],
    ]);
    expect([await balance('liability:passes'), await balance('kept:passes')]).toEqual([0n, 250n]);
    const counted = await city.admin.query(
      `SELECT period, rides FROM fare.pass_month WHERE pass_id = 'ten-8'`,
    );
    expect(counted.rows).toEqual([{ period: '2026-01', rides: 2 }]);
    expect((await trialBalance(city.admin)).problems).toEqual([]);
    for (const id of ['2025-12', '2026-01']) {
      const period = parsePeriod(id) as NonNullable<ReturnType<typeof parsePeriod>>;
      const { untilMs } = instantsOf(period, terms.city);
      const books = { tariffs: terms.tariffs, calendar };
      expect(await previewSettlement(city.admin, period, untilMs, [], books)).toMatchObject({
        settled: { ok: true },
        differing: [],
        passesAsSold: false,
      });
    }
  });

  test('a settled month reads what was said of earlier rides when it was settled, and no word of later', async () => {
    const look = () => preview('2025-12', terms.tariffs);
    const before = await look();
    // Not lost, if that had been known: its first use was elsewhere, in January.
    await city.say('grant-entitlement', {
      ...{ entitlementId: 'late-word', accountId: 'person-2', concessionId: 'uses:lost-2:1' },
      validFromMs: Date.parse('2026-01-10T09:00+02:00'),
    });
    expect(await look()).toEqual(before);
    expect(before).toMatchObject({ settled: { settlement: { carried: [{ fareProductId: 'lost' }] } } });
    await city.say('revoke-entitlement', {
      ...{ entitlementId: 'late-word', validUntilMs: Date.parse('2026-01-10T09:00+02:00') },
    });
    expect(await look()).toEqual(before);
  });

  test('a month that was settled before passes were earned by months is not said to differ for their shares, and for all else it is', async () => {
    const period = parsePeriod('2025-12') as NonNullable<ReturnType<typeof parsePeriod>>;
    const { untilMs } = instantsOf(period, terms.city);
    const look = async () => {
      const found = await previewSettlement(city.admin, period, untilMs, [], {
        tariffs: terms.tariffs,
        calendar,
      });
      return [found.differing, found.passesAsSold];
    };
    const change = (kind: string) =>
      city.admin.query(
        `UPDATE fare.settlement_act SET bytes = new.bytes, sha256 = sha256(convert_to(new.bytes, 'UTF8'))
         FROM (SELECT carrier_id, regexp_replace(bytes, '("kind": "${kind}"[^}]*"minor": ")', '\\11') AS bytes
                 FROM fare.settlement_act WHERE period = $1 AND carrier_id = 'mat') AS new
         WHERE period = $1 AND settlement_act.carrier_id = new.carrier_id`,
        [period.id],
      );
    await change('pass-share');
    expect(await look()).toEqual([['mat'], false]);
    await city.admin.query('DELETE FROM fare.pass_month WHERE period = $1', [period.id]);
    expect(await look()).toEqual([[], true]);
    await change('fares');
    expect(await look()).toEqual([['mat'], true]);
  });

  test('a product that no package knows is named with the money that waits for one', async () => {
    await sell(9, 'odd-9', 'unheard-of', '2026-02-01T09:00+02:00', '500');
    await sell(10, 'odd-10', 'unheard-of', '2026-02-02T09:00+02:00', '250');
    const odd = { fareProductId: 'unheard-of', currency: 'UAH', minor: 750n };
    expect(await preview('2026-02', terms.tariffs)).toMatchObject({ withoutTerms: [odd] });
    expect(await preview('2026-01', terms.tariffs)).toMatchObject({ withoutTerms: [] });
    const env = {
      KVYTOK_POSTGRES_URL: city.database.url('auditor_runtime'),
      KVYTOK_CITY_DIR: 'cities/ternopil',
    };
    const said = (...args: string[]) =>
      runCommand(settleCommand, ['preview', '2026-02', ...args], '', process.cwd(), env);
    expect((await said('--lang', 'en')).stdout).toMatch(
      /^! No package knows unheard-of: .*7\.50.* liability:passes/m,
    );
    const { withoutTerms } = JSON.parse((await said('--json')).stdout);
    expect(withoutTerms).toContainEqual({ ...odd, minor: '750' });
  });
});
