/** A stranger with the bundle and nothing else reaches the ledger's figures, to the kopiyka. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Role } from '#platform/role.ts';
import { parseFactBundle } from '#pricing/fact-bundle.ts';
import { repriceBundle } from '#pricing/reprice-bundle.ts';
import { run as runAudit } from '../../cli/commands/audit.ts';
import { run as runExplain } from '../../cli/commands/explain.ts';
import { run as runTariff } from '../../cli/commands/tariff.ts';
import { DEFAULT_LIMITS } from '../../fare-engine/config.ts';
import { pastTransactions } from '../support/past-transactions.ts';
import { until } from '../support/until.ts';
import { tapIdOf, tapRow, token } from './support/a-record.ts';
import { type EngineDatabase, openEngineDatabase } from './support/engine-database.ts';
import { CITY_DIR, settled, startEngine } from './support/running-engine.ts';
import { submit } from './support/submit.ts';

let engine: EngineDatabase;
let role: Role;
const folder = mkdtempSync(join(tmpdir(), 'kvytok-bundle-'));
const MINUTE_MS = 60_000;
const MORNING = Date.UTC(2025, 9, 14, 4, 30);
const ROUTES = ['T2', 'T5', 'T7', 'no-such-route'];

/** Cards 22 and 23, plastic and phone, prove one account behind them. */
const PROOF = {
  ...{ par: '5413KVYTOK0000000000000000022', parProven: true, oda: 'cda' as const },
  ...{ authorisation: 'AQID', acquirerKeyId: 'acq-test' },
};

beforeAll(async () => {
  engine = await openEngineDatabase();
  await grantAndAssign();
  role = await startEngine(engine);
  // Two mornings and a night between them, delivered in no order at all.
  const rows = Array.from({ length: 400 }, (_, index) => {
    const step = (index * 7919) % 400;
    const card = 1 + (step % 23);
    return tapRow({
      device: `val-10${1 + (step % 3)}`,
      vehicleId: `10${1 + (step % 3)}`,
      routeId: ROUTES[step % 4] as string,
      seq: step + 1,
      atMs: MORNING + step * 4 * MINUTE_MS,
      token: token(card),
      mediumKind: card % 2 === 0 ? 'social' : 'wallet',
      ...(card > 21 && { mediumKind: 'bank', bank: PROOF }),
    });
  });
  await engine.deliver(rows.slice(0, 150));
  await engine.deliver(rows.slice(150));
  await settled(engine, 400);
});
afterAll(async () => {
  await role?.stop();
  await engine.close();
  rmSync(folder, { recursive: true, force: true });
});

async function grantAndAssign(): Promise<void> {
  for (const card of [2, 4, 5, 9]) {
    await submit(engine, 'link-medium', {
      tokenId: token(card),
      accountId: `person-${card % 4}`,
      validFromMs: 0,
    });
  }
  await submit(engine, 'grant-entitlement', {
    entitlementId: 'e-1',
    accountId: 'person-2',
    concessionId: 'pensioner',
    validFromMs: MORNING,
    validUntilMs: MORNING + 20 * 60 * MINUTE_MS,
  });
  await submit(engine, 'assign-device', {
    deviceId: 'val-101',
    vehicleId: '101',
    carrierId: 'tet',
    validFromMs: 0,
  });
}

function io() {
  const [stdout, stderr] = [new PassThrough(), new PassThrough()];
  const env = { KVYTOK_POSTGRES_URL: engine.database.url('auditor_runtime'), KVYTOK_CITY_DIR: CITY_DIR };
  return { stdin: new PassThrough(), stdout, stderr, env, cwd: folder };
}

test('kvytok audit export writes a bundle whose re-computation equals every decision', async () => {
  const outside = io();
  const code = await runAudit(
    ['export', '--from', '2025-10-14', '--until', '2025-10-17', '--out', 'facts.ndjson'],
    outside,
  );
  outside.stdout.end();
  expect(JSON.parse(await text(outside.stdout))).toMatchObject({ taps: 400 });
  expect(code).toBe(0);
  const read = parseFactBundle(readFileSync(join(folder, 'facts.ndjson'), 'utf8').split('\n'));
  if (!read.ok) throw new Error(read.problem.message);
  const repriced = new Map<string, unknown>();
  for (const { accountId, line } of repriceBundle(read.bundle)) {
    const { kind, packageHash, riderMinor, concessionMinor, transferMinor, grossMinor, fundingId } = line;
    repriced.set(line.tapId, [
      accountId,
      kind,
      packageHash,
      riderMinor,
      concessionMinor,
      transferMinor,
      grossMinor,
      fundingId,
    ]);
  }
  const { rows } = await engine.admin.query('SELECT * FROM fare.latest_decision');
  expect(rows).toHaveLength(400);
  for (const d of rows) {
    const decided = [
      d.account_id,
      d.kind,
      d.package_hash,
      d.rider_minor,
      d.concession_minor,
      d.transfer_minor,
      d.gross_minor,
      d.funding_id,
    ];
    expect(repriced.get(d.tap_id), d.tap_id).toEqual(decided);
  }
  // Plastic and phone are one account in the bundle as in the ledger, and a ride on one is a transfer from the other.
  const cardOf = (tapId: string): number => 1 + ((Number(tapId.split('.').at(-1)) - 1) % 23);
  const family = rows.filter((d) => cardOf(d.tap_id) > 21);
  expect(new Set(family.map((d) => cardOf(d.tap_id)))).toEqual(new Set([22, 23]));
  expect(new Set(family.map((d) => (repriced.get(d.tap_id) as unknown[])[0])).size).toBe(1);
  expect(family.some((d) => d.kind === 'transfer')).toBe(true);
  const kinds = new Set(rows.map((d) => d.kind));
  expect([...kinds].sort()).toEqual(['ride', 'transfer', 'unpriced']);
  expect(rows.some((d) => d.concession_minor > 0n)).toBe(true);
});

