/** Device → vehicle → carrier → route as dated facts, on real PostgreSQL: what they re-price, and what they leave alone. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { workShifts } from '../../fare-engine/adapters/shift-queue.ts';
import { derivedAccountId } from '../../fare-engine/facts/account-of.ts';
import { reconcile } from '../../fare-engine/reconcile.ts';
import { workInbox } from '../../fare-engine/work-chunk.ts';
import { shiftRow, tapRow, token } from './support/a-record.ts';
import { type EngineDatabase, openEngineDatabase } from './support/engine-database.ts';
import { command, submit } from './support/submit.ts';

let engine: EngineDatabase;
beforeAll(async () => {
  engine = await openEngineDatabase();
});
afterAll(() => engine.close());

const MINUTE_MS = 60_000;
const DAY_MS = 86_400_000;
const MORNING = Date.UTC(2025, 9, 14, 5, 0);
let next = 500;

/** A vehicle with two validators, of a carrier of its own. */
async function vehicle(carrierId?: string) {
  next += 10;
  const vehicleId = `bus-${next}`;
  const devices = [`val-${next}`, `val-${next}b`] as const;
  for (const deviceId of devices)
    await submit(engine, 'assign-device', { deviceId, vehicleId, validFromMs: 0 });
  if (carrierId !== undefined)
    await submit(engine, 'assign-vehicle', { vehicleId, carrierId, validFromMs: 0 });
  await command(engine, 'allow-medium', { tokenId: token(9999) });
  return { vehicleId, devices, card: (n: number) => token(next + n) };
}

async function latest(device: string) {
  const { rows } = await engine.admin.query(
    `SELECT revision, kind, rider_minor, carrier_id, route_id, trip_id, direction_id, route_by, route_fact_id,
            adjusts_close::text FROM fare.latest_decision WHERE tap_id LIKE $1 ORDER BY tap_id`,
    [`${device}.%`],
  );
  return rows;
}

async function queued(): Promise<string[]> {
  const { rows } = await engine.admin.query(
    'SELECT account_id, fare_day::text AS day FROM fare.account_day_queue ORDER BY 1, 2',
  );
  return rows.map((row) => `${row.day} ${row.account_id}`);
}

async function totals(): Promise<Map<string, { rides: bigint; riderMinor: bigint }>> {
  const { rows } = await engine.admin.query(
    "SELECT dimension || ' ' || key AS name, rides, rider_minor FROM fare.published_totals",
  );
  return new Map(rows.map((row) => [row.name, { rides: row.rides, riderMinor: row.rider_minor }]));
}

async function expectReconciled(): Promise<void> {
  const found = await reconcile(engine.admin);
  expect(found.problems).toEqual([]);
  expect(found.ledgerSumByCurrency).toEqual({ UAH: '0' });
  expect(found).toMatchObject({ inbox: 0, queue: 0 });
}

test('carrier of the vehicle and plan of the dispatcher reach every validator of the vehicle', async () => {
  const { vehicleId, devices, card } = await vehicle('private');
  await command(engine, 'assign-route', {
    vehicleId,
    routeId: 'planned',
    tripId: 'trip-1',
    directionId: 1,
    validFromMs: MORNING,
    validUntilMs: MORNING + 60 * MINUTE_MS,
  });
  await engine.deliver([
    tapRow({ device: devices[0], seq: 1, atMs: MORNING - 1, token: card(1) }),
    tapRow({ device: devices[0], seq: 2, atMs: MORNING, token: card(2) }),
    tapRow({ device: devices[1], seq: 1, atMs: MORNING + 60 * MINUTE_MS - 1, token: card(3) }),
    tapRow({ device: devices[1], seq: 2, atMs: MORNING + 60 * MINUTE_MS, token: card(4) }),
  ]);
  await engine.drain();
  const said = [...(await latest(devices[0])), ...(await latest(devices[1]))];
  expect(said.map((row) => [row.carrier_id, row.route_by, row.route_id])).toEqual([
    ['private', 'belief', 'r1'],
    ['private', 'plan', 'planned'],
    ['private', 'plan', 'planned'],
    ['private', 'belief', 'r1'],
  ]);
  expect(said[1]).toMatchObject({ trip_id: 'trip-1', direction_id: 1, rider_minor: 1500n });
  await expectReconciled();
});

