/** Clocks that are not sure, settled by later syncs and corrected by the office. On real PostgreSQL. */
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { ClockEvidence } from '#contracts/record.ts';
import { derivedAccountId } from '../../fare-engine/facts/account-of.ts';
import { reconcile } from '../../fare-engine/reconcile.ts';
import { clockSyncRow, type RowWish, tapIdOf, tapRow, token } from './support/a-record.ts';
import { type EngineDatabase, openEngineDatabase } from './support/engine-database.ts';
import { command } from './support/submit.ts';

let engine: EngineDatabase;
beforeAll(async () => {
  engine = await openEngineDatabase();
});
afterAll(() => engine.close());

const MINUTE_MS = 60_000;
const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const MORNING = Date.UTC(2025, 9, 14, 5, 0);
let next = 500;
const own = () => ({ device: `val-${++next}`, token: token(next) });

const boot = (digit: number): string => `${digit}`.repeat(32);
/** Monotonic time of a boot that began at an instant. */
const since = (begunMs: number, atMs: number): number => atMs - begunMs;

/** A device switched on at `begunMs`, unsynced, with a wall clock that shows `wallMs`. */
const unsure = (digit: number, begunMs: number, atMs: number, wallMs: number): ClockEvidence => ({
  wallMs,
  monoMs: since(begunMs, atMs),
  bootId: boot(digit),
});
const synced = (digit: number, begunMs: number, atMs: number): ClockEvidence => {
  const monoMs = since(begunMs, atMs);
  const sync = { serverMs: atMs, monoMs, bootId: boot(digit), rttMs: 20 };
  return { wallMs: 0, monoMs, bootId: boot(digit), sync };
};

async function lines(device: string) {
  const { rows } = await engine.admin.query(
    `SELECT d.tap_id AS tap, d.fare_day::text AS day, d.revision, d.kind, d.rider_minor::int AS rider,
            d.loss_minor::int AS loss, t.fare_at_ms::float8 AS at, t.uncertainty_ms::float8 AS unsure, t.flags
     FROM fare.latest_decision d JOIN fare.timed_tap t USING (tap_id)
     WHERE t.device_id = $1 ORDER BY t.seq`,
    [device],
  );
  return rows;
}

async function reconciled(): Promise<void> {
  const found = await reconcile(engine.admin);
  expect(found.problems).toEqual([]);
  expect(found).toMatchObject({ inbox: 0, queue: 0 });
}

describe('a validator that woke up in 1970', () => {
  test('is settled by its first sync: the ride moves to the day it took place on, once, and is marked', async () => {
    const who = own();
    const begunMs = MORNING - HOUR_MS;
    const atMs = MORNING;
    await engine.deliver([tapRow({ ...who, seq: 1, atMs, clock: unsure(1, begunMs, atMs, 120_000) })]);
    await engine.drain();
    expect(await lines(who.device)).toMatchObject([{ day: '1970-01-01', kind: 'ride' }]);
    const laterMs = MORNING + 5 * MINUTE_MS;
    await engine.deliver([
      clockSyncRow({ ...who, seq: 2, atMs: laterMs, clock: synced(1, begunMs, laterMs) }),
    ]);
    await engine.drain();
    const [line] = await lines(who.device);
    expect(line).toMatchObject({ day: '2025-10-14', at: atMs, rider: 1200, unsure: 25 });
    expect(line.flags).toEqual(expect.arrayContaining(['CLOCK_UNSYNCED', 'CLOCK_SETTLED']));
    const { rows } = await engine.admin.query(
      `SELECT (SELECT count(*)::int FROM fare.account_day WHERE fare_day = '1970-01-01') AS days,
              (SELECT t.fare_day::text FROM fare.tap t WHERE tap_id = $1) AS own`,
      [tapIdOf(who.device, 1)],
    );
    expect(rows).toEqual([{ days: 0, own: '1970-01-01' }]);
    await reconciled();
  });

  test('and lost its power again before any sync: put between the records around it in its journal', async () => {
    const who = own();
    const first = MORNING - HOUR_MS;
    const afterMs = MORNING + 10 * MINUTE_MS;
    await engine.deliver([
      clockSyncRow({ ...who, seq: 1, atMs: MORNING, clock: synced(1, first, MORNING) }),
      tapRow({ ...who, seq: 2, atMs: 0, clock: { ...unsure(2, 0, MINUTE_MS, 60_000) } }),
      clockSyncRow({ ...who, seq: 3, atMs: afterMs, clock: synced(3, MORNING, afterMs) }),
    ]);
    await engine.drain();
    const [line] = await lines(who.device);
    // After the sync and a minute of its own boot, before the next record: five and a half minutes, give or take as much.
    expect(line).toMatchObject({ day: '2025-10-14', kind: 'ride' });
    expect(line.at - line.unsure).toBeGreaterThanOrEqual(MORNING + MINUTE_MS - 20);
    expect(line.at + line.unsure).toBeLessThanOrEqual(afterMs + 20);
    await reconciled();
  });
});

