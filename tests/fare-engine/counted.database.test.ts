/** What is counted from day to day, in the engine on real PostgreSQL: caps of a week and a month, quotas under workers that race. */
import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { derivedAccountId } from '../../fare-engine/facts/account-of.ts';
import { createPricer } from '../../fare-engine/main.ts';
import type { Pricer } from '../../fare-engine/ports.ts';
import { reconcile } from '../../fare-engine/reconcile.ts';
import { workInbox, workQueue } from '../../fare-engine/work-chunk.ts';
import { capsFile } from '../support/money-tariff.ts';
import { PATIENCE, PROPERTY_RUNS, PROPERTY_SEED } from '../support/properties.ts';
import { PACKAGE, packageOf, timelineOf } from '../support/tariff.ts';
import { type RowWish, tapRow, token } from './support/a-record.ts';
import { calendar, type EngineDatabase, openEngineDatabase } from './support/engine-database.ts';
import { command } from './support/submit.ts';

const QUOTA_RIDES = 2;
/** Rides cost 12.00; a week at most 30.00, a month 50.00; who has the right rides free twice a month. */
const tariff = packageOf({
  'caps.yaml': capsFile(
    { cap_id: 'week', window: 'week', cap_minor: 3000, parent_cap_id: 'month', rider_category_ids: ['full'] },
    { cap_id: 'month', window: 'month', cap_minor: 5000, rider_category_ids: ['full'] },
  ),
  'concessions.yaml': (PACKAGE['concessions.yaml'] as string).replace(
    'discount_kind: free\n    media_required: social_card',
    `discount_kind: free\n    quota_window: month\n    quota_rides: ${QUOTA_RIDES}`,
  ),
});
let engine: EngineDatabase;
let pricer: Pricer;
beforeAll(async () => {
  pricer = createPricer(timelineOf(tariff), calendar);
  engine = await openEngineDatabase();
});
afterAll(() => engine.close());

const DAY_MS = 86_400_000;
/** A Monday, 9:00 in Kyiv. */
const MONDAY = Date.parse('2026-03-02T09:00:00+02:00');
const drain = () => engine.drain({ deps: engine.deps(pricer) });

async function ridesOf(device: string) {
  const { rows } = await engine.admin.query(
    `SELECT rider_minor::int AS rider, cap_minor::int AS cap, loss_minor::int AS loss, revision,
            adjusts_close::text AS adjusts
     FROM fare.latest_decision WHERE tap_id LIKE $1 || '.%' ORDER BY (substring(tap_id FROM '[0-9]+$'))::int`,
    [device],
  );
  return rows;
}
async function balances(device: string) {
  const { rows } = await engine.admin.query(
    `SELECT sum(CASE WHEN debit_account LIKE 'rider:%' THEN amount_minor WHEN credit_account LIKE 'rider:%' THEN -amount_minor ELSE 0 END)::int AS rider,
            sum(CASE WHEN debit_account = 'rebate:caps' THEN amount_minor WHEN credit_account = 'rebate:caps' THEN -amount_minor ELSE 0 END)::int AS rebate
     FROM fare.posting WHERE tap_id LIKE $1 || '.%'`,
    [device],
  );
  return rows[0];
}

test('caps of a week and a month reach over days, closes and late taps; what was closed gets a referenced adjustment', async () => {
  const ride = (day: number, receivedAfterMs = 1000) => {
    const atMs = MONDAY + day * DAY_MS;
    const receivedAtMs = atMs + receivedAfterMs;
    return tapRow({
      ...{
        device: 'caps',
        seq: day + 1,
        atMs,
        receivedAtMs,
        token: token(77),
        routeId: 'T1',
        vehicleId: `c${day}`,
      },
    });
  };
  // Monday, Wednesday, Thursday, Friday; Tuesday's tap is still on its bus.
  await engine.deliver([ride(0), ride(2), ride(3), ride(4)]);
  await drain();
  expect((await ridesOf('caps')).map(({ rider, cap }) => [rider, cap])).toEqual([
    [1200, 0],
    [1200, 0],
    [600, 600],
    [0, 1200],
  ]);
  engine.clock.setWall(MONDAY + 4 * DAY_MS);
  await command(engine, 'close-day', { fareDay: '2026-03-05' });
  await drain();
  // Tuesday's comes in time: it costs its fare, and rides after it cost less, on the closed days by adjustments that name their close.
  await engine.deliver([ride(1, 2 * DAY_MS)]);
  await drain();
  expect(await ridesOf('caps')).toMatchObject([
    { rider: 1200, revision: 1 },
    { rider: 1200, loss: 0 },
    { rider: 600, cap: 600, revision: 2, adjusts: '2026-03-05' },
    { rider: 0, cap: 1200, revision: 2, adjusts: '2026-03-05' },
    { rider: 0, cap: 1200 },
  ]);
  expect(await balances('caps')).toEqual({ rider: 3000, rebate: 3000 });
  // The week after has a count of its own; the month leaves 20.00 of it.
  await engine.deliver([ride(7), ride(8), ride(9)]);
  await drain();
  expect((await ridesOf('caps')).slice(5).map(({ rider, cap }) => [rider, cap])).toEqual([
    [1200, 0],
    [800, 400],
    [0, 1200],
  ]);
  // Much too late for a closed day: the city bears it, and nobody's cap is nearer for it.
  engine.clock.setWall(MONDAY + 11 * DAY_MS);
  await command(engine, 'close-day', { fareDay: '2026-03-11' });
  await drain();
  await engine.deliver([ride(6, 12 * DAY_MS)]);
  await drain();
  expect((await ridesOf('caps')).at(5)).toMatchObject({ rider: 1200, loss: 1200, cap: 0 });
  expect(await balances('caps')).toEqual({ rider: 5000, rebate: 4600 });
  expect((await reconcile(engine.admin)).problems).toEqual([]);
});

