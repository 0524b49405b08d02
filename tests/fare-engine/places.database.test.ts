/**
 * What the engine loads of places is enough, and what a late fact queues is enough: after any history, in any order and
 * with two workers at once, each decision says what the rules make of all facts together.
 */
import { randomUUID } from 'node:crypto';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { workShifts } from '../../fare-engine/adapters/shift-queue.ts';
import { assign, type PlaceFacts } from '../../fare-engine/facts/assign.ts';
import type { DirectionId, ShiftEvent } from '../../fare-engine/facts/facts.ts';
import { factOfRecord } from '../../fare-engine/facts/tap-of-record.ts';
import { reconcile } from '../../fare-engine/reconcile.ts';
import { workInbox, workQueue } from '../../fare-engine/work-chunk.ts';
import { type RowWish, shiftRow, tapRow, token } from './support/a-record.ts';
import { type EngineDatabase, openEngineDatabase, RULES } from './support/engine-database.ts';
import { command } from './support/submit.ts';

let engine: EngineDatabase;
beforeAll(async () => {
  engine = await openEngineDatabase();
});
afterAll(() => engine.close());

const START = Date.UTC(2025, 9, 14, 0, 0);
const MINUTE_MS = 60_000;
const minute = fc.integer({ min: 0, max: 3 * 24 * 60 });
const two = fc.integer({ min: 1, max: 2 });
const length = fc.constantFrom(30, 300, 3000);

const history = fc.record({
  taps: fc.array(fc.record({ minute, device: fc.integer({ min: 1, max: 3 }), card: two }), {
    minLength: 1,
    maxLength: 12,
  }),
  shifts: fc.array(
    fc.record({
      minute,
      device: fc.integer({ min: 1, max: 3 }),
      action: fc.constantFrom('open' as const, 'open' as const, 'close' as const),
      source: fc.constantFrom('driver' as const, 'plan' as const),
    }),
    { maxLength: 8 },
  ),
  moves: fc.array(fc.record({ minute, device: fc.integer({ min: 1, max: 3 }), vehicle: two, length }), {
    maxLength: 5,
  }),
  said: fc.array(
    fc.record({ minute, vehicle: two, length, sort: fc.constantFrom('plan', 'correction', 'carrier') }),
    { maxLength: 4 },
  ),
});

let run = 0;

async function turns(shifts: boolean): Promise<number> {
  const deps = engine.deps();
  const inbox = (await workInbox(deps, 3)).claimed;
  const waiting = shifts ? await workShifts(engine.pool, 2) : 0;
  return inbox + waiting + (await workQueue(deps, 3)).claimed;
}

/** Two workers that take turns as they please until nothing is left. */
async function drain(): Promise<void> {
  const worker = async (shifts: boolean): Promise<void> => {
    for (let failures = 0; failures < 20; ) {
      try {
        if ((await turns(shifts)) === 0) return;
      } catch {
        failures += 1;
      }
    }
  };
  await Promise.all([worker(true), worker(false)]);
  await worker(true);
}

async function factsOf(prefix: string): Promise<PlaceFacts> {
  const rows = async (table: string, column: string) =>
    (await engine.admin.query(`SELECT * FROM fare.${table} WHERE ${column} LIKE $1`, [`${prefix}%`])).rows;
  const dated = (row: Record<string, unknown>) => ({
    assignmentId: row['assignment_id'] as string,
    validFromMs: Number(row['valid_from_ms']),
    validUntilMs: row['valid_until_ms'] === null ? null : Number(row['valid_until_ms']),
    knownFromMs: Number(row['known_from_ms']),
  });
  return {
    assignments: (await rows('device_assignment', 'device_id')).map((row) => ({
      ...dated(row),
      deviceId: row.device_id,
      vehicleId: row.vehicle_id,
      carrierId: row.carrier_id,
      routeId: row.route_id,
      tripId: row.trip_id,
    })),
    carriers: (await rows('vehicle_assignment', 'vehicle_id')).map((row) => ({
      ...dated(row),
      vehicleId: row.vehicle_id,
      carrierId: row.carrier_id,
    })),
    routes: (await rows('route_assignment', 'vehicle_id')).map((row) => ({
      ...dated(row),
      kind: row.kind,
      vehicleId: row.vehicle_id,
      deviceId: row.device_id,
      routeId: row.route_id,
      tripId: row.trip_id,
      directionId: row.direction_id as DirectionId | null,
    })),
    shifts: [],
  };
}

