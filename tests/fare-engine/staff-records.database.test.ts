/** Checks and acts with cards: stored once, never charged; a replaced card keeps the account. */
import { afterAll, beforeAll, describe, expect, it, test } from 'vitest';
import { workCommands } from '../../fare-engine/adapters/postgres-commands.ts';
import { advanceDenyList } from '../../fare-engine/adapters/postgres-deny-list.ts';
import { derivedAccountId } from '../../fare-engine/facts/account-of.ts';
import { showDenials } from '../../fare-engine/show-denials.ts';
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
  expect(await rows('SELECT authorised FROM fare.card_act_now')).toEqual(
    Array(3).fill({ authorised: false }),
  );
  expect(await rows('SELECT FROM fare.card_denial UNION ALL SELECT FROM fare.media_link')).toEqual([]);
});

/** Why the published list denies these media; `undefined` = it does not. */
async function denied(...numbers: number[]): Promise<(string | undefined)[]> {
  while ((await advanceDenyList(engine.pool, engine.clock.nowMs())) > 0);
  const found = await rows("SELECT token_id, entry->>'reason' AS reason FROM fare.deny_published");
  const reasons = new Map(found.map(({ token_id, reason }) => [token_id, reason]));
  return numbers.map((n) => reasons.get(token(n)));
}

/** Whose the taps of a validator are, and what they cost, in their order. */
async function linesOf(device: string) {
  const found = await rows(
    `SELECT account_id, kind, rider_minor::text AS minor FROM fare.latest_decision d JOIN fare.tap t USING (tap_id)
     WHERE t.device_id = '${device}' ORDER BY t.seq`,
  );
  return found.map(({ account_id, kind, minor }) => `${account_id} ${kind} ${minor}`);
}

test('a replaced card keeps its account, linked or derived, and the old one is denied', async () => {
  const atMs = AT_MS + 2000;
  await command(engine, 'link-medium', { tokenId: token(20), accountId: 'p-7', validFromMs: 0 });
  const taps = [21, 31, 32, 33].map((n, at) =>
    tapRow({ device: 'val-9', seq: at + 1, atMs: AT_MS + (at + 1) * 60_000, token: token(n) }),
  );
  await engine.deliver([
    actRow({ act: 'begun', tokenId: token(21), replacesTokenId: token(20) }, atMs),
    actRow({ act: 'issued', tokenId: token(21), replacesTokenId: token(20) }, atMs),
    actRow({ act: 'issued', tokenId: token(31), replacesTokenId: token(30) }, atMs),
    actRow({ act: 'issued', tokenId: token(32), replacesTokenId: token(31) }, atMs),
    actRow({ act: 'issued', tokenId: token(33), replacesTokenId: token(33) }, atMs),
    ...taps,
  ]);
  await settle();
  const derived = derivedAccountId(token(30));
  expect((await linesOf('val-9')).map((line) => line.split(' ')[0])).toEqual([
    'p-7',
    derived,
    derived,
    derivedAccountId(token(33)),
  ]);
  expect(await denied(20, 30, 31, 21, 32, 33)).toEqual([
    ...Array(3).fill('replaced'),
    ...Array(3).fill(undefined),
  ]);
  expect(await showDenials(engine.admin, token(20))).toMatchObject({ facts: [{ reason: 'replaced' }] });
});

test('a card that was begun and given up is denied', async () => {
  await engine.deliver([actRow({ act: 'given-up', tokenId: token(40) }, AT_MS + 3000)]);
  await settle();
  expect(await denied(40)).toEqual(['lost']);
});

test('a denied account is denied by the card that took the place of its own, and let on again by it', async () => {
  engine.clock.advance(10_000);
  const lost = { reason: 'lost', scope: 'all', validFromMs: 0 };
  for (const [accountId, card] of [
    ['p-7', 21],
    [derivedAccountId(token(30)), 32],
  ] as const) {
    await command(engine, 'deny-account', { accountId, ...lost });
    await settle();
    expect(await denied(card)).toEqual(['lost']);
    await command(engine, 'allow-account', { accountId });
    await settle();
    expect(await denied(card)).toEqual([undefined]);
  }
});

test('the office may say afterwards that a device was a station, and take it back', async () => {
  const device = 'desk-late';
  await engine.deliver([
    tapRow({ device: 'val-late', seq: 1, atMs: AT_MS + 60_000, token: token(61) }),
    actRow({ act: 'issued', tokenId: token(61), replacesTokenId: token(60) }, AT_MS, device),
    actRow({ act: 'given-up', tokenId: token(62) }, AT_MS, device),
  ]);
  await settle();
  const owner = async () => (await linesOf('val-late'))[0]?.split(' ')[0];
  expect([await owner(), ...(await denied(60, 62))]).toEqual([
    derivedAccountId(token(61)),
    undefined,
    undefined,
  ]);
  await command(engine, 'say-station', { deviceId: device, allowed: true, validFromMs: 0 });
  await settle();
  expect([await owner(), ...(await denied(60, 62))]).toEqual([
    derivedAccountId(token(60)),
    'replaced',
    'lost',
  ]);
  await command(engine, 'say-station', { deviceId: device, allowed: false, validFromMs: 0 });
  await settle();
  expect([await owner(), ...(await denied(60, 62))]).toEqual([
    derivedAccountId(token(61)),
    undefined,
    undefined,
  ]);
});

describe('a chain of lost cards gives the same lines', () => {
  /** Each begins a chain of its own: A is linked, B takes its place, then C takes that of B; all three ride. */
  function story(n: number) {
    const [a, b, c] = [n, n + 1, n + 2].map((number) => token(number)) as [string, string, string];
    const [device, station] = [`val-${n}`, `desk-${n}`];
    const tap = (seq: number, atMs: number, tokenId: string) => tapRow({ device, seq, atMs, token: tokenId });
    const issued = (tokenId: string, replacesTokenId: string, atMs: number) =>
      actRow({ act: 'issued', tokenId, replacesTokenId }, atMs, station);
    const HOUR_MS = 3_600_000;
    const linked = { tokenId: a, accountId: `p-${n}`, validFromMs: 0 };
    const steps: (() => Promise<unknown>)[] = [
      () => command(engine, 'link-medium', linked),
      () => command(engine, 'say-station', { deviceId: station, allowed: true, validFromMs: 0 }),
      () => engine.deliver([issued(b, a, AT_MS + HOUR_MS)]),
      () => engine.deliver([issued(c, b, AT_MS + 3 * HOUR_MS)]),
      () => engine.deliver([tap(1, AT_MS, a), tap(3, AT_MS + 4 * HOUR_MS, c)]),
      () => engine.deliver([tap(2, AT_MS + 2 * HOUR_MS, b)]),
    ];
    return { device, steps, tokens: [n, n + 1, n + 2] };
  }

  it.each([
    [100, [0, 1, 2, 3, 4, 5]],
    [110, [5, 4, 3, 2, 1, 0]],
    [120, [3, 4, 0, 5, 2, 1]],
    [130, [1, 3, 5, 4, 2, 0]],
    [140, [4, 5, 3, 1, 0, 2]],
  ] as const)('in an order of arrival of its own (%i)', async (n, order) => {
    const { device, steps, tokens } = story(n);
    for (const at of order) {
      await steps[at]?.();
      await settle();
    }
    expect(await linesOf(device)).toEqual(Array(3).fill(`p-${n} ride 1200`));
    expect(await denied(...tokens)).toEqual(['replaced', 'replaced', undefined]);
    const wrong = await rows('SELECT * FROM fare.published_reconciliation WHERE amount <> 0');
    expect(wrong).toEqual([]);
  });
});
