/** A bundle of closed days with late taps: a stranger reaches rider, loss and concession of every tap, to the kopiyka. */

import { mkdtempSync, rmSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Role } from '#platform/role.ts';
import { run as runAudit } from '../../cli/commands/audit.ts';
import * as price from '../../cli/commands/price.ts';
import { runCommand } from '../support/command-io.ts';
import { interrupted } from '../support/interrupted.ts';
import { tapRow, token } from './support/a-record.ts';
import { type EngineDatabase, openEngineDatabase } from './support/engine-database.ts';
import { CITY_DIR, settled, startEngine } from './support/running-engine.ts';
import { command } from './support/submit.ts';

const folder = mkdtempSync(join(tmpdir(), 'kvytok-late-bundle-'));
const MINUTE_MS = 60_000;
const DAY_MS = 86_400_000;
/** Half an hour before the first fare day ends: runs reach over its border. */
const EVE = Date.UTC(2025, 9, 15, 0, 30);
const TAPS = 360;
const isLate = (step: number): boolean => step % 5 === 2 || step % 5 === 4;
let engine: EngineDatabase;
let role: Role;

beforeAll(async () => {
  engine = await openEngineDatabase();
  role = await startEngine(engine);
  await command(engine, 'link-medium', { tokenId: token(3), accountId: 'p-3', validFromMs: 0 });
  await command(engine, 'grant-entitlement', {
    entitlementId: 'e-3',
    accountId: 'p-3',
    concessionId: 'pensioner',
    validFromMs: 0,
  });
  const rows = Array.from({ length: TAPS }, (_, step) => {
    const card = 1 + (Math.floor(step / 2) % 11);
    const atMs = EVE + step * 7 * MINUTE_MS;
    return tapRow({
      device: 'val-101',
      seq: step + 1,
      atMs,
      token: token(card),
      mediumKind: card % 2 === 1 ? 'social' : 'wallet',
      vehicleId: `bus-${(step * 31) % 5}`,
      routeId: ['T2', 'T5', 'T7'][step % 3] as string,
      // Two in five arrive after the close; half of these so late that nobody is charged any more.
      receivedAtMs: step % 5 === 2 ? EVE + 20 * DAY_MS : step % 5 === 4 ? EVE + 3 * DAY_MS : atMs + 1000,
      ...(step % 40 === 23 ? { passBackOfSeq: step } : {}),
    });
  });
  const late = rows.filter((_, step) => isLate(step));
  const inTime = rows.filter((_, step) => !isLate(step));
  await engine.deliver(inTime);
  await settled(engine, inTime.length);
  engine.clock.setWall(EVE + 2.5 * DAY_MS);
  await command(engine, 'close-day', { fareDay: '2025-10-15' });
  await command(engine, 'grant-entitlement', {
    entitlementId: 'e-1',
    accountId: 'p-3',
    concessionId: 'student',
    validFromMs: 0,
  });
  await engine.deliver(late.reverse());
  await settled(engine, TAPS);
});
afterAll(async () => {
  await role?.stop();
  await engine.close();
  rmSync(folder, { recursive: true, force: true });
});

async function repriced(from: string): Promise<Map<string, unknown[]>> {
  const [stdout, stderr] = [new PassThrough(), new PassThrough()];
  const env = { KVYTOK_POSTGRES_URL: engine.database.url('auditor_runtime'), KVYTOK_CITY_DIR: CITY_DIR };
  const args = ['export', '--from', from, '--until', '2025-10-19', '--out', `${from}.ndjson`];
  expect(await runAudit(args, { stdin: new PassThrough(), stdout, stderr, env, cwd: folder })).toBe(0);
  const bundle = await readFile(join(folder, `${from}.ndjson`), 'utf8');
  const { code, stdout: text } = await runCommand(price, ['--facts', '-'], bundle, folder);
  expect(code).toBe(0);
  const lines = text
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
  return new Map(
    lines
      .filter((line) => line.kind === 'line')
      .map((line) => [line.tapId, [line.lineKind, line.riderMinor, line.lossMinor, line.concessionMinor]]),
  );
}

async function decided(from: string): Promise<Map<string, unknown[]>> {
  const { rows } = await engine.admin.query(
    `SELECT tap_id, kind, rider_minor::text AS rider, loss_minor::text AS loss, concession_minor::text AS concession
     FROM fare.latest_decision WHERE fare_day >= $1::date`,
    [from],
  );
  return new Map(rows.map((row) => [row.tap_id, [row.kind, row.rider, row.loss, row.concession]]));
}

test('the whole bundle gives what the ledger has, losses included', async () => {
  const found = await decided('2025-10-14');
  expect(found.size).toBe(TAPS);
  const losses = [...found.values()].filter(([, , loss]) => loss !== '0');
  expect(losses.length).toBeGreaterThan(10);
  expect(new Set([...found.values()].map(([kind]) => kind))).toEqual(
    new Set(['ride', 'transfer', 'same-ride']),
  );
  expect(await repriced('2025-10-14')).toEqual(found);
});

test('a bundle that begins later starts from what the day before handed on', async () => {
  const found = await decided('2025-10-15');
  expect(found.size).toBeLessThan(TAPS);
  expect(await repriced('2025-10-15')).toEqual(found);
  const text = await readFile(join(folder, '2025-10-15.ndjson'), 'utf8');
  expect(text).toContain('"kind":"state"');
  expect(text).not.toContain(token(1));
});

const NOTHING_PAID = {
  ...{ gross_minor: 0, rider_minor: 0, transfer_minor: 0, concession_minor: 0, pass_minor: 0 },
  ...{ cap_minor: 0, loss_minor: 0 },
};

