/** From a driver's declaration to the next ride's price, on real PostgreSQL. */
import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { parseFactBundle } from '#pricing/fact-bundle.ts';
import { repriceBundle } from '#pricing/reprice-bundle.ts';
import { exportFacts } from '../../fare-engine/export-facts.ts';
import type { Pricer } from '../../fare-engine/ports.ts';
import { reconcile } from '../../fare-engine/reconcile.ts';
import { readPackageFiles } from '../../fare-engine/tariffs/load-tariff.ts';
import {
  breakdownRow,
  clockSyncRow,
  type RowWish,
  shiftRow,
  tapIdOf,
  tapRow,
  token,
} from './support/a-record.ts';
import { inOneGo, outcome } from './support/any-order-run.ts';
import { closeOf, doorsOf, factsOf, history, rowsOf } from './support/breakdown-scenario.ts';
import { type EngineDatabase, openEngineDatabase } from './support/engine-database.ts';
import { repriceBooks } from './support/reprice-books.ts';
import { CITY_DIR } from './support/running-engine.ts';
import { command } from './support/submit.ts';
import { ternopilPricer } from './support/ternopil-pricer.ts';

const MINUTE_MS = 60_000;
const DAY_MS = 86_400_000;
const MORNING = Date.UTC(2025, 9, 14, 5);
let engine: EngineDatabase;
let pricer: Pricer;
beforeAll(async () => {
  engine = await openEngineDatabase();
  pricer = await ternopilPricer();
});
afterAll(() => engine.close());

let seq = 0;
const at = (minutes: number) => ({ seq: ++seq, atMs: MORNING + minutes * MINUTE_MS });
const settle = (): Promise<void> => engine.drain({ deps: engine.deps(pricer) });

/** A rider on `bus` of a story that breaks off after 20 minutes, and in another bus 25 minutes later. */
function ride(story: string, card: number) {
  const first = tapRow({
    ...at(0),
    device: `${story}-1`,
    token: token(card),
    vehicleId: `${story}-bus`,
    routeId: 'T5',
  });
  const next = tapRow({
    ...at(45),
    device: `${story}-9`,
    token: token(card),
    vehicleId: 'other',
    routeId: 'T7',
  });
  return { first, next, nextId: tapIdOf(`${story}-9`, next.seq) };
}

async function lineOf(tapId: string) {
  const { rows } = await engine.admin.query(
    `SELECT kind, gross_minor::int AS gross, rider_minor::int AS rider, transfer_minor::int AS transfer, breakdown_id,
            revision, adjusts_close::text AS adjusts, steps FROM fare.latest_decision WHERE tap_id = $1`,
    [tapId],
  );
  return rows[0];
}

test('a breakdown that comes after both rides makes the second one free, and is told to the auditor', async () => {
  const story = 'plain';
  for (const door of [1, 2]) {
    await command(engine, 'assign-device', {
      deviceId: `${story}-${door}`,
      vehicleId: `${story}-bus`,
      validFromMs: 0,
    });
  }
  const { first, next, nextId } = ride(story, 101);
  await engine.deliver([first, next]);
  await settle();
  expect(await lineOf(nextId)).toMatchObject({ kind: 'ride', rider: 1200, breakdown_id: null, revision: 1 });

  // Declared at the other door, and delivered twice.
  const declared = breakdownRow({ ...at(20), device: `${story}-2`, vehicleId: 'wrong-belief' });
  await engine.deliver([declared, declared]);
  await settle();
  await engine.deliver([declared]);
  await settle();
  const breakdownId = tapIdOf(`${story}-2`, declared.seq);
  const line = await lineOf(nextId);
  expect(line).toMatchObject({
    kind: 'transfer',
    gross: 1200,
    rider: 0,
    transfer: 1200,
    breakdown_id: breakdownId,
    revision: 2,
  });
  expect(line.steps[1]).toMatchObject({ kind: 'breakdown', ruleId: 'breakdown-ride', act: 'cmu-812' });

  const auditor = await engine.admin.query('SELECT * FROM fare.published_breakdown WHERE breakdown_id = $1', [
    breakdownId,
  ]);
  expect(auditor.rows).toMatchObject([
    {
      vehicle_id: `${story}-bus`,
      vehicle_assigned: true,
      rides: 1n,
      waived_minor: 1200n,
      clock_unsure: false,
    },
  ]);
  const { rows } = await engine.admin.query(
    "SELECT encode(record_sha256, 'hex') AS sha, staff_id FROM fare.breakdown WHERE record_id = $1",
    [breakdownId],
  );
  expect(rows).toEqual([{ sha: declared.hash, staff_id: token(999) }]);
});