test('a corrected carrier and route move rides, money and totals by exactly the rides of that interval', async () => {
  const { vehicleId, devices, card } = await vehicle('before');
  const minutes = [0, 10, 20, 30];
  await engine.deliver(
    minutes.map((minute, index) =>
      tapRow({
        device: devices[index % 2] as string,
        seq: index + 1,
        atMs: MORNING + minute * MINUTE_MS,
        token: card(index),
        routeId: 'wrong',
      }),
    ),
  );
  await engine.drain();
  const before = await totals();
  expect(before.get('carrier before')).toEqual({ rides: 4n, riderMinor: 4800n });
  const interval = { validFromMs: MORNING + 10 * MINUTE_MS, validUntilMs: MORNING + 30 * MINUTE_MS };
  const fix = {
    vehicleId,
    routeId: 'right',
    directionId: 0,
    reason: 'the driver chose 5 for 8',
    who: 'dispatcher 3',
  };
  const fact = await submit(engine, 'correct-route', { ...fix, ...interval });
  await command(engine, 'assign-vehicle', { vehicleId, carrierId: 'private', ...interval });
  expect(await queued()).toEqual([1, 2].map((n) => `2025-10-14 ${derivedAccountId(card(n))}`).sort());
  await engine.drain();
  const after = await totals();
  // Two rides went over; the private carrier's fare is 15.00 in place of 12.00.
  expect(after.get('carrier before')).toEqual({ rides: 2n, riderMinor: 2400n });
  expect(after.get('route wrong')).toEqual({ rides: 2n, riderMinor: 2400n });
  expect(after.get('route right')).toEqual({ rides: 2n, riderMinor: 3000n });
  expect((after.get('carrier private')?.rides ?? 0n) - (before.get('carrier private')?.rides ?? 0n)).toBe(2n);
  const moved = [(await latest(devices[1]))[0], (await latest(devices[0]))[1]];
  for (const row of moved) {
    expect(row).toMatchObject({
      revision: 2,
      route_by: 'correction',
      route_fact_id: fact,
      carrier_id: 'private',
    });
  }
  const { rows } = await engine.admin.query(
    `SELECT count(*) AS n FROM fare.posting r JOIN fare.posting p ON p.posting_id = r.reverses
      WHERE r.tap_id LIKE $1 AND p.credit_account = 'revenue:before'`,
    [`${devices[0]}%`],
  );
  expect(rows[0].n).toBe(2n);
  // The reason and who gave it are kept with the fact.
  const kept = await engine.admin.query(
    'SELECT reason, said_by FROM fare.route_assignment WHERE assignment_id = $1',
    [fact],
  );
  expect(kept.rows).toEqual([{ reason: fix.reason, said_by: fix.who }]);
  await expectReconciled();
});

test('a late shift re-prices the taps of its vehicle until the next one, and nothing else', async () => {
  const { devices, card } = await vehicle('c');
  const other = await vehicle('c');
  const rows = [-1, 0, 29, 30, 31].map((minute, index) =>
    tapRow({
      device: devices[index % 2] as string,
      seq: index + 1,
      atMs: MORNING + minute * MINUTE_MS,
      token: card(index),
    }),
  );
  await engine.deliver([
    ...rows,
    tapRow({ device: devices[0], seq: 90, atMs: MORNING - DAY_MS, token: card(7) }),
    tapRow({ device: devices[0], seq: 91, atMs: MORNING + DAY_MS, token: card(8) }),
    tapRow({ device: other.devices[0], seq: 1, atMs: MORNING + MINUTE_MS, token: other.card(1) }),
    shiftRow({ device: devices[0], seq: 50, atMs: MORNING + 30 * MINUTE_MS, routeId: 'second' }),
  ]);
  await engine.drain();
  const late = shiftRow({
    device: devices[1],
    seq: 60,
    atMs: MORNING,
    routeId: 'first',
    directionId: 1,
    tripId: 't',
  });
  await engine.deliver([late, late]);
  await workInbox(engine.deps(), 10);
  expect(await workShifts(engine.pool, 10)).toBe(1);
  expect(await queued()).toEqual([1, 2].map((n) => `2025-10-14 ${derivedAccountId(card(n))}`).sort());
  await engine.drain();
  const routes = [...(await latest(devices[0])), ...(await latest(devices[1]))];
  const by = new Map(routes.map((row) => [row.route_id, row]));
  expect(by.get('first')).toMatchObject({ route_by: 'driver', trip_id: 't', direction_id: 1 });
  expect(routes.filter((row) => row.route_id === 'first')).toHaveLength(2);
  expect(routes.filter((row) => row.route_id === 'second')).toHaveLength(2);
  expect(routes.filter((row) => row.route_by === 'belief')).toHaveLength(3);
  await expectReconciled();
});

