/** Rides whose clocks reach over the border of a fare day are priced again when what lies beyond it changes. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Payload } from '../../fare-engine/command-kinds.ts';
import { derivedAccountId } from '../../fare-engine/facts/account-of.ts';
import type { Pricer } from '../../fare-engine/ports.ts';
import { tapRow, token } from './support/a-record.ts';
import { type EngineDatabase, openEngineDatabase } from './support/engine-database.ts';
import { command } from './support/submit.ts';
import { ternopilPricer } from './support/ternopil-pricer.ts';

/** 04:00 in Kyiv: a fare day begins. */
const BORDER = Date.UTC(2025, 9, 15, 1);
const HOUR_MS = 3_600_000;
let engine: EngineDatabase;
let pricer: Pricer;
beforeAll(async () => {
  [engine, pricer] = await Promise.all([openEngineDatabase(), ternopilPricer()]);
});
afterAll(() => engine.close());

/** What a card's rides cost, in their order, once all is worked off. */
async function costs(card: number): Promise<number[]> {
  await engine.drain({ deps: engine.deps(pricer) });
  const { rows } = await engine.admin.query<{ minor: number }>(
    `SELECT d.rider_minor::int AS minor FROM fare.latest_decision d JOIN fare.tap t USING (tap_id)
      WHERE t.token_id = $1 ORDER BY t.seq`,
    [token(card)],
  );
  return rows.map(({ minor }) => minor);
}

/** A ride by a clock that is two minutes off at most. */
async function ride(card: number, atMs: number): Promise<void> {
  const clock = { wallMs: atMs, monoMs: 5_000_000, bootId: `${card}`.repeat(32) };
  const where = { device: `val-${card}`, seq: 1, token: token(card), routeId: 'T2' };
  await engine.deliver([tapRow({ ...where, atMs, clock, receivedAtMs: atMs + 1000 })]);
}

const grant = (card: number, span: Pick<Payload<'grant-entitlement'>, 'validFromMs' | 'validUntilMs'>) =>
  command(engine, 'grant-entitlement', {
    entitlementId: `right-${card}`,
    accountId: derivedAccountId(token(card)),
    concessionId: 'pensioner',
    ...span,
  });

test('a right that begins with the next fare day, and its end, change a ride that may have been in it', async () => {
  await ride(1, BORDER - 60_000);
  expect(await costs(1)).toEqual([1200]);
  await grant(1, { validFromMs: BORDER, validUntilMs: null });
  expect(await costs(1)).toEqual([0]);
  // It was a mistake: it never began.
  await command(engine, 'revoke-entitlement', { entitlementId: 'right-1', validUntilMs: BORDER - HOUR_MS });
  expect(await costs(1)).toEqual([1200]);
});

test('a right that ended with the fare day before changes a ride that may have been in it', async () => {
  await ride(2, BORDER + 60_000);
  expect(await costs(2)).toEqual([1200]);
  await grant(2, { validFromMs: BORDER - HOUR_MS, validUntilMs: BORDER - 1 });
  expect(await costs(2)).toEqual([0]);
});

test('a clock that is a day off reaches a day', async () => {
  await ride(3, BORDER - 20 * HOUR_MS);
  await command(engine, 'correct-clock', {
    deviceId: 'val-3',
    validFromMs: BORDER - 21 * HOUR_MS,
    validUntilMs: BORDER - 19 * HOUR_MS,
    offsetMs: 0,
    uncertaintyMs: 30 * HOUR_MS,
    reason: 'its clock stood still',
  });
  expect(await costs(3)).toEqual([1200]);
  await grant(3, { validFromMs: BORDER + HOUR_MS, validUntilMs: null });
  expect(await costs(3)).toEqual([0]);
});
