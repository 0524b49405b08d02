/** `kvytok import` of what an earlier system counted, on real PostgreSQL: no rider loses a ride, a cap or a transfer. */
import { appendFileSync, copyFileSync, cpSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { run } from '../../cli/commands/import.ts';
import { handedOver } from '../../fare-engine/holdings/handed-over-query.ts';
import { createPricer } from '../../fare-engine/main.ts';
import { reconcile } from '../../fare-engine/reconcile.ts';
import { loadTariffTimeline } from '../../fare-engine/tariffs/load-tariff.ts';
import { tapRow, token } from '../fare-engine/support/a-record.ts';
import { calendar, type EngineDatabase, openEngineDatabase } from '../fare-engine/support/engine-database.ts';
import { tempFolder } from '../support/temp-folder.ts';

const CITIES = fileURLToPath(new URL('../../cities', import.meta.url));
const folder = tempFolder('import-counted');
const cityDir = join(folder.path, 'city');
const NOON = Date.parse('2025-10-14T12:00:00+03:00');
let engine: EngineDatabase;

beforeAll(async () => {
  mkdirSync(cityDir);
  copyFileSync(join(CITIES, 'ternopil/city.yaml'), join(cityDir, 'city.yaml'));
  cpSync(join(CITIES, 'ternopil/devices'), join(cityDir, 'devices'), { recursive: true });
  cpSync(join(CITIES, 'lviv-like/tariff'), join(cityDir, 'tariff'), { recursive: true });
  const law = 'act: lviv-2025, article: not-established';
  const more = {
    'caps.yaml': `caps:\n  - { cap_id: day, names: { uk: д, en: d, de: t, pl: d }, window: day, day_start: "00:00", basis: amount, cap_minor: 2500, ${law} }\n`,
    'product-terms.yaml': `  - { fare_product_id: ten, kind: carnet, rides: 10, validity_amount: 1, validity_unit: month, validity_type: rolling, activation: first_use, ${law} }\n`,
    'fare_products.txt': 'ten,Десять,full,leocard,100.00,UAH\n',
    'fare_leg_rules.txt': 'city,city,ten,leg-ten,lviv-2025,not-established\n',
  };
  for (const version of ['2025-06-01', '2026-03-11'])
    for (const [file, rows] of Object.entries(more))
      appendFileSync(join(cityDir, 'tariff', version, file), rows);
  engine = await openEngineDatabase();
});
afterAll(async () => {
  await engine?.close();
  folder.remove();
});

async function apply(dir: string, id: string): Promise<{ code: number; said: string }> {
  const [stdout, stderr] = [new PassThrough(), new PassThrough()];
  const env = { KVYTOK_POSTGRES_URL: engine.database.url('fare_runtime'), KVYTOK_CITY_DIR: cityDir };
  const args = ['apply', dir, '--id', id, '--system', 'old', '--by', 'the office'];
  const code = await run(args, { stdin: new PassThrough(), stdout, stderr, env, cwd: folder.path });
  stdout.end();
  return { code, said: await text(stdout) };
}

test('carnets, caps and open transfers go on where the earlier system left them, however late it is said', async () => {
  const timeline = await loadTariffTimeline(join(cityDir, 'tariff'));
  if (!timeline.ok) throw new Error('tariffs');
  const deps = engine.deps(createPricer(timeline.timeline, calendar));
  const riders = [41, 42, 43].map((n) => ({ n, account: `q-${n}`, card: token(n) }));
  const ride = (seq: number, n: number) => ({
    ...{
      device: 'val-9',
      seq,
      atMs: NOON + seq * 60_000,
      token: token(n),
      routeId: 'A1',
      vehicleId: `c${seq}`,
    },
  });
  await engine.deliver([41, 41, 42, 42, 43].map((n, i) => tapRow(ride(i + 1, n))));
  await engine.drain({ deps });
  const rows = (head: string, ...lines: string[]) => `${[head, ...lines].join('\n')}\n`;
  const counted = {
    'accounts.csv': rows('account_id', ...riders.map(({ account }) => account)),
    'media.csv': rows(
      'account_id,token_id,valid_from',
      ...riders.map(({ account, card }) => `${account},${card},2025-10-14`),
    ),
    'passes.csv': rows(
      'pass_id,account_id,fare_product_id,valid_from,unused,prepaid',
      'ten-1,q-41,ten,2025-10-01,no,10.00',
    ),
    'uses.csv': rows('account_id,pass_id,rides,first_used', 'q-41,ten-1,9,2025-10-02 08:00'),
    'caps.csv': rows('account_id,cap_id,period_from,amount', 'q-42,day,2025-10-14,17.50'),
    'rides.csv': rows('account_id,at,route_id', 'q-43,2025-10-14 11:40,T2'),
  };
  const dirOf = (name: string, change: Partial<typeof counted> = {}) => {
    const dir = join(folder.path, name);
    mkdirSync(dir, { recursive: true });
    for (const [file, text] of Object.entries({ ...counted, ...change }))
      writeFileSync(join(dir, file), text);
    return dir;
  };
  const unsaid = await apply(
    dirOf('unsaid', { 'uses.csv': rows('account_id,pass_id,rides,first_used', 'q-42,ten-1,9,2025-10-02') }),
    'unsaid',
  );
  expect(unsaid.said).toMatch(/uses.csv:2 pass_id.*IMPORT_REFERENCE/);
  const none = await apply(
    dirOf('none', { 'uses.csv': rows('account_id,pass_id,rides,first_used') }),
    'none',
  );
  expect(none.said).toMatch(/passes.csv:2 unused.*IMPORT_USED/);
  expect(await apply(dirOf('counted'), 'counted')).toMatchObject({ code: 0 });
  await engine.drain({ deps });
  const charged = await engine.admin.query(
    `SELECT account_id, rider_minor::int AS rider, pass_minor::int AS pass, cap_minor::int AS cap, transfer_minor::int AS transfer
     FROM fare.latest_decision WHERE tap_id LIKE 'val-9.%' ORDER BY split_part(tap_id, '.', 3)::int`,
  );
  // The tenth ride of the carnet, and a transfer after it; of the cap of 25.00 are 7.50 left; boarded 25 minutes after a ride there.
  expect(
    charged.rows.map(({ account_id, rider, pass, cap, transfer }) => [
      account_id,
      rider,
      pass,
      cap,
      transfer,
    ]),
  ).toEqual([
    ['q-41', 0, 1700, 0, 0],
    ['q-41', 0, 0, 0, 1700],
    ['q-42', 750, 0, 950, 0],
    ['q-42', 0, 0, 0, 1700],
    ['q-43', 0, 0, 0, 1700],
  ]);
  const handedOverOf = async () => {
    const { rows } = await engine.admin.query(
      `SELECT ${handedOver('h', 'p')} AS over FROM fare.pass_holding h
       LEFT JOIN fare.posting p ON p.posting_id = 'pass:' || h.pass_id WHERE h.pass_id = 'ten-1'`,
    );
    return rows;
  };
  const firstUseMs = Date.parse('2025-10-02T08:00:00+03:00');
  expect(await handedOverOf()).toEqual([{ over: { atMs: expect.any(Number), rides: 9, firstUseMs } }]);
  const again = await apply(dirOf('counted'), 'counted-2');
  expect(again.said.match(/0 new/g)).toHaveLength(6);
  const other = dirOf('other-counts', {
    'passes.csv': counted['passes.csv'].replace('10.00', '10.01'),
    'uses.csv': counted['uses.csv'].replace(',9,', ',8,'),
    'caps.csv': counted['caps.csv'].replace('17.50', '17.51'),
    'rides.csv': counted['rides.csv'].replace('T2', 'A1'),
  });
  const { code, said } = await apply(other, 'counted-3');
  expect([code, said.match(/^\w+\.csv:2 \w+.*IMPORT_CONTRADICTS/gm)?.length]).toEqual([65, 4]);
  expect((await reconcile(engine.admin)).problems).toEqual([]);
  // A wrong word that was ended at whatever instant, and said anew, is counted once.
  await engine.admin.query(
    `INSERT INTO fare.entitlement_revocation (revocation_id, entitlement_id, valid_until_ms, known_from_ms)
     SELECT gen_random_uuid(), entitlement_id, $1, known_from_ms + 1 FROM fare.entitlement WHERE concession_id = 'uses:ten-1:9'`,
    [NOON],
  );
  await engine.admin.query(
    `INSERT INTO fare.entitlement (entitlement_id, account_id, concession_id, valid_from_ms, known_from_ms)
     SELECT 'anew', account_id, 'uses:ten-1:8', valid_from_ms, known_from_ms + 2 FROM fare.entitlement WHERE concession_id = 'uses:ten-1:9'`,
  );
  expect(await handedOverOf()).toEqual([{ over: { atMs: expect.any(Number), rides: 8, firstUseMs } }]);
});