test('drift of 200 ppm over seven days without the city: the sync at their end puts every tap within a second', async () => {
  const who = own();
  const begunMs = MORNING - 8 * DAY_MS;
  const fast = (atMs: number): number => Math.round((atMs - begunMs) * 1.0002);
  const startMs = MORNING - 7 * DAY_MS;
  const sync = { serverMs: startMs, monoMs: fast(startMs), bootId: boot(1), rttMs: 20 };
  const instants = Array.from({ length: 14 }, (_, n) => startMs + (n + 1) * 11 * HOUR_MS);
  await engine.deliver(
    instants.map((atMs, n) =>
      tapRow({
        ...who,
        seq: n + 1,
        atMs,
        clock: { wallMs: 0, monoMs: fast(atMs), bootId: boot(1), sync },
        receivedAtMs: MORNING,
      }),
    ),
  );
  await engine.drain();
  const before = await lines(who.device);
  expect(Math.abs(before[13].at - (instants[13] as number))).toBeGreaterThan(100_000);
  const last = { serverMs: MORNING, monoMs: fast(MORNING), bootId: boot(1), rttMs: 20 };
  const clock = { wallMs: 0, monoMs: last.monoMs, bootId: boot(1), sync: last };
  await engine.deliver([clockSyncRow({ ...who, seq: 99, atMs: MORNING, clock })]);
  await engine.drain();
  const after = await lines(who.device);
  // Those of the first 28 hours were sure enough by themselves and stay as they were.
  for (const [n, line] of after.entries()) {
    const offMs = Math.abs(line.at - (instants[n] as number));
    if (line.flags.includes('CLOCK_SETTLED')) expect(offMs).toBeLessThan(1000);
    else expect(line.revision).toBe(1);
  }
  expect(after.filter((line) => line.flags.includes('CLOCK_SETTLED'))).toHaveLength(12);
  await reconciled();
});

