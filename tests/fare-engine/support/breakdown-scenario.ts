/** A morning on three buses of which some break down, with late records, lost clocks, shifts, doors that move, and a close. */
import fc from 'fast-check';
import { LONG_RUN } from '../../support/properties.ts';
import { breakdownRow, clockSyncRow, type RowWish, shiftRow, tapRow, token } from './a-record.ts';
import { MINUTE_MS, START } from './any-order-scenario.ts';
import type { MemoryStore } from './memory-store.ts';

const DAY_MS = 24 * 60 * MINUTE_MS;

/** Which morning: days after the first, and names of devices and cards that are its own. */
export interface Morning {
  readonly day: number;
  readonly name: string;
  readonly firstCard: number;
}
export const FIRST_MORNING: Morning = { day: 0, name: 'val', firstCard: 1 };
const startOf = ({ day }: Morning): number => START + day * DAY_MS + 300 * MINUTE_MS;
/** When its fare day is closed, where it is. */
export const closeOf = ({ day }: Morning): number => START + (day + 5) * DAY_MS;

const bootId = '1'.repeat(32);

const minute = fc.integer({ min: 0, max: 100 });
const bus = fc.integer({ min: 1, max: 3 });
const late = fc.constantFrom(false, false, true);
export const history = fc.record({
  taps: fc.array(fc.record({ minute, bus, card: fc.constantFrom(1, 1, 2), late }), {
    minLength: 3,
    maxLength: LONG_RUN ? 8 : 5,
  }),
  // Of a ride's bus, soon after it.
  breakdowns: fc.array(
    fc.record({
      ofTap: fc.nat(7),
      after: fc.constantFrom(0, 1, 5, 15, 95),
      late,
      lost: fc.constantFrom(false, false, true),
    }),
    { minLength: 1, maxLength: LONG_RUN ? 3 : 2 },
  ),
  shifts: fc.array(fc.record({ minute, bus, late }), { maxLength: 2 }),
  syncs: fc.array(fc.record({ bus, late }), { maxLength: 2 }),
  // Doors of one vehicle, as the city says it: 2 rides on the vehicle of 1, from a minute on.
  moved: fc.option(minute),
  closed: fc.boolean(),
});
export type History = typeof history extends fc.Arbitrary<infer T> ? T : never;

export function rowsOf(
  { taps, breakdowns, shifts, syncs }: History,
  morning: Morning = FIRST_MORNING,
): RowWish[] {
  const from = startOf(morning);
  const wish = (index: number, at: { minute: number; bus: number; late: boolean }) => ({
    device: `${morning.name}-${at.bus}`,
    vehicleId: `${morning.name}-bus-${at.bus}`,
    // In the order of time in each journal, so that a record before another is one.
    seq: 1 + at.minute * 100 + index,
    atMs: from + at.minute * MINUTE_MS,
    receivedAtMs: at.late ? closeOf(morning) + 1000 + index : from + at.minute * MINUTE_MS + 1000,
  });
  return [
    ...taps.map((one, i) =>
      tapRow({ ...wish(i, one), token: token(morning.firstCard + one.card), routeId: 'T2' }),
    ),
    ...breakdowns.map(({ ofTap, after, late, lost }, i) => {
      const tap = taps[ofTap % taps.length] as (typeof taps)[number];
      const minute = tap.minute + after;
      return breakdownRow({
        ...wish(20 + i, { minute, bus: tap.bus, late }),
        // Two days off until a sync of its boot says better.
        ...(lost && { clock: { wallMs: from - 2 * DAY_MS, monoMs: minute * MINUTE_MS, bootId } }),
      });
    }),
    ...shifts.map((one, i) => shiftRow({ ...wish(40 + i, one), routeId: 'T2' })),
    ...syncs.map((one, i) => {
      const monoMs = 200 * MINUTE_MS;
      const serverMs = from + monoMs;
      return clockSyncRow({
        ...wish(60 + i, { ...one, minute: 200 }),
        clock: { wallMs: serverMs, monoMs, bootId, sync: { serverMs, monoMs, bootId, rttMs: 20 } },
      });
    }),
  ];
}

/** Doors that ride on the first bus, and from when. */
export function doorsOf({ moved }: History, morning: Morning = FIRST_MORNING) {
  if (moved === null) return [];
  const vehicleId = `${morning.name}-bus-1`;
  return [
    { deviceId: `${morning.name}-1`, vehicleId, validFromMs: 0 },
    { deviceId: `${morning.name}-2`, vehicleId, validFromMs: startOf(morning) + moved * MINUTE_MS },
  ];
}

/** The same, and the close, as the store in memory has them. */
export function factsOf(given: History, morning: Morning = FIRST_MORNING): ((store: MemoryStore) => void)[] {
  const facts = doorsOf(given, morning).map((door) => (store: MemoryStore) => {
    store.assignments.push({
      assignmentId: door.deviceId,
      ...door,
      carrierId: null,
      routeId: null,
      tripId: null,
      validUntilMs: null,
      knownFromMs: startOf(morning),
    });
  });
  const fareDay = new Date(startOf(morning)).toISOString().slice(0, 10);
  const close = { fareDay, knownFromMs: closeOf(morning) };
  return given.closed ? [...facts, (store) => void store.closes.push(close)] : facts;
}
