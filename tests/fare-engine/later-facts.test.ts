/** Facts that become known later: links, entitlements, assignments, closes. On real PostgreSQL. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { derivedAccountId } from '../../fare-engine/facts/account-of.ts';
import { reconcile } from '../../fare-engine/reconcile.ts';
import { tapIdOf, tapRow, token } from './support/a-record.ts';
import { type EngineDatabase, openEngineDatabase } from './support/engine-database.ts';
import { command } from './support/submit.ts';

let engine: EngineDatabase;
beforeAll(async () => {
  engine = await openEngineDatabase();
});
afterAll(() => engine.close());

const MINUTE_MS = 60_000;
const DAY_MS = 86_400_000;
const MORNING = Date.UTC(2025, 9, 14, 5, 0);
/** Each test has a device and a card of its own. */
let next = 100;
const own = () => ({ device: `val-${++next}`, card: token(next), person: `person-${next}` });

async function latest(device: string) {
  const { rows } = await engine.admin.query(
    `SELECT d.tap_id, d.revision, d.account_id, d.kind, d.rider_minor, d.concession_minor, d.loss_minor, d.carrier_id,
            d.route_id, d.adjusts_close::text
     FROM fare.latest_decision d WHERE d.tap_id LIKE $1 ORDER BY d.tap_id`,
    [`${device}.%`],
  );
  return rows;
}

async function balance(account: string): Promise<bigint> {
  const { rows } = await engine.admin.query(
    `SELECT coalesce(sum(CASE WHEN debit_account = $1 THEN amount_minor ELSE -amount_minor END), 0)::bigint AS minor
     FROM fare.posting WHERE $1 IN (debit_account, credit_account)`,
    [account],
  );
  return rows[0].minor;
}

async function expectReconciled(): Promise<void> {
  const found = await reconcile(engine.admin);
  expect(found.problems).toEqual([]);
  expect(found).toMatchObject({ inbox: 0, queue: 0 });
}

test('an entitlement known in the afternoon re-prices the morning of an open day, by reversal', async () => {
  const { device, card, person } = own();
  await command(engine, 'link-medium', { tokenId: card, accountId: person, validFromMs: 0 });
  await engine.deliver([tapRow({ device, seq: 1, atMs: MORNING, token: card })]);
  await engine.drain();
  await command(engine, 'grant-entitlement', {
    entitlementId: `e-${person}`,
    accountId: person,
    concessionId: 'pensioner',
    validFromMs: MORNING - DAY_MS,
  });
  await engine.drain();
  expect(await latest(device)).toMatchObject([{ revision: 2, rider_minor: 0n, concession_minor: 1200n }]);
  const { rows } = await engine.admin.query(
    'SELECT posting_id, reverses FROM fare.posting WHERE tap_id = $1 ORDER BY posting_id',
    [tapIdOf(device, 1)],
  );
  const id = tapIdOf(device, 1);
  expect(rows).toEqual([
    { posting_id: `${id}#1.rider`, reverses: null },
    { posting_id: `${id}#2.concession`, reverses: null },
    { posting_id: `${id}#2.undo-rider`, reverses: `${id}#1.rider` },
  ]);
  expect(await balance(`rider:${person}`)).toBe(0n);
  await command(engine, 'revoke-entitlement', { entitlementId: `e-${person}`, validUntilMs: MORNING });
  await engine.drain();
  expect(await latest(device)).toMatchObject([{ revision: 3, rider_minor: 1200n, concession_minor: 0n }]);
  await expectReconciled();
});

test('a card linked later moves its rides of open days from the derived account to the person', async () => {
  const { device, card, person } = own();
  await engine.deliver([
    tapRow({ device, seq: 1, atMs: MORNING, token: card }),
    tapRow({ device, seq: 2, atMs: MORNING + 60 * MINUTE_MS, token: card }),
  ]);
  await engine.drain();
  expect(await balance(`rider:${derivedAccountId(card)}`)).toBe(2400n);
  // From between the two rides on: only the second is the person's.
  await command(engine, 'link-medium', {
    tokenId: card,
    accountId: person,
    validFromMs: MORNING + 30 * MINUTE_MS,
    validUntilMs: MORNING + 60 * MINUTE_MS + 1,
  });
  await engine.drain({ rowsMax: 1 });
  expect(await balance(`rider:${derivedAccountId(card)}`)).toBe(1200n);
  expect(await balance(`rider:${person}`)).toBe(1200n);
  await command(engine, 'link-medium', {
    tokenId: card,
    accountId: person,
    validFromMs: 0,
    // Exclusive end: the second ride begins at this very instant and stays by the older link.
    validUntilMs: MORNING + 60 * MINUTE_MS,
  });
  await engine.drain();
  expect(await balance(`rider:${derivedAccountId(card)}`)).toBe(0n);
  expect((await latest(device)).map((row) => row.account_id)).toEqual([person, person]);
  await expectReconciled();
});