describe('the office corrects a clock', () => {
  test('by an offset, for an interval: its taps move, both days are priced again, others stay as they are', async () => {
    const who = own();
    const off = -DAY_MS;
    const tapAt = (seq: number, atMs: number) =>
      tapRow({ ...who, seq, atMs: atMs + off, receivedAtMs: atMs + off + 1000 });
    await engine.deliver([
      tapAt(1, MORNING),
      tapAt(2, MORNING + 3 * HOUR_MS),
      tapAt(3, MORNING + 9 * HOUR_MS),
    ]);
    await engine.drain();
    await command(engine, 'correct-clock', {
      deviceId: who.device,
      validFromMs: MORNING + off,
      validUntilMs: MORNING + off + 4 * HOUR_MS,
      offsetMs: DAY_MS,
      reason: 'the date had been set by hand',
      act: 'ticket 17',
    });
    await engine.drain();
    expect(await lines(who.device)).toMatchObject([
      { day: '2025-10-14', at: MORNING, flags: ['CLOCK_CORRECTED'] },
      { day: '2025-10-14', at: MORNING + 3 * HOUR_MS, flags: ['CLOCK_CORRECTED'] },
      { day: '2025-10-13', at: MORNING + 9 * HOUR_MS + off, revision: 1, flags: [] },
    ]);
    await reconciled();
  });

  test('its interval is half-open; of two the later stands; a part of a journal can be named', async () => {
    const who = own();
    const rows = [0, 1, 2].map((n) => tapRow({ ...who, seq: n + 1, atMs: MORNING + n }));
    const say = (more: object) =>
      command(engine, 'correct-clock', {
        deviceId: who.device,
        validFromMs: MORNING,
        validUntilMs: MORNING + 2,
        reason: 'wrong',
        ...more,
      });
    await say({ offsetMs: 5 * HOUR_MS });
    await engine.deliver(rows);
    await engine.drain();
    expect((await lines(who.device)).map((line) => line.at - MORNING)).toEqual([
      5 * HOUR_MS,
      5 * HOUR_MS + 1,
      2,
    ]);
    const { epoch } = rows[0] as RowWish;
    await say({ trueAtMs: MORNING + HOUR_MS, uncertaintyMs: 60_000, epoch, fromSeq: 2, toSeq: 2 });
    await engine.drain();
    expect(await lines(who.device)).toMatchObject([
      { at: MORNING + 5 * HOUR_MS, unsure: 0 },
      { at: MORNING + HOUR_MS, unsure: 60_000 },
      { at: MORNING + 2 },
    ]);
    await reconciled();
  });

  test('what makes no sense is refused, and changes nothing', async () => {
    const { device: deviceId } = own();
    const interval = { deviceId, validFromMs: MORNING, validUntilMs: MORNING + 1, reason: 'x' };
    for (const [payload, reason] of [
      [{ ...interval }, 'COMMAND_MALFORMED'],
      [{ ...interval, offsetMs: 1, trueAtMs: 1 }, 'COMMAND_MALFORMED'],
      [{ ...interval, offsetMs: 1, fromSeq: 1 }, 'COMMAND_MALFORMED'],
      [{ ...interval, offsetMs: 1, epoch: 'e'.repeat(32), fromSeq: 2, toSeq: 1 }, 'COMMAND_INTERVAL_EMPTY'],
      [{ ...interval, validUntilMs: MORNING, offsetMs: 1 }, 'COMMAND_INTERVAL_EMPTY'],
      [{ ...interval, offsetMs: 1, reason: '' }, 'COMMAND_MALFORMED'],
    ] as const) {
      const id = await command(engine, 'correct-clock', payload);
      const { rows } = await engine.admin.query(
        'SELECT reason FROM fare.command_refusal WHERE command_id = $1',
        [id],
      );
      expect(rows).toEqual([{ reason }]);
    }
    const { rows } = await engine.admin.query('SELECT FROM fare.clock_correction WHERE device_id = $1', [
      deviceId,
    ]);
    expect(rows).toEqual([]);
  });
});

test('a tap that moves out of its link is charged to the medium itself', async () => {
  const who = own();
  const begunMs = MORNING - HOUR_MS;
  await command(engine, 'link-medium', {
    tokenId: who.token,
    accountId: `acc-linked-${who.device}`,
    validFromMs: MORNING,
  });
  const trueMs = MORNING - 2 * MINUTE_MS;
  const wallMs = MORNING + 3 * MINUTE_MS;
  await engine.deliver([tapRow({ ...who, seq: 1, atMs: trueMs, clock: unsure(4, begunMs, trueMs, wallMs) })]);
  await engine.drain();
  const clock = synced(4, begunMs, MORNING + MINUTE_MS);
  await engine.deliver([clockSyncRow({ ...who, seq: 2, atMs: MORNING + MINUTE_MS, clock })]);
  await engine.drain();
  expect(await lines(who.device)).toMatchObject([{ at: trueMs, kind: 'ride', rider: 1200 }]);
  const { rows } = await engine.admin.query('SELECT account_id FROM fare.latest_decision WHERE tap_id = $1', [
    tapIdOf(who.device, 1),
  ]);
  expect(rows).toEqual([{ account_id: derivedAccountId(who.token) }]);
  await reconciled();
});

test('a correction from ever and for ever moves the taps like any other', async () => {
  const who = own();
  await engine.deliver([tapRow({ ...who, seq: 1, atMs: MORNING })]);
  await engine.drain();
  await command(engine, 'correct-clock', {
    deviceId: who.device,
    validFromMs: -8_640_000_000_000_000,
    validUntilMs: 8_640_000_000_000_000,
    offsetMs: -MINUTE_MS,
    reason: 'the clock had always been wrong',
  });
  await engine.drain();
  expect(await lines(who.device)).toMatchObject([{ at: MORNING - MINUTE_MS, flags: ['CLOCK_CORRECTED'] }]);
  await reconciled();
});