test('a device that the city has put on no vehicle speaks for its own rides only', async () => {
  const own = ride('alone', 111);
  const declared = breakdownRow({ ...at(20), device: 'alone-1', vehicleId: 'plain-bus' });
  await engine.deliver([own.first, own.next, declared]);
  await settle();
  expect(await lineOf(own.nextId)).toMatchObject({
    rider: 0,
    breakdown_id: tapIdOf('alone-1', declared.seq),
  });
  const other = ride('stranger', 112);
  const believed = breakdownRow({ ...at(20), device: 'stranger-2', vehicleId: 'stranger-bus' });
  await engine.deliver([other.first, other.next, believed]);
  await settle();
  expect(await lineOf(other.nextId)).toMatchObject({ rider: 1200, breakdown_id: null });
  // Once the city says that it rides on that vehicle, it does.
  for (const door of [1, 2]) {
    await command(engine, 'assign-device', {
      deviceId: `stranger-${door}`,
      vehicleId: 'stranger-bus',
      validFromMs: 0,
    });
  }
  await settle();
  expect(await lineOf(other.nextId)).toMatchObject({ rider: 0 });
  await command(engine, 'assign-device', { deviceId: 'stranger-2', vehicleId: 'depot', validFromMs: 0 });
  await settle();
  expect(await lineOf(other.nextId)).toMatchObject({ rider: 1200 });
});

test('a shift that began in between, told late, is another journey', async () => {
  const { first, next, nextId } = ride('shift', 121);
  const declared = breakdownRow({ ...at(20), device: 'shift-1', vehicleId: 'shift-bus', routeId: 'T5' });
  await engine.deliver([first, next, declared]);
  await settle();
  expect(await lineOf(nextId)).toMatchObject({ rider: 0 });
  await engine.deliver([shiftRow({ ...at(10), device: 'shift-1', vehicleId: 'shift-bus', routeId: 'T5' })]);
  await settle();
  expect(await lineOf(nextId)).toMatchObject({ rider: 1200 });
});

test('a clock that is off is settled like that of a tap, by a later sync or by the office', async () => {
  const bootId = '7'.repeat(32);
  const wallMs = MORNING - 3 * DAY_MS;
  const clock = (minutes: number) => ({ wallMs, monoMs: minutes * MINUTE_MS, bootId });
  const settled = ride('sync', 131);
  const corrected = ride('office', 132);
  const lost = (device: string) => breakdownRow({ ...at(20), device, clock: clock(20) });
  await engine.deliver([
    settled.first,
    settled.next,
    corrected.first,
    corrected.next,
    lost('sync-1'),
    lost('office-1'),
  ]);
  await settle();
  expect(await lineOf(settled.nextId)).toMatchObject({ rider: 1200 });
  const sync = { serverMs: MORNING + 60 * MINUTE_MS, monoMs: 60 * MINUTE_MS, bootId, rttMs: 20 };
  await engine.deliver([clockSyncRow({ ...at(60), device: 'sync-1', clock: { ...clock(60), sync } })]);
  await settle();
  expect(await lineOf(settled.nextId)).toMatchObject({ rider: 0 });
  expect(await lineOf(corrected.nextId)).toMatchObject({ rider: 1200 });
  await command(engine, 'correct-clock', {
    deviceId: 'office-1',
    validFromMs: wallMs - 1000,
    validUntilMs: wallMs + 1000,
    offsetMs: 3 * DAY_MS + 20 * MINUTE_MS,
    uncertaintyMs: 1000,
    reason: 'the battery was changed',
  });
  await settle();
  expect(await lineOf(corrected.nextId)).toMatchObject({ rider: 0 });
});