test('a draft is tried on days straight out of the database as on their export, and adds up; nobody is named', async () => {
  const simulate = async (...from: string[]) => {
    const outside = io();
    const draft = join(CITY_DIR, 'tariff', '2021-10-01');
    const code = await runTariff(
      ['simulate', '--draft', draft, ...from, '--json', '--report', 'draft.html'],
      outside,
    );
    outside.stdout.end();
    expect(code).toBe(0);
    return JSON.parse(await text(outside.stdout));
  };
  const live = await simulate('--from', '2025-10-14', '--until', '2025-10-17');
  expect(live).toEqual(await simulate('--facts', 'facts.ndjson'));
  const { total, tables, owed } = live;
  expect(total.rides).toBeGreaterThan(200);
  const sum = (rows: { afterMinor: string }[]) => rows.reduce((all, row) => all + BigInt(row.afterMinor), 0n);
  for (const name of ['category', 'route', 'carrier'])
    expect(String(sum(tables[name]))).toBe(total.afterMinor);
  expect(String(sum(tables.funding))).toBe(owed.afterMinor);
  const [{ rider }] = (
    await engine.admin.query('SELECT sum(rider_minor - loss_minor)::text AS rider FROM fare.latest_decision')
  ).rows;
  // What riders pay now is what the books say.
  expect(total.beforeMinor).toBe(rider);
  expect(readFileSync(join(folder, 'draft.html'), 'utf8')).not.toMatch(/person-|acc-|tok-/);
});

test('kvytok explain shows step, law, ledger in four languages, and the same as JSON', async () => {
  const { rows } = await engine.admin.query(
    'SELECT tap_id FROM fare.latest_decision WHERE concession_minor > 0 ORDER BY tap_id LIMIT 1',
  );
  const tapId = rows[0].tap_id as string;
  const said: string[] = [];
  for (const lang of ['uk', 'en', 'de', 'pl']) {
    const outside = io();
    expect(await runExplain([tapId, '--lang', lang], outside)).toBe(0);
    outside.stdout.end();
    said.push(await text(outside.stdout));
  }
  expect(said[0]).toContain('Проводки');
  expect(said[1]).toContain('Postings');
  for (const lines of said) {
    expect(lines).toContain(tapId);
    expect(lines).toMatch(/budget:\S+ → /);
    expect(lines).not.toMatch(/person-|acc-/);
  }
  const outside = io();
  expect(await runExplain([tapId, '--json'], outside)).toBe(0);
  outside.stdout.end();
  const { revisions } = JSON.parse(await text(outside.stdout));
  expect(revisions[0].steps.map((step: { kind: string }) => step.kind)).toContain('concession');
  expect(revisions[0].steps.at(-1)).toMatchObject({ act: expect.any(String), article: expect.any(String) });
});

test('kvytok explain of a tap that nobody has priced says so and fails', async () => {
  const outside = io();
  expect(await runExplain([tapIdOf('val-101', 99_999)], outside)).toBe(1);
  outside.stderr.end();
  expect(await text(outside.stderr)).toMatch(/No tap/);
});

test('kvytok audit reconcile is content with these books', async () => {
  // The engine keeps its sums as it goes: by now and then of a time that stands still here, and not beyond what others have open.
  await pastTransactions(engine.admin);
  await until(async () => {
    engine.clock.advance(DEFAULT_LIMITS.foldEveryMs);
    const { rows } = await engine.admin.query<{ taps: bigint }>(
      'SELECT decided_taps AS taps FROM fare.sum_fold',
    );
    return rows[0]?.taps === 400n;
  });
  const outside = io();
  const code = await runAudit(['reconcile'], outside);
  outside.stdout.end();
  expect(JSON.parse(await text(outside.stdout))).toMatchObject({ taps: 400, decided: 400, problems: [] });
  expect(code).toBe(0);
});