test('a wrong route is corrected by a later assignment: carrier and price follow', async () => {
  const { device, card } = own();
  await engine.deliver([tapRow({ device, seq: 1, atMs: MORNING, token: card, routeId: 'believed' })]);
  await engine.drain();
  expect(await latest(device)).toMatchObject([
    { carrier_id: null, route_id: 'believed', rider_minor: 1200n },
  ]);
  const bus = { deviceId: device, vehicleId: 'bus-7', carrierId: 'private', validFromMs: MORNING };
  await command(engine, 'assign-device', { ...bus, routeId: 'r9' });
  await engine.drain();
  expect(await latest(device)).toMatchObject([
    { carrier_id: 'private', route_id: 'r9', rider_minor: 1500n, revision: 2 },
  ]);
  await command(engine, 'assign-device', { ...bus, validFromMs: MORNING + 1, carrierId: 'city' });
  await engine.drain();
  expect(await latest(device)).toMatchObject([{ carrier_id: 'private', revision: 2 }]);
  expect(await balance('revenue:private')).toBe(-1500n);
  await expectReconciled();
});

test('rides of the same chunk on three days carry their state forward, whatever day came first', async () => {
  const { device, card } = own();
  // 03:50 local time belongs to the day before; the transfer at 04:05 to the next fare day.
  const night = Date.UTC(2025, 9, 14, 0, 50);
  await engine.deliver([
    tapRow({ device, seq: 2, atMs: night + 15 * MINUTE_MS, token: card, vehicleId: 'bus-2' }),
  ]);
  await engine.drain();
  expect(await latest(device)).toMatchObject([{ kind: 'ride' }]);
  await engine.deliver([tapRow({ device, seq: 1, atMs: night, token: card })]);
  await engine.drain();
  expect(await latest(device)).toMatchObject([
    { kind: 'ride' },
    { kind: 'transfer', revision: 2, rider_minor: 0n },
  ]);
  const { rows } = await engine.admin.query(
    'SELECT fare_day::text AS day FROM fare.account_day WHERE account_id = $1 ORDER BY 1',
    [derivedAccountId(card)],
  );
  expect(rows.map((row) => row.day)).toEqual(['2025-10-13', '2025-10-14']);
  await expectReconciled();
});

test('nights of the clock change and hours past midnight: the fare day, and the transfer that wall time would deny', async () => {
  const { device, card } = own();
  // 26 October 2025: at 04:00 summer time it is 03:00 again; the day of the 25th has 25 hours, and ends at 04:00 (02:00 UTC).
  const night = Date.UTC(2025, 9, 26, 0, 40);
  const times = [night, night + 25 * MINUTE_MS, night + 80 * MINUTE_MS - 1, night + 80 * MINUTE_MS];
  await engine.deliver(
    times.map((atMs, i) => tapRow({ device, seq: i + 1, atMs, token: card, vehicleId: `night-${i}` })),
  );
  // 30 March: at 03:00 it is 04:00, and the day of the 29th ends with its 23rd hour.
  const spring = Date.UTC(2025, 2, 30, 1, 0);
  const early = own();
  await engine.deliver(
    [spring - 1, spring].map((atMs, i) =>
      tapRow({ ...early, seq: i + 1, atMs, token: early.card, vehicleId: `s-${i}` }),
    ),
  );
  await engine.drain();
  const { rows } = await engine.admin.query(
    'SELECT fare_day::text AS day FROM fare.latest_decision WHERE tap_id LIKE $1 OR tap_id LIKE $2 ORDER BY tap_id',
    [`${device}.%`, `${early.device}.%`],
  );
  expect(rows.map(({ day }) => day)).toEqual([
    ...['2025-10-25', '2025-10-25', '2025-10-25', '2025-10-26'],
    ...['2025-03-29', '2025-03-30'],
  ]);
  // 03:40 summer time and 03:05 winter time are 25 minutes apart, not minus 35.
  expect((await latest(device)).slice(0, 2).map(({ kind }) => kind)).toEqual(['ride', 'transfer']);
  await expectReconciled();
});

test('a clock that is 150 s ahead and was told so counts with the true time', async () => {
  const { device, card } = own();
  const trueMs = Date.UTC(2025, 9, 21, 1, 0) - 1; // 03:59:59.999: the last instant of the 20th's fare day.
  const bootId = 'b'.repeat(32);
  const sync = { serverMs: trueMs - 10_000, monoMs: 5000, bootId, rttMs: 200 };
  const clock = { wallMs: trueMs + 150_000, monoMs: 15_000, bootId, sync };
  await engine.deliver([tapRow({ device, seq: 1, atMs: trueMs, token: card, clock })]);
  await engine.drain();
  const { rows } = await engine.admin.query(
    `SELECT d.fare_day::text AS day, t.fare_at_ms::float8 AS at, t.uncertainty_ms < 2000 AS sure
     FROM fare.latest_decision d JOIN fare.timed_tap t USING (tap_id) WHERE d.tap_id = $1`,
    [tapIdOf(device, 1)],
  );
  expect(rows).toEqual([{ day: '2025-10-20', at: trueMs, sure: true }]);
});

