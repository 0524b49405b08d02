/** Checks and acts with cards: stored once, never charged; a replaced card keeps the account. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { workCommands } from '../../fare-engine/adapters/postgres-commands.ts';
import { derivedAccountId } from '../../fare-engine/facts/account-of.ts';
import { rowOf, tapRow, token } from './support/a-record.ts';
import { calendar, type EngineDatabase, openEngineDatabase } from './support/engine-database.ts';
import { command } from './support/submit.ts';

const AT_MS = Date.UTC(2025, 9, 14, 6);
const STATION = 'desk-1';
let engine: EngineDatabase;
let seq = 0;
beforeAll(async () => {
  engine = await openEngineDatabase();
});
afterAll(() => engine.close());

async function rows(sql: string) {
  return (await engine.admin.query(sql)).rows;
}

async function settle(): Promise<void> {
  await engine.drain();
  await workCommands(engine.pool, calendar, engine.clock, 100);
  await engine.drain();
}

const actRow = (body: object, atMs = AT_MS, device = STATION) =>
  rowOf(
    'card-act',
    { device, seq: ++seq, atMs },
    { cardKind: 'social', staffId: 'clerk-7', keyVersion: 1, ...body },
  );

test('a check is a fact with its protocol, once, and costs nobody anything', async () => {
  const protocol = {
    number: '7K2M-Q4ZT',
    fareMinor: '1200',
    factor: 20,
    penaltyMinor: '24000',
    currency: 'UAH',
    act: 'kupap',
    article: 'ст. 135',
    packageHash: 'ab'.repeat(32),
  };
  const body = {
    result: 'no-ride',
    evidence: 'vehicle',
    tokenId: token(1),
    mediumKind: 'wallet',
    where: { vehicleId: 'bus-1', routeId: 'T2' },
    staffId: 'insp-4',
    validators: [{ deviceId: 'val-1', state: 'in-order' }],
    protocol,
  };
  const row = rowOf('check', { device: 'insp-1', seq: 1, atMs: AT_MS }, body);
  await engine.deliver([row, row]);
  await settle();
  await engine.deliver([row]);
  await settle();
  expect(await rows('SELECT * FROM fare.inspection_check')).toEqual([
    expect.objectContaining({
      result: 'no-ride',
      evidence: 'vehicle',
      token_id: token(1),
      vehicle_id: 'bus-1',
      validators: body.validators,
      ride: null,
      protocol_number: '7K2M-Q4ZT',
      fare_minor: 1200n,
      factor: 20,
      penalty_minor: 24_000n,
      act: 'kupap',
      at_ms: BigInt(AT_MS),
    }),
  ]);
  expect(await rows('SELECT FROM fare.decision UNION ALL SELECT FROM fare.posting')).toEqual([]);
});

test('what a device says of cards has no effect before the office made it a station, and none after', async () => {
  await engine.deliver([actRow({ act: 'issued', tokenId: token(11), replacesTokenId: token(10) })]);
  await settle();
  await command(engine, 'say-station', { deviceId: STATION, allowed: true, validFromMs: AT_MS + 1000 });
  await command(engine, 'say-station', { deviceId: STATION, allowed: false, validFromMs: AT_MS + 5000 });
  for (const atMs of [AT_MS + 999, AT_MS + 5000])
    await engine.deliver([actRow({ act: 'issued', tokenId: token(11), replacesTokenId: token(10) }, atMs)]);
  await settle();
  expect(await rows('SELECT authorised FROM fare.card_act')).toEqual(Array(3).fill({ authorised: false }));
  expect(await rows('SELECT FROM fare.media_link UNION ALL SELECT FROM fare.deny_entry')).toEqual([]);
});

test('a replaced card keeps its account, linked or derived, and the old one is denied', async () => {
  const atMs = AT_MS + 2000;
  await command(engine, 'link-medium', { tokenId: token(20), accountId: 'p-7', validFromMs: 0 });
  await engine.deliver([
    actRow({ act: 'begun', tokenId: token(21), replacesTokenId: token(20) }, atMs),
    actRow({ act: 'issued', tokenId: token(21), replacesTokenId: token(20) }, atMs),
    actRow({ act: 'issued', tokenId: token(31), replacesTokenId: token(30) }, atMs),
    actRow({ act: 'issued', tokenId: token(32), replacesTokenId: token(31) }, atMs),
    actRow({ act: 'issued', tokenId: token(33), replacesTokenId: token(33) }, atMs),
  ]);
  await settle();
  const links = await rows(
    `SELECT token_id, account_id FROM fare.media_link WHERE valid_from_ms = ${atMs} ORDER BY token_id`,
  );
  const derived = derivedAccountId(token(30));
  expect(links).toEqual([
    { token_id: token(21), account_id: 'p-7' },
    { token_id: token(31), account_id: derived },
    { token_id: token(32), account_id: derived },
  ]);
  const denied = await rows('SELECT token_id, reason, scope FROM fare.deny_entry ORDER BY token_id');
  expect(denied).toEqual([20, 30, 31].map((n) => ({ token_id: token(n), reason: 'replaced', scope: 'all' })));
  expect(await rows('SELECT reason FROM fare.command_refusal')).toEqual([{ reason: 'COMMAND_MALFORMED' }]);
  const [submitted] = await rows(
    "SELECT submitted_by FROM fare.command_accepted WHERE kind = 'replace-medium'",
  );
  expect(submitted).toEqual({ submitted_by: `station ${STATION} clerk-7` });
});

test("a ride with the new card is the old account's ride", async () => {
  const atMs = AT_MS + 60_000;
  await engine.deliver([tapRow({ device: 'val-9', seq: 1, atMs, token: token(32) })]);
  await engine.drain();
  expect(await rows("SELECT account_id FROM fare.decision WHERE tap_id LIKE 'val-9.%'")).toEqual([
    { account_id: derivedAccountId(token(30)) },
  ]);
});

test('a card that was begun and given up is denied', async () => {
  await engine.deliver([actRow({ act: 'given-up', tokenId: token(40) }, AT_MS + 3000)]);
  await settle();
  expect(await rows(`SELECT reason FROM fare.deny_entry WHERE token_id = '${token(40)}'`)).toEqual([
    { reason: 'lost' },
  ]);
});