describe('kvytok audit reprice', () => {
  async function reprice(...args: string[]) {
    const [stdout, stderr] = [new PassThrough(), new PassThrough()];
    const env = { KVYTOK_POSTGRES_URL: engine.database.url('auditor_runtime'), KVYTOK_CITY_DIR: CITY_DIR };
    const said = ['reprice', '--until', '2025-10-19', ...args];
    const code = await runAudit(said, { stdin: new PassThrough(), stdout, stderr, env, cwd: folder });
    const answer = JSON.parse(String(stdout.read()));
    return { code, answer, found: answer.differences as { tapId: string; what: string }[], stderr };
  }

  test('the books of late and closed days are the same again, in one thread and in several', async () => {
    const one = await reprice('--from', '2025-10-14', '--workers', '1', '--reasons');
    expect(one).toMatchObject({
      code: 0,
      answer: { complete: true, taps: TAPS, decisions: TAPS, differing: 0, differences: [] },
    });
    const loss = [...(await decided('2025-10-14')).values()].reduce(
      (sum, [, , minor]) => sum + Number(minor),
      0,
    );
    expect(one.answer.totals).toMatchObject([{ currency: 'UAH', taps: TAPS, lossMinor: String(loss) }]);
    expect(String(one.stderr.read())).toContain('re-pricing 100 %');
    expect((await reprice('--from', '2025-10-14', '--workers', '2')).answer).toEqual(one.answer);
    // It may begin later, from what the day before handed on.
    expect((await reprice('--from', '2025-10-15', '--workers', '1')).code).toBe(0);
  });

  test('Ctrl-C stops it: it says up to where its answer holds, fails, and leaves nothing behind', async () => {
    const ask = ['--from', '2025-10-14', '--workers', '2'];
    const { code, answer, stderr } = await interrupted(() => reprice(...ask));
    expect(code).toBe(1);
    expect(answer).toMatchObject({ complete: false, untilDay: '2025-10-14', taps: 0, differing: 0 });
    expect(String(stderr.read())).toContain(
      'Stopped. What is said holds for the fare days before 2025-10-14 alone',
    );
  });

  test.each([
    ['ride', '2025-12-01'],
    ['withdrawn', '2025-10-17'],
  ])('a later decision that stands on another day is named: %s on %s', async (kind, fareDay) => {
    const { rows } = await engine.admin.query<{ tap_id: string }>(
      `SELECT tap_id FROM fare.latest_decision WHERE fare_day = '2025-10-15' AND kind = 'ride' AND revision = 1
       ORDER BY tap_id LIMIT 1`,
    );
    await engine.admin.query(
      `INSERT INTO fare.decision SELECT (jsonb_populate_record(NULL::fare.decision, to_jsonb(d) || $2)).*
       FROM fare.decision d WHERE tap_id = $1`,
      [rows[0]?.tap_id, { revision: 2, supersedes: 1, kind, fare_day: fareDay, ...NOTHING_PAID }],
    );
    const { code, found } = await reprice('--from', '2025-10-14', '--workers', '1');
    expect(code).toBe(1);
    expect(found).toEqual([
      expect.objectContaining({ tapId: rows[0]?.tap_id, what: 'decision', stored: null }),
    ]);
    await engine.admin.query('DELETE FROM fare.decision WHERE tap_id = $1 AND revision = 2', [
      rows[0]?.tap_id,
    ]);
  });

  test('whatever was changed in the books is named', async () => {
    const { rows } = await engine.admin.query(
      `SELECT tap_id FROM fare.posting WHERE tap_id IN (SELECT tap_id FROM fare.decision WHERE revision = 1)
       GROUP BY tap_id HAVING count(*) = 1 ORDER BY tap_id LIMIT 5`,
    );
    const [dearer, moved, gone, undecided, extra] = rows.map((row) => row.tap_id as string);
    const change = (sql: string, tapId: unknown) => engine.admin.query(sql, [tapId]);
    const { rows: whose } = await engine.admin.query(
      'SELECT account_id, rider_minor, fare_day::text FROM fare.decision WHERE tap_id = $1',
      [extra],
    );
    await change('UPDATE fare.posting SET amount_minor = amount_minor + 1 WHERE tap_id = $1', dearer);
    await change("UPDATE fare.posting SET credit_account = 'revenue:friend' WHERE tap_id = $1", moved);
    await change('DELETE FROM fare.posting WHERE tap_id = $1', gone);
    await change('DELETE FROM fare.decision WHERE tap_id = $1', undecided);
    await change('DELETE FROM fare.tap WHERE tap_id = $1', extra);
    const { code, answer, found } = await reprice('--from', '2025-10-14', '--workers', '1');
    expect(code).toBe(1);
    const what = new Map(found.map((one) => [one.tapId, one.what]));
    expect(what.get(dearer as string)).toMatch(/^posting (rider|budget|loss):.* UAH$/);
    expect(what.get(moved as string)).toMatch(/^posting suspense:no-carrier/);
    expect(what.get(gone as string)).toMatch(/^posting /);
    expect(what.get(undecided as string)).toBe('decision');
    expect(answer.differences.find((one: { tapId: string }) => one.tapId === extra)).toEqual({
      ...{
        fareDay: whose[0].fare_day,
        tapId: extra,
        accountId: whose[0].account_id,
        what: 'tap',
        computed: null,
      },
      stored: `a price of ${whose[0].rider_minor} on ${whose[0].fare_day}`,
    });
    expect(answer.differing).toBeGreaterThanOrEqual(5);
  });
});