test('a device that moved takes its shift along; the vehicle it left keeps what was driven before', async () => {
  const [one, two] = [await vehicle('c'), await vehicle('c')];
  const [moving] = one.devices;
  await engine.deliver([
    shiftRow({ device: moving, seq: 1, atMs: MORNING + 10 * MINUTE_MS, routeId: 'on-the-move' }),
    tapRow({ device: one.devices[1], seq: 2, atMs: MORNING + 20 * MINUTE_MS, token: one.card(1) }),
    tapRow({ device: two.devices[0], seq: 3, atMs: MORNING + 20 * MINUTE_MS, token: two.card(1) }),
    tapRow({ device: moving, seq: 4, atMs: MORNING + 10 * MINUTE_MS - 1, token: one.card(2) }),
  ]);
  await engine.drain();
  expect((await latest(one.devices[1]))[0]).toMatchObject({ route_id: 'on-the-move' });
  expect((await latest(two.devices[0]))[0]).toMatchObject({ route_id: 'r1' });
  // Said only now: since ten past it rode in the other one.
  await command(engine, 'assign-device', {
    deviceId: moving,
    vehicleId: two.vehicleId,
    validFromMs: MORNING + 10 * MINUTE_MS,
  });
  await engine.drain();
  expect((await latest(one.devices[1]))[0]).toMatchObject({ route_id: 'r1', route_by: 'belief' });
  expect((await latest(two.devices[0]))[0]).toMatchObject({ route_id: 'on-the-move', route_by: 'driver' });
  expect((await latest(moving))[0]).toMatchObject({ revision: 1 });
  await expectReconciled();
});

test('a correction known after the close leaves the closed day alone; a tap that comes later refers to the close', async () => {
  const { vehicleId, devices, card } = await vehicle('c');
  const day = Date.UTC(2025, 10, 4, 6);
  engine.clock.setWall(day + 2 * DAY_MS);
  await engine.deliver([tapRow({ device: devices[0], seq: 1, atMs: day, token: card(1) })]);
  await engine.drain();
  const interval = { validFromMs: day - 60 * MINUTE_MS, validUntilMs: day + 600 * MINUTE_MS };
  const said = { vehicleId, reason: 'wrong board', who: 'dispatcher 3', ...interval };
  await command(engine, 'correct-route', { ...said, routeId: 'in-time' });
  await engine.drain();
  expect(await latest(devices[0])).toMatchObject([{ route_id: 'in-time', revision: 2, adjusts_close: null }]);
  await command(engine, 'close-day', { fareDay: '2025-11-04' });
  await command(engine, 'correct-route', { ...said, routeId: 'too-late' });
  expect(await queued()).toEqual([]);
  // A shift of that day, received after the close: known too late as well.
  await engine.deliver([
    shiftRow({ device: devices[1], seq: 3, atMs: day, routeId: 'late', receivedAtMs: day + 3 * DAY_MS }),
    tapRow({
      device: devices[1],
      seq: 2,
      atMs: day + 60 * MINUTE_MS,
      token: card(2),
      receivedAtMs: day + 2 * DAY_MS + 9,
    }),
  ]);
  await engine.drain();
  expect(await latest(devices[0])).toMatchObject([{ route_id: 'in-time', revision: 2 }]);
  expect(await latest(devices[1])).toMatchObject([{ route_id: 'in-time', adjusts_close: '2025-11-04' }]);
  await expectReconciled();
});

test('a correction without a reason, of nothing, of two things or of an empty time is refused', async () => {
  const whole = { routeId: 'r', validFromMs: 5, validUntilMs: 6, reason: 'x', who: 'y' };
  const refused = async (payload: Record<string, unknown>) => {
    await command(engine, 'correct-route', payload);
    const { rows } = await engine.admin.query(
      'SELECT reason FROM fare.command_refusal ORDER BY refusal_id DESC LIMIT 1',
    );
    return rows[0]?.reason;
  };
  expect(await refused(whole)).toBe('COMMAND_MALFORMED');
  expect(await refused({ ...whole, vehicleId: 'b', deviceId: 'val-1' })).toBe('COMMAND_MALFORMED');
  expect(await refused({ ...whole, vehicleId: 'b', reason: '' })).toBe('COMMAND_MALFORMED');
  expect(await refused({ ...whole, vehicleId: 'b', reason: 'two\nlines' })).toBe('COMMAND_MALFORMED');
  expect(await refused({ ...whole, vehicleId: 'b', validUntilMs: 5 })).toBe('COMMAND_INTERVAL_EMPTY');
  const before = await engine.admin.query('SELECT count(*) AS n FROM fare.command_refusal');
  await command(engine, 'correct-route', { ...whole, vehicleId: 'b' });
  const after = await engine.admin.query('SELECT count(*) AS n FROM fare.command_refusal');
  expect(after.rows[0].n).toBe(before.rows[0].n);
});
