/** Quotas, carnets and passes in the engine on real PostgreSQL: sold and granted as facts, in any order, by the Chortkiv-like tariff. */
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { readTariffs } from '../../cli/audit/export-facts-file.ts';
import * as passCommand from '../../cli/commands/pass.ts';
import * as priceCommand from '../../cli/commands/price.ts';
import { workCommands } from '../../fare-engine/adapters/postgres-commands.ts';
import { readMoneyDay } from '../../fare-engine/bank/read-money-day.ts';
import { exportFacts } from '../../fare-engine/export-facts.ts';
import { createPricer } from '../../fare-engine/main.ts';
import type { Pricer } from '../../fare-engine/ports.ts';
import { reconcile } from '../../fare-engine/reconcile.ts';
import type { SettlementTerms } from '../../fare-engine/settle-commands.ts';
import { loadTariffTimeline } from '../../fare-engine/tariffs/load-tariff.ts';
import { runCommand } from '../support/command-io.ts';
import { tapRow, token } from './support/a-record.ts';
import { calendar, type EngineDatabase, openEngineDatabase } from './support/engine-database.ts';
import { command } from './support/submit.ts';

const CITY = fileURLToPath(new URL('../../cities/chortkiv-like', import.meta.url));
let engine: EngineDatabase;
let pricer: Pricer;
let terms: SettlementTerms;
beforeAll(async () => {
  const read = await loadTariffTimeline(join(CITY, 'tariff'));
  if (!read.ok) throw new Error(read.problems[0]?.message);
  pricer = createPricer(read.timeline, calendar);
  terms = { tariffs: read.timeline, schemes: [], city: {} as SettlementTerms['city'] };
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

describe('given back', () => {
  const giveBack = async (passId: string, change: object = {}): Promise<void> => {
    const till = { to: 'till', source: 'kiosk-7', reason: 'переїзд', by: 'О. Бойко' };
    await command(engine, 'return-holding', { passId, ...till, ...change }, undefined, terms);
  };
  const refused = async () => {
    const { rows } = await engine.admin.query(
      "SELECT reason, detail FROM fare.command_refusal WHERE kind = 'return-holding' ORDER BY refusal_id DESC LIMIT 1",
    );
    return [rows[0]?.reason, rows[0]?.detail];
  };
  const bookings = async (passId: string) => {
    const { rows } = await engine.admin.query(
      `SELECT posting_id AS id, debit_account AS debit, credit_account AS credit, amount_minor::int AS minor
       FROM fare.posting WHERE source = $1 AND posting_id <> source ORDER BY 1`,
      [`pass:${passId}`],
    );
    return rows;
  };
  const sale = { fareProductId: 'carnet-3', validFromMs: FIRST, amountMinor: '2700', currency: 'UAH' };

  test('a carnet pays for the rides before, for none after; its price is what came back, the fee, and what was used', async () => {
    const { device, card, account } = await person(503);
    await command(engine, 'sell-pass', { ...sale, passId: 'c-503', accountId: account, source: 'kiosk-7' });
    const returnMs = engine.clock.nowMs();
    const ride = (seq: number, atMs: number) =>
      tapRow({ device, seq, atMs, token: card, routeId: '1', vehicleId: `b${seq}` });
    await engine.deliver([ride(1, returnMs - 3_600_000), ride(2, returnMs + 3_600_000)]);
    await giveBack('c-503', { amountMinor: '1700' });
    await drain();
    await giveBack('c-503', { amountMinor: '1700' });
    // Both rides were priced with it when it was asked for: a third is left, less the fee.
    expect(await refused()).toEqual(['HOLDING_AMOUNT_DIFFERS', '800 UAH']);
    await giveBack('c-503');
    await drain();
    expect((await ridesOf(device)).map((row) => row.rider)).toEqual([0, 1000]);
    expect(await bookings('c-503')).toEqual([
      { id: 'pass:c-503:back', debit: 'liability:passes', credit: 'till:kiosk-7', minor: 800 },
      { id: 'pass:c-503:fee', debit: 'liability:passes', credit: 'kept:passes', minor: 100 },
    ]);
    await giveBack('c-503');
    expect(await refused()).toEqual(['HOLDING_ALREADY_RETURNED', 'c-503']);
    const { rows } = await engine.admin.query(
      `SELECT l.bytes::json->'inputs'->>'by' AS by FROM fare.audit_leaf l JOIN fare.command_accepted a
         ON l.kind = 'command' AND l.ref = a.command_id::text WHERE a.kind = 'return-holding'`,
    );
    expect(rows).toEqual([{ by: 'О. Бойко' }]);
    expect((await reconcile(engine.admin)).problems).toEqual([]);
  });

  test('a bundle has its end, and kvytok price --facts charges the ride after it', async () => {
    const { rows } = await engine.admin.query('SELECT valid_until_ms::float8 AS ms FROM fare.pass_return');
    const lines: string[] = [];
    const span = { fromDay: '2025-10-01', untilDay: '2025-11-01', zone: 'Europe/Kyiv', dayStart: '04:00' };
    await engine.admin.query(
      `INSERT INTO fare.tariff_activation (package_hash, version_id, names, valid_from_ms, known_from_ms)
       SELECT hash, hash, '{}', 0, 0 FROM unnest($1::text[]) AS t (hash)`,
      [terms.tariffs.packages.map(({ hash }) => hash)],
    );
    const packages = await readTariffs(join(CITY, 'tariff'));
    const wish = { ...span, packages };
    const counts = await exportFacts(engine.admin, wish, async (line) => void lines.push(line));
    expect(counts.waiting).toBe(0);
    const bundle = lines.map((line) => JSON.parse(line) as { passId?: string; validUntilMs?: number });
    expect(bundle.find(({ passId }) => passId === 'c-503')).toMatchObject({ validUntilMs: rows[0].ms });
    const priced = await runCommand(priceCommand, ['--facts', '-'], `${lines.join('\n')}\n`);
    expect(priced.code).toBe(0);
    const charges = priced.stdout.split('\n').filter((line) => line.includes('val-503.'));
    expect(charges.map((line) => JSON.parse(line)['riderMinor']).sort()).toEqual(['0', '1000']);
    // What waits for its price is counted: the log does not have it yet.
    await engine.admin.query(
      "INSERT INTO fare.account_day_queue (account_id, fare_day, reason) VALUES ('person-503', '2025-10-14', 'test')",
    );
    expect((await exportFacts(engine.admin, wish, async () => {})).waiting).toBe(1);
    await drain();
  });

  test('by kvytok pass sell and return, at the provider that sold it: its report shows sale and return under their names', async () => {
    const source = 'pay-online';
    const env = { KVYTOK_POSTGRES_URL: engine.database.url('office_runtime') };
    const { fareProductId, amountMinor, currency, validFromMs } = sale;
    const sold = [
      '--product',
      fareProductId,
      '--amount',
      amountMinor,
      '--currency',
      currency,
      '--source',
      source,
    ];
    const from = ['--from', new Date(validFromMs).toISOString(), '--id', 'c-506'];
    const selling = await runCommand(passCommand, ['sell', 'person-506', ...sold, ...from], '', '.', env);
    expect([selling.code, selling.stderr]).toEqual([0, 'pass c-506\n']);
    await workCommands(engine.pool, calendar, engine.clock, 10, terms);
    await expect(runCommand(passCommand, ['sell', 'person-506', ...sold], '', '.', env)).rejects.toThrow(
      '--from',
    );
    const said = ['--source', source, '--reason', 'переїзд', '--by', 'О. Бойко', '--amount', '2600'];
    const handed = await runCommand(passCommand, ['return', 'c-506', '--to', 'till', ...said], '', '.', env);
    expect([handed.code, JSON.parse(handed.stdout)]).toMatchObject([0, { answer: 'waits' }]);
    await expect(
      runCommand(passCommand, ['return', 'c-506', '--to', 'wallet', ...said], '', '.', env),
    ).rejects.toThrow('--source TILL');
    await workCommands(engine.pool, calendar, engine.clock, 10, terms);
    const fromMs = engine.clock.nowMs() - DAY_MS;
    const moves = async (from: number, named: readonly string[]) => {
      const rules = { day: '', acquirerId: 'acq', providerId: source };
      const day = { fromMs: from, untilMs: from + 2 * DAY_MS, named };
      return (await readMoneyDay(engine.admin, rules, day)).provider.map((move) => [
        move.reference,
        move.amountMinor,
      ]);
    };
    const both = [
      ['c-506', 2700n],
      ['c-506:back', -2600n],
    ];
    expect((await moves(fromMs, [])).sort()).toEqual(both);
    expect((await moves(0, ['c-506', 'c-506:back'])).sort()).toEqual(both);
  });

  test("to the wallet, whole and once; not while its holder's days wait, and not without a till or for nobody", async () => {
    await command(engine, 'sell-pass', {
      ...sale,
      passId: 'c-504',
      accountId: 'person-504',
      source: 'kiosk-7',
    });
    await engine.admin.query(
      "INSERT INTO fare.account_day_queue (account_id, fare_day, reason) VALUES ('person-504', '2025-10-01', 'test')",
    );
    await giveBack('c-504');
    expect(await refused()).toEqual(['HOLDING_WORK_WAITING', 'person-504']);
    await drain();
    await engine.admin.query(
      `INSERT INTO fare.stuck (sort, ref, body, error, attempts, since_ms) VALUES ('account-day', 'person-504 2025-10-01',
         '{"accountId": "person-504", "fareDay": "2025-10-01"}', 'test', 5, 0)`,
    );
    await giveBack('c-504');
    expect(await refused()).toEqual(['HOLDING_WORK_WAITING', 'person-504']);
    expect(await bookings('c-504')).toEqual([]);
    await engine.admin.query('DELETE FROM fare.stuck');
    await giveBack('c-504', { source: undefined });
    expect((await refused())[0]).toBe('COMMAND_MALFORMED');
    await giveBack('c-505');
    expect(await refused()).toEqual(['HOLDING_UNKNOWN', 'c-505']);
    await giveBack('c-504', { to: 'wallet', source: undefined });
    expect(await bookings('c-504')).toMatchObject([
      { debit: 'liability:passes', credit: 'rider:person-504', minor: 2600 },
      { credit: 'kept:passes', minor: 100 },
    ]);
  });
});