/** Two workers that take turns as they please until nothing is left. */
async function race(rowsMax: number): Promise<void> {
  const worker = async (): Promise<void> => {
    const deps = engine.deps(pricer);
    for (let retries = 0; ; ) {
      try {
        if ((await workInbox(deps, rowsMax)).claimed + (await workQueue(deps, rowsMax)).claimed === 0) return;
      } catch (error) {
        // The other was first with an account: rolled back, and again.
        retries += 1;
        if (retries > 50) throw error;
      }
    }
  };
  await Promise.all([worker(), worker()]);
  await worker();
}

/** Rides of a person in March and a few days of April, by eight-hour stretches from the first of March. */
const rides = fc.uniqueArray(fc.nat(3 * 38 - 1), { minLength: 3, maxLength: 3 });
const PER_ROUND = 1000;

test(
  'no quota is exceeded, nor is a ride of it lost, by two workers that price shuffled taps at once [group 14]',
  async () => {
    for (let from = 0; from < PROPERTY_RUNS; from += PER_ROUND) {
      const many = Math.min(PER_ROUND, PROPERTY_RUNS - from);
      const drawn = fc.sample(rides, { numRuns: many, seed: PROPERTY_SEED + from });
      const rows = drawn.flatMap((slots, i) => {
        const card = token(10_000 + from + i);
        return slots.map((slot, n) => ({
          sort: (slot * 7919 + i * 104_729) % 1009,
          row: tapRow({
            device: `race-${from}-${i % 50}`,
            seq: i * 10 + n + 1,
            atMs: Date.parse('2026-03-01T05:00:00+02:00') + slot * 8 * 3_600_000,
            token: card,
            routeId: 'T1',
            vehicleId: `bus-${slot}`,
          }),
        }));
      });
      await engine.admin.query(
        `INSERT INTO fare.entitlement (entitlement_id, account_id, concession_id, valid_from_ms, valid_until_ms, known_from_ms)
       SELECT 'race-' || a, a, 'pensioner', 0, NULL, 0 FROM unnest($1::text[]) AS a`,
        [drawn.map((_, i) => derivedAccountId(token(10_000 + from + i)))],
      );
      const shuffled = rows.sort((a, b) => a.sort - b.sort).map(({ row }) => row);
      const half = Math.floor(shuffled.length / 2);
      // The second half comes while the first is priced, with a tenth of it once more.
      await engine.deliver(shuffled.slice(0, half));
      const late: RowWish[] = [...shuffled.slice(half), ...shuffled.slice(0, half / 10)];
      await Promise.all([race(300), engine.deliver(late).then(() => race(200))]);
      const { rows: months } = await engine.admin.query<{ rides: number; free: number; paid: number }>(
        `SELECT count(*)::int AS rides, count(*) FILTER (WHERE concession_minor = 1200)::int AS free,
              count(*) FILTER (WHERE gross_minor = 1200 AND concession_minor = 0)::int AS paid
       FROM fare.latest_decision WHERE tap_id LIKE $1 || '%' GROUP BY account_id, left((fare_day)::text, 7)`,
        [`race-${from}-`],
      );
      expect(months.reduce((sum, month) => sum + month.rides, 0)).toBe(shuffled.length);
      for (const { rides: all, free, paid } of months)
        expect([free, paid]).toEqual([Math.min(all, QUOTA_RIDES), Math.max(0, all - QUOTA_RIDES)]);
    }
    expect((await reconcile(engine.admin)).problems).toEqual([]);
  },
  PATIENCE.timeout,
);
