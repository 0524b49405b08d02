/** Where a tap took place: which of several facts wins, on both sides of every boundary. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { assign, type PlaceFacts } from '../../../fare-engine/facts/assign.ts';
import type { DeviceAssignment, RouteAssignment, ShiftEvent } from '../../../fare-engine/facts/facts.ts';
import { NO_PLACES } from '../support/a-record.ts';

const DAY = '2025-10-14';
const belief = {
  vehicleId: 'believed-bus',
  routeId: 'believed',
  tripId: 'believed-trip',
  directionId: 1,
} as const;
const tapAt = (fareAtMs: number, deviceId = 'v1', fareDay = DAY) => ({ deviceId, fareAtMs, fareDay, belief });

let next = 0;
const device = (over: Partial<DeviceAssignment> = {}): DeviceAssignment => ({
  assignmentId: `d${++next}`,
  deviceId: 'v1',
  vehicleId: 'bus-1',
  carrierId: null,
  routeId: null,
  tripId: null,
  validFromMs: 0,
  validUntilMs: null,
  knownFromMs: 0,
  ...over,
});
const route = (over: Partial<RouteAssignment> = {}): RouteAssignment => ({
  assignmentId: `r${++next}`,
  kind: 'plan',
  vehicleId: 'bus-1',
  deviceId: null,
  routeId: 'planned',
  tripId: null,
  directionId: null,
  validFromMs: 0,
  validUntilMs: null,
  knownFromMs: 0,
  ...over,
});
const shift = (over: Partial<ShiftEvent> = {}): ShiftEvent => ({
  recordId: `s${++next}`,
  deviceId: 'v1',
  action: 'open',
  source: 'driver',
  routeId: 'driven',
  tripId: null,
  directionId: null,
  fareDay: DAY,
  atMs: 100,
  receivedAtMs: 100,
  ...over,
});
const facts = (some: Partial<PlaceFacts>): PlaceFacts => ({ ...NO_PLACES, ...some });

test('without any fact all is belief, and no carrier is known', () => {
  expect(assign(tapAt(5), facts({}), null)).toEqual({
    ...belief,
    carrierId: null,
    routeBy: 'belief',
    routeFactId: null,
  });
});

test('a device belongs to the vehicle of its assignment at the fare instant: both sides of a move', () => {
  const moved = facts({
    assignments: [device(), device({ vehicleId: 'bus-2', validFromMs: 50, knownFromMs: 60 })],
    carriers: [
      {
        assignmentId: 'c1',
        vehicleId: 'bus-1',
        carrierId: 'city',
        validFromMs: 0,
        validUntilMs: 80,
        knownFromMs: 0,
      },
      {
        assignmentId: 'c2',
        vehicleId: 'bus-2',
        carrierId: 'private',
        validFromMs: 0,
        validUntilMs: 80,
        knownFromMs: 0,
      },
    ],
  });
  expect(assign(tapAt(49), moved, null)).toMatchObject({ vehicleId: 'bus-1', carrierId: 'city' });
  expect(assign(tapAt(50), moved, null)).toMatchObject({ vehicleId: 'bus-2', carrierId: 'private' });
  expect(assign(tapAt(79), moved, null)).toMatchObject({ carrierId: 'private' });
  expect(assign(tapAt(80), moved, null)).toMatchObject({ carrierId: null });
  // The move was known at 60: a day closed before knows the old vehicle only.
  expect(assign(tapAt(50), moved, 59)).toMatchObject({ vehicleId: 'bus-1', carrierId: 'city' });
  expect(assign(tapAt(50), moved, 60)).toMatchObject({ vehicleId: 'bus-2', carrierId: 'private' });
});

test('the carrier of a vehicle stands above the one its device names', () => {
  const carriers = [
    {
      assignmentId: 'c',
      vehicleId: 'bus-1',
      carrierId: 'city',
      validFromMs: 10,
      validUntilMs: null,
      knownFromMs: 0,
    },
  ];
  const both = facts({ assignments: [device({ carrierId: 'named' })], carriers });
  expect(assign(tapAt(9), both, null).carrierId).toBe('named');
  expect(assign(tapAt(10), both, null).carrierId).toBe('city');
});

describe('the route', () => {
  const correction = route({
    assignmentId: 'fix',
    kind: 'correction',
    routeId: 'corrected',
    validFromMs: 100,
    validUntilMs: 200,
  });
  const everything = facts({
    assignments: [device({ assignmentId: 'dev', routeId: 'of-device' })],
    routes: [correction, route({ assignmentId: 'plan' })],
    shifts: [shift({ recordId: 'drv' })],
  });
  const by = (some: PlaceFacts, atMs = 150) => {
    const { routeId, routeBy, routeFactId } = assign(tapAt(atMs), some, null);
    return [routeId, routeBy, routeFactId];
  };

  test('stands by the strongest word: correction, driver, plan, vehicle plan, device, belief', () => {
    expect(by(everything)).toEqual(['corrected', 'correction', 'fix']);
    const uncorrected = { ...everything, routes: everything.routes.slice(1) };
    expect(by(uncorrected)).toEqual(['driven', 'driver', 'drv']);
    const ofPlan = { ...uncorrected, shifts: [shift({ recordId: 'veh', source: 'plan' })] };
    expect(by(ofPlan)).toEqual(['planned', 'plan', 'plan']);
    expect(by({ ...ofPlan, routes: [] })).toEqual(['driven', 'vehicle-plan', 'veh']);
    expect(by({ ...ofPlan, routes: [], shifts: [] })).toEqual(['of-device', 'device', 'dev']);
    expect(by(facts({ assignments: [device()] }))).toEqual(['believed', 'belief', null]);
  });

  test('a correction holds within its interval, the end is not in it', () => {
    expect(by(everything, 99)[1]).toBe('plan');
    expect(by(everything, 100)[1]).toBe('correction');
    expect(by(everything, 199)[1]).toBe('correction');
    expect(by(everything, 200)[1]).toBe('driver');
  });

  test('of two corrections the latest known wins, then the greater id, in whatever order they are read', () => {
    const later = { ...correction, assignmentId: 'later', routeId: 'again', knownFromMs: 5 };
    const twin = { ...later, assignmentId: 'twin', routeId: 'greater-id' };
    const read = (routes: RouteAssignment[]) => by({ ...everything, routes })[0];
    expect(read([correction, later])).toBe('again');
    expect(read([later, correction])).toBe('again');
    expect(read([later, twin])).toBe('greater-id');
    expect(read([twin, later])).toBe('greater-id');
  });

  test('may be corrected for one device alone', () => {
    const only = { ...correction, vehicleId: null, deviceId: 'v2' };
    const some = facts({ assignments: [device(), device({ deviceId: 'v2' })], routes: [only] });
    expect(assign(tapAt(150, 'v1'), some, null).routeBy).toBe('belief');
    expect(assign(tapAt(150, 'v2'), some, null).routeId).toBe('corrected');
  });

  test('takes trip and direction from weaker words only where they name the same route', () => {
    const same = facts({ assignments: [device()], routes: [route({ routeId: 'believed' })] });
    expect(assign(tapAt(5), same, null)).toMatchObject({
      tripId: 'believed-trip',
      directionId: 1,
      routeBy: 'plan',
    });
    const other = facts({ assignments: [device()], routes: [route()] });
    expect(assign(tapAt(5), other, null)).toMatchObject({ tripId: null, directionId: null });
  });

  test('what a device believes of its vehicle lets no fact of that vehicle speak', () => {
    const fact = route({ vehicleId: 'believed-bus' });
    expect(by(facts({ routes: [fact] }))).toEqual(['believed', 'belief', null]);
  });
});

describe('a shift', () => {
  const two = [device(), device({ deviceId: 'v2' })];
  const routeAt = (
    atMs: number,
    shifts: ShiftEvent[],
    deviceId = 'v2',
    fareDay = DAY,
    knownAsOfMs: number | null = null,
  ) => assign(tapAt(atMs, deviceId, fareDay), facts({ assignments: two, shifts }), knownAsOfMs).routeId;

  test('opened on one validator of a vehicle holds for all of them, from its instant on', () => {
    expect(routeAt(99, [shift()])).toBe('believed');
    expect(routeAt(100, [shift()])).toBe('driven');
  });

  test('ends at its close, at the next one opened on the vehicle, and with its fare day', () => {
    const closed = shift({ action: 'close', deviceId: 'v2', atMs: 200 });
    expect(routeAt(199, [shift(), closed])).toBe('driven');
    expect(routeAt(200, [shift(), closed])).toBe('believed');
    const following = shift({ routeId: 'next', deviceId: 'v2', atMs: 200 });
    expect(routeAt(199, [shift(), following], 'v1')).toBe('driven');
    expect(routeAt(200, [shift(), following], 'v1')).toBe('next');
    expect(routeAt(10_000, [shift()])).toBe('driven');
    expect(routeAt(10_000, [shift()], 'v2', '2025-10-15')).toBe('believed');
  });

  test('at one instant a close comes first, then the vehicle plan, then the driver', () => {
    const close = shift({ action: 'close' });
    const plan = shift({ source: 'plan', routeId: 'plan' });
    const all = [shift(), plan, close];
    for (const order of [all, all.toReversed()]) expect(routeAt(100, order)).toBe('driven');
    expect(routeAt(100, [close, plan])).toBe('plan');
  });

  test('counts if it was received by the close of its day', () => {
    const late = shift({ receivedAtMs: 500 });
    expect(routeAt(150, [late], 'v2', DAY, 500)).toBe('driven');
    expect(routeAt(150, [late], 'v2', DAY, 499)).toBe('believed');
  });

  test('belongs to the vehicle on which its device rode then, not now', () => {
    const moved = [
      device(),
      device({ vehicleId: 'bus-2', validFromMs: 150, knownFromMs: 1 }),
      device({ deviceId: 'v2' }),
    ];
    const place = (atMs: number, deviceId: string) =>
      assign(tapAt(atMs, deviceId), facts({ assignments: moved, shifts: [shift()] }), null);
    expect(place(149, 'v1').routeId).toBe('driven');
    expect(place(150, 'v1')).toMatchObject({ vehicleId: 'bus-2', routeId: 'believed' });
    expect(place(150, 'v2')).toMatchObject({ vehicleId: 'bus-1', routeId: 'driven' });
  });

  test('of a device that the city assigned to no vehicle holds for that device alone', () => {
    const shifts = [shift({ deviceId: 'loose' })];
    expect(routeAt(150, shifts, 'loose')).toBe('driven');
    expect(routeAt(150, shifts, 'v1')).toBe('believed');
  });

  test('is a function of the set of records: order and repetition do not matter', () => {
    const some = fc.array(
      fc.record({
        action: fc.constantFrom('open' as const, 'close' as const),
        source: fc.constantFrom('driver' as const, 'plan' as const),
        deviceId: fc.constantFrom('v1', 'v2'),
        atMs: fc.integer({ min: 95, max: 105 }),
      }),
      { maxLength: 8 },
    );
    fc.assert(
      fc.property(
        some,
        fc.integer({ min: 95, max: 106 }),
        fc.infiniteStream(fc.nat()),
        (given, atMs, chance) => {
          const shifts = given.map((one, index) =>
            shift({ ...one, recordId: `s${index}`, routeId: `r${index}` }),
          );
          const mixed = [...shifts, ...shifts]
            .map((one) => [chance.next().value as number, one] as const)
            .sort(([a], [b]) => a - b)
            .map(([, one]) => one);
          expect(routeAt(atMs, mixed)).toBe(routeAt(atMs, shifts));
        },
      ),
    );
  });
});