test('a corrected interval concerns later taps within it only: others need no second look', async () => {
  const who = own();
  const [validFromMs, validUntilMs] = [MORNING, MORNING + MINUTE_MS];
  await command(engine, 'correct-clock', {
    deviceId: who.device,
    validFromMs,
    validUntilMs,
    offsetMs: 5,
    reason: 'x',
  });
  await engine.drain();
  const instants = [validFromMs - 1, validFromMs, validUntilMs - 1, validUntilMs];
  await engine.deliver(instants.map((atMs, n) => tapRow({ ...who, seq: n + 1, atMs })));
  const { workInbox } = await import('../../fare-engine/work-chunk.ts');
  await workInbox(engine.deps(), 100);
  const { rows } = await engine.admin.query('SELECT ref FROM fare.clock_queue ORDER BY ref');
  expect(rows.map((row) => row.ref)).toEqual([tapIdOf(who.device, 2), tapIdOf(who.device, 3)]);
  await engine.drain();
  expect((await lines(who.device)).map((line) => line.at)).toEqual(
    instants.map((atMs, n) => (n === 1 || n === 2 ? atMs + 5 : atMs)),
  );
});

test('costs follow the taps concerned: a sync of a device without unsure taps queues nothing', async () => {
  const who = own();
  await engine.deliver([
    tapRow({ ...who, seq: 1, atMs: MORNING }),
    clockSyncRow({ ...who, seq: 2, atMs: MORNING, clock: synced(1, MORNING - HOUR_MS, MORNING) }),
  ]);
  const { workInbox } = await import('../../fare-engine/work-chunk.ts');
  await workInbox(engine.deps(), 100);
  const { rows } = await engine.admin.query('SELECT FROM fare.clock_queue');
  expect(rows).toEqual([]);
  await engine.drain();
});

test('in any order and any split the same times, lines and books come out', {
  timeout: 120_000,
}, async () => {
  const scenario = fc.record({
    taps: fc.array(
      fc.record({
        minute: fc.integer({ min: 0, max: 2880 }),
        card: fc.integer({ min: 1, max: 2 }),
        digit: fc.integer({ min: 1, max: 3 }),
        wall: fc.constantFrom(0, 3, -1440, -29_000_000),
      }),
      { minLength: 1, maxLength: 12 },
    ),
    syncs: fc.array(
      fc.record({ minute: fc.integer({ min: 0, max: 2880 }), digit: fc.integer({ min: 1, max: 3 }) }),
      { maxLength: 4 },
    ),
  });
  await fc.assert(
    fc.asyncProperty(scenario, fc.infiniteStream(fc.nat()), async ({ taps, syncs }, chance) => {
      const draw = (below: number): number => (chance.next().value as number) % below;
      const cards = next;
      const made = (device: string, shift: number): RowWish[] => {
        const ms = (minute: number) => MORNING + minute * MINUTE_MS;
        // The journal's order is the order of time, boots of one device may come in any: bounds contradict at times.
        const all = [
          ...taps.map((tap) => ({ ...tap, tap: true })),
          ...syncs.map((sync) => ({ ...sync, tap: false, card: 0, wall: 0 })),
        ].sort((a, b) => a.minute - b.minute);
        return all.map(({ minute, card, digit, wall, tap }, n) => {
          const atMs = ms(minute);
          const wish = { device, seq: n + 1, atMs, token: token(10 * cards + shift + card) };
          return tap
            ? tapRow({ ...wish, clock: unsure(digit, MORNING - DAY_MS, atMs, atMs + wall * MINUTE_MS) })
            : clockSyncRow({ ...wish, clock: synced(digit, MORNING - DAY_MS, atMs) });
        });
      };
      next += 2;
      const [one, other] = [`val-${next - 1}`, `val-${next}`] as const;
      await engine.deliver(made(one, 3));
      await engine.drain();
      const rows = made(other, 6);
      for (let i = rows.length - 1; i > 0; i--) {
        const j = draw(i + 1);
        [rows[i], rows[j]] = [rows[j] as RowWish, rows[i] as RowWish];
      }
      for (const row of rows) {
        await engine.deliver([row]);
        if (draw(2) === 0) await engine.drain({ rowsMax: 1 + draw(3) });
      }
      await engine.drain({ rowsMax: 2 });
      const bare = async (device: string) =>
        (await lines(device)).map(({ tap, revision: _, ...rest }) => ({ ...rest, tap: tap.split('.')[2] }));
      expect(await bare(other)).toEqual(await bare(one));
    }),
    { numRuns: 15 },
  );
  await reconciled();
});