test('an export carries what befell the taps, and a stranger reaches the same lines', async () => {
  const read = await readPackageFiles(`${CITY_DIR}/tariff/2024-08-01`);
  if (!('files' in read)) throw new Error(read.problem.message);
  await engine.admin.query(
    `INSERT INTO fare.tariff_activation (package_hash, version_id, names, valid_from_ms, known_from_ms)
     SELECT DISTINCT package_hash, 'v', '{}'::jsonb, 0, 0 FROM fare.decision WHERE package_hash IS NOT NULL`,
  );
  const lines: string[] = [];
  const request = {
    fromDay: '2025-10-13',
    untilDay: '2025-10-16',
    zone: 'Europe/Kyiv',
    dayStart: '04:00',
    packages: [read.files],
  };
  // Ternopil has no price for baggage: it is named, and travels as it was recorded.
  const bag = tapRow({
    ...at(2),
    device: 'bag-1',
    token: token(199),
    vehicleId: 'bag-bus',
    routeId: 'T5',
    bags: 2,
  });
  await engine.deliver([bag]);
  await settle();
  expect((await lineOf(tapIdOf('bag-1', bag.seq))).steps.at(-1).params).toMatchObject({ bags: '2' });
  await exportFacts(engine.admin, request, async (line) => void lines.push(line));
  expect(lines.filter((line) => line.includes('"bags":2'))).toHaveLength(1);
  const bundle = parseFactBundle(lines);
  if (!bundle.ok) throw new Error(bundle.problem.message);
  const repriced = [...repriceBundle(bundle.bundle)].map(({ line }) => [
    line.tapId,
    line.riderMinor,
    line.steps.map((s) => s.kind).join(),
  ]);
  const { rows } = await engine.admin.query('SELECT tap_id, rider_minor, steps FROM fare.latest_decision');
  const decided = rows.map((row) => [
    row.tap_id,
    row.rider_minor,
    row.steps.map((s: { kind: string }) => s.kind).join(),
  ]);
  expect(repriced.sort()).toEqual(decided.sort());
  expect(repriced.filter(([, , kinds]) => String(kinds).includes('breakdown')).length).toBeGreaterThan(3);
  const again = await repriceBooks(engine, `${CITY_DIR}/tariff`, request, 1);
  expect(again).toMatchObject({ stoppedAt: null, differing: 0, differences: [], taps: repriced.length });
  expect((await reconcile(engine.admin)).problems).toEqual([]);
});

test('after the close a breakdown still lowers the charge, and says what it adjusts', async () => {
  const { first, next, nextId } = ride('late', 141);
  await engine.deliver([first, next]);
  await settle();
  engine.clock.setWall(MORNING + 4 * DAY_MS);
  await command(engine, 'close-day', { fareDay: '2025-10-14' });
  await engine.deliver([breakdownRow({ ...at(20), device: 'late-1', receivedAtMs: MORNING + 9 * DAY_MS })]);
  await settle();
  expect(await lineOf(nextId)).toMatchObject({ rider: 0, adjusts: '2025-10-14' });
  expect((await reconcile(engine.admin)).problems).toEqual([]);
});

test('whatever the order, the database finds what the rules make of all facts together', {
  timeout: 120_000,
}, async () => {
  let run = 0;
  await fc.assert(
    fc.asyncProperty(history, fc.infiniteStream(fc.nat()), async (given, chance) => {
      const draw = (below: number): number => (chance.next().value as number) % below;
      run += 1;
      const morning = { day: 10 + run, name: `run${run}`, firstCard: 1000 * run };
      const rows = rowsOf(given, morning);
      const expected = outcome(await inOneGo({ rows, facts: factsOf(given, morning) }, pricer));
      engine.clock.setWall(MORNING + morning.day * DAY_MS);
      const tell = async () => {
        for (const door of doorsOf(given, morning)) await command(engine, 'assign-device', door);
      };
      // What a closed day shall know of its vehicles has to be known before.
      if (given.closed) await tell();
      if (given.closed) {
        const fareDay = new Date(MORNING + morning.day * DAY_MS).toISOString().slice(0, 10);
        await engine.admin.query('INSERT INTO fare.close VALUES ($1, $2)', [fareDay, closeOf(morning)]);
      }
      const events: (RowWish | typeof tell)[] = [
        ...rows,
        ...rows.slice(0, 2),
        ...(given.closed ? [] : [tell]),
      ];
      for (let i = events.length - 1; i > 0; i--) {
        const j = draw(i + 1);
        [events[i], events[j]] = [events[j] as RowWish, events[i] as RowWish];
      }
      for (const event of events) {
        if (typeof event === 'function') await event();
        else await engine.deliver([event]);
        if (draw(2) === 0) await engine.drain({ deps: engine.deps(pricer), rowsMax: 1 + draw(4) });
      }
      await settle();
      const found = await engine.admin.query(
        `SELECT tap_id, kind, rider_minor, loss_minor, steps FROM fare.latest_decision WHERE tap_id LIKE $1`,
        [`${morning.name}-%`],
      );
      const lines = found.rows.map((row) => [
        row.tap_id,
        row.kind,
        row.rider_minor,
        row.loss_minor,
        JSON.stringify(row.steps),
      ]);
      const wanted = [...expected.lines].map(([tapId, line]) => [
        tapId,
        line.kind,
        line.riderMinor,
        line.lossMinor,
        line.steps,
      ]);
      expect(lines.sort()).toEqual(wanted.sort());
    }),
    { numRuns: 10 },
  );
  expect((await reconcile(engine.admin)).problems).toEqual([]);
});