test('after a close facts known later change nothing, in time taps are charged, late taps are a loss', async () => {
  const { device, card, person } = own();
  const day = Date.UTC(2025, 10, 4, 6);
  engine.clock.setWall(day + 2 * DAY_MS);
  await command(engine, 'link-medium', { tokenId: card, accountId: person, validFromMs: 0 });
  await engine.deliver([tapRow({ device, seq: 1, atMs: day, token: card })]);
  await engine.drain();
  await command(engine, 'close-day', { fareDay: '2025-11-04' });
  const right = { accountId: person, concessionId: 'pensioner', validFromMs: 0 };
  await command(engine, 'grant-entitlement', { entitlementId: `e-${person}`, ...right });
  await engine.drain();
  expect(await latest(device)).toMatchObject([{ revision: 1, rider_minor: 1200n }]);
  const endMs = Date.UTC(2025, 10, 5, 2); // 04:00 in Kyiv
  await engine.deliver([
    // Closed already, but received a millisecond before the tariff's bound of three days: charged, at the old knowledge.
    tapRow({ device, seq: 2, atMs: day + 60 * MINUTE_MS, token: card, receivedAtMs: endMs + 3 * DAY_MS - 1 }),
    tapRow({ device, seq: 3, atMs: day + 120 * MINUTE_MS, token: card, receivedAtMs: endMs + 3 * DAY_MS }),
  ]);
  await engine.drain();
  expect(await latest(device)).toMatchObject([
    { rider_minor: 1200n, loss_minor: 0n, adjusts_close: null },
    { rider_minor: 1200n, loss_minor: 0n, adjusts_close: '2025-11-04' },
    { rider_minor: 1200n, loss_minor: 1200n, adjusts_close: '2025-11-04' },
  ]);
  expect(await balance(`rider:${person}`)).toBe(2400n);
  expect(await balance('loss:late-tap')).toBe(1200n);
  await expectReconciled();
});

test('a late tap may lower what was charged: it makes a ride of a closed day a transfer', async () => {
  const { device, card } = own();
  const day = Date.UTC(2025, 9, 20, 6);
  await engine.deliver([tapRow({ device, seq: 2, atMs: day, token: card, vehicleId: 'bus-2' })]);
  await engine.drain();
  // The close of 4 November covers this earlier day as well.
  await engine.deliver([
    tapRow({ device, seq: 1, atMs: day - 10 * MINUTE_MS, token: card, receivedAtMs: day + 40 * DAY_MS }),
  ]);
  await engine.drain();
  expect(await latest(device)).toMatchObject([
    { kind: 'ride', rider_minor: 1200n, loss_minor: 1200n },
    { kind: 'transfer', rider_minor: 0n, loss_minor: 0n },
  ]);
  expect(await balance(`rider:${derivedAccountId(card)}`)).toBe(0n);
  await expectReconciled();
});

test('a close is refused twice, before its day is over, and a known-from after it is strictly later', async () => {
  engine.clock.setWall(Date.UTC(2025, 10, 12, 6));
  const before = await engine.admin.query('SELECT count(*) AS n FROM fare.command_refusal');
  await command(engine, 'close-day', { fareDay: '2025-11-03' });
  await command(engine, 'close-day', { fareDay: '2025-11-12' });
  const { rows } = await engine.admin.query('SELECT reason FROM fare.command_refusal ORDER BY refusal_id');
  expect(rows.slice(Number(before.rows[0].n)).map((row) => row.reason)).toEqual([
    'DAY_ALREADY_CLOSED',
    'DAY_NOT_OVER',
  ]);
  await command(engine, 'close-day', { fareDay: '2025-11-10' });
  await command(engine, 'link-medium', { tokenId: token(900), accountId: 'p-900', validFromMs: 0 });
  const known = await engine.admin.query(
    `SELECT (SELECT known_from_ms FROM fare.media_link WHERE account_id = 'p-900') -
            (SELECT known_from_ms FROM fare.close WHERE fare_day = '2025-11-10') AS distance`,
  );
  expect(known.rows[0].distance).toBeGreaterThan(0n);
});

test('the explanation keeps the exact steps that the audit leaf has hashed', async () => {
  const { rows } = await engine.admin.query(
    `SELECT count(*) AS n, count(*) FILTER (WHERE encode(sha256(convert_to(d.steps::text, 'UTF8')), 'hex')
              = l.bytes::json ->> 'steps') AS same
     FROM fare.decision d JOIN fare.audit_leaf l ON l.kind = 'decision' AND l.ref = d.tap_id || '#' || d.revision`,
  );
  expect(rows[0].n).toBeGreaterThan(5n);
  expect(rows[0].same).toBe(rows[0].n);
});
