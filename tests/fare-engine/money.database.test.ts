/** Quotas, carnets and passes in the engine on real PostgreSQL: sold and granted as facts, in any order, by the Chortkiv-like tariff. */
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createPricer } from '../../fare-engine/main.ts';
import type { Pricer } from '../../fare-engine/ports.ts';
import { reconcile } from '../../fare-engine/reconcile.ts';
import { loadTariffTimeline } from '../../fare-engine/tariffs/load-tariff.ts';
import { tapRow, token } from './support/a-record.ts';
import { calendar, type EngineDatabase, openEngineDatabase } from './support/engine-database.ts';
import { command } from './support/submit.ts';

let engine: EngineDatabase;
let pricer: Pricer;
beforeAll(async () => {
  const dir = fileURLToPath(new URL('../../cities/chortkiv-like/tariff', import.meta.url));
  const read = await loadTariffTimeline(dir);
  if (!read.ok) throw new Error(read.problems[0]?.message);
  pricer = createPricer(read.timeline, calendar);
  engine = await openEngineDatabase();
});
afterAll(() => engine.close());

const DAY_MS = 86_400_000;
/** 1 October 2025, 11:00 in Kyiv. */
const FIRST = Date.UTC(2025, 9, 1, 8);
const drain = () => engine.drain({ deps: engine.deps(pricer) });

async function ridesOf(device: string) {
  const { rows } = await engine.admin.query(
    `SELECT d.revision, d.rider_minor::int AS rider, d.pass_minor::int AS pass, d.concession_minor::int AS concession
     FROM fare.latest_decision d WHERE d.tap_id LIKE $1 ORDER BY (substring(d.tap_id FROM '[0-9]+$'))::int`,
    [`${device}.%`],
  );
  return rows;
}

async function person(n: number): Promise<{ device: string; card: string; account: string }> {
  const own = { device: `val-${n}`, card: token(n), account: `person-${n}` };
  await command(engine, 'link-medium', { tokenId: own.card, accountId: own.account, validFromMs: 0 });
  return own;
}

test('a carnet that is sold re-prices the rides after it; a late ride takes one of its rides, and the last one is paid', async () => {
  const { device, card, account } = await person(501);
  const ride = (seq: number, day: number) =>
    tapRow({ device, seq, atMs: FIRST + day * DAY_MS, token: card, routeId: '1', vehicleId: `b${seq}` });
  await engine.deliver([ride(1, 0), ride(2, 1), ride(4, 3)]);
  await drain();
  expect((await ridesOf(device)).map((row) => row.rider)).toEqual([1000, 1000, 1000]);
  await command(engine, 'sell-pass', {
    passId: 'carnet-501',
    accountId: account,
    fareProductId: 'carnet-3',
    validFromMs: FIRST,
    amountMinor: '2700',
    currency: 'UAH',
    source: 'kiosk-7',
  });
  await drain();
  expect(await ridesOf(device)).toMatchObject([
    { rider: 0, pass: 1000, revision: 2 },
    { rider: 0, pass: 1000 },
    { rider: 0, pass: 1000 },
  ]);
  await engine.deliver([ride(3, 2)]);
  await drain();
  expect((await ridesOf(device)).map((row) => row.rider)).toEqual([0, 0, 0, 1000]);
  const { rows } = await engine.admin.query(
    `SELECT debit_account, credit_account, amount_minor::int AS minor FROM fare.posting WHERE posting_id = 'pass:carnet-501'`,
  );
  expect(rows).toEqual([{ debit_account: 'till:kiosk-7', credit_account: 'liability:passes', minor: 2700 }]);
  expect((await reconcile(engine.admin)).problems).toEqual([]);
});

test('the same sale twice is one, with another product it is refused; a gift posts nothing', async () => {
  const sale = {
    passId: 'month-1',
    accountId: 'person-x',
    fareProductId: 'month',
    validFromMs: FIRST,
    amountMinor: '0',
    currency: 'UAH',
    source: 'office',
  };
  await command(engine, 'sell-pass', sale);
  await command(engine, 'sell-pass', sale);
  await command(engine, 'sell-pass', { ...sale, fareProductId: 'day' });
  const { rows } = await engine.admin.query(
    `SELECT (SELECT count(*)::int FROM fare.pass_holding WHERE pass_id = 'month-1') AS held,
            (SELECT count(*)::int FROM fare.posting WHERE posting_id = 'pass:month-1') AS posted,
            (SELECT array_agg(reason) FROM fare.command_refusal WHERE kind = 'sell-pass') AS refused`,
  );
  expect(rows).toEqual([{ held: 1, posted: 0, refused: ['COMMAND_KEY_REUSED'] }]);
});

test('a quota of a month counts whatever comes first, and a late ride of its first day moves the border', async () => {
  const { device, card, account } = await person(502);
  for (const [entitlementId, concessionId] of [
    ['e-502', 'pensioner'],
    ['r-502', 'residence:chortkiv'],
  ] as const)
    await command(engine, 'grant-entitlement', {
      entitlementId,
      accountId: account,
      concessionId,
      validFromMs: 0,
    });
  const ride = (seq: number) =>
    tapRow({ device, seq, atMs: FIRST + seq * DAY_MS, token: card, routeId: '1', vehicleId: `b${seq}` });
  // Thirteen rides, last days first; the second day's bus is still offline.
  const rows = [13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 1].map(ride);
  for (const row of rows) {
    await engine.deliver([row]);
    await drain();
  }
  expect((await ridesOf(device)).map((row) => row.rider)).toEqual(Array(12).fill(0));
  await engine.deliver([ride(2)]);
  await drain();
  const all = await ridesOf(device);
  expect(all.map((row) => row.rider)).toEqual([...Array(12).fill(0), 500]);
  expect(all.at(-1)).toMatchObject({ concession: 500, revision: 2 });
  expect(all.slice(0, 12).map((row) => row.revision)).toEqual(Array(12).fill(1));
  expect((await reconcile(engine.admin)).problems).toEqual([]);
});