function shiftsOf(rows: readonly RowWish[]): ShiftEvent[] {
  return rows.flatMap((row) => {
    const fact = factOfRecord({ ...row, inboxId: 1n }, RULES);
    return fact.kind === 'shift' ? [fact.shift] : [];
  });
}

test('every decision says what the rules make of all facts', { timeout: 180_000 }, async () => {
  await fc.assert(
    fc.asyncProperty(history, fc.infiniteStream(fc.nat()), async (given, chance) => {
      const draw = (below: number): number => (chance.next().value as number) % below;
      run += 1;
      const [device, bus] = [(n: number) => `p${run}-v${n}`, (n: number) => `p${run}-b${n}`];
      const at = (minutes: number) => START + minutes * MINUTE_MS;
      const taps = given.taps.map((tap, index) =>
        tapRow({
          device: device(tap.device),
          seq: index + 1,
          atMs: at(tap.minute),
          token: token(run * 10 + tap.card),
        }),
      );
      const shifts = given.shifts.map((shift, index) =>
        shiftRow({
          ...shift,
          device: device(shift.device),
          seq: 100 + index,
          atMs: at(shift.minute),
          routeId: `route-${index}`,
          tripId: `trip-${index}`,
        }),
      );
      const until = (from: number, minutes: number) => ({
        validFromMs: at(from),
        validUntilMs: at(from + minutes),
      });
      const words = given.said.map(({ minute: from, vehicle, length: minutes, sort }, index) => {
        const place = { vehicleId: bus(vehicle), ...until(from, minutes) };
        if (sort === 'carrier')
          return ['assign-vehicle', { ...place, carrierId: `carrier-${index}` }] as const;
        const route = { ...place, routeId: `said-${index}` };
        return sort === 'plan'
          ? (['assign-route', route] as const)
          : (['correct-route', { ...route, reason: 'r', who: 'w' }] as const);
      });
      const moves = given.moves.map(
        ({ minute: from, device: n, vehicle, length: minutes }) =>
          [
            'assign-device',
            { deviceId: device(n), vehicleId: bus(vehicle), ...until(from, minutes) },
          ] as const,
      );
      const events: (() => Promise<unknown>)[] = [
        ...[...taps, ...shifts, ...shifts].map((row) => () => engine.deliver([row])),
        ...[...words, ...moves].map(
          ([kind, payload]) =>
            () =>
              command(engine, kind, payload, randomUUID()),
        ),
      ];
      for (let i = events.length - 1; i > 0; i--) {
        const j = draw(i + 1);
        [events[i], events[j]] = [events[j] as () => Promise<unknown>, events[i] as () => Promise<unknown>];
      }
      for (const event of events) {
        await event();
        if (draw(3) === 0) await (draw(2) === 0 ? drain() : turns(false));
      }
      await drain();
      const facts = { ...(await factsOf(`p${run}-`)), shifts: shiftsOf(shifts) };
      const { rows } = await engine.admin.query(
        `SELECT tap_id, vehicle_id, carrier_id, route_id, trip_id, direction_id, route_by, route_fact_id
           FROM fare.latest_decision WHERE tap_id LIKE $1`,
        [`p${run}-%`],
      );
      const decided = new Map(rows.map(({ tap_id, ...place }) => [tap_id as string, place]));
      expect(decided.size).toBe(taps.length);
      for (const row of taps) {
        const fact = factOfRecord({ ...row, inboxId: 1n }, RULES);
        if (fact.kind !== 'tap') throw new Error('a tap was made');
        const place = assign(fact.tap, facts, null);
        expect(decided.get(fact.tap.tapId)).toEqual({
          vehicle_id: place.vehicleId,
          carrier_id: place.carrierId,
          route_id: place.routeId,
          trip_id: place.tripId,
          direction_id: place.directionId,
          route_by: place.routeBy,
          route_fact_id: place.routeFactId,
        });
      }
    }),
    { numRuns: 12 },
  );
  expect((await reconcile(engine.admin)).problems).toEqual([]);
});
