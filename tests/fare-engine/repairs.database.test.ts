/** Journeys with an exit on real PostgreSQL: over the end of a fare day, in reverse order, repaired by rule and by an operator. */

import { dirname } from 'node:path';
import { PassThrough } from 'node:stream';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parseFactBundle } from '#pricing/fact-bundle.ts';
import { repriceBundle } from '#pricing/reprice-bundle.ts';
import { hashPackage } from '#pricing/tariff-package.ts';
import { run as runRepair } from '../../cli/commands/repair.ts';
import { activateTariffs } from '../../fare-engine/adapters/activate-tariffs.ts';
import { workCommands } from '../../fare-engine/adapters/postgres-commands.ts';
import { exportFacts } from '../../fare-engine/export-facts.ts';
import { createPricer } from '../../fare-engine/main.ts';
import type { Pricer } from '../../fare-engine/ports.ts';
import { reconcile } from '../../fare-engine/reconcile.ts';
import type { SettlementTerms } from '../../fare-engine/settle-commands.ts';
import { loadTariffTimeline, readPackageFiles } from '../../fare-engine/tariffs/load-tariff.ts';
import { tapIdOf, tapRow, token } from './support/a-record.ts';
import { answered } from './support/answered.ts';
import { calendar, type EngineDatabase, openEngineDatabase } from './support/engine-database.ts';
import { repriceBooks } from './support/reprice-books.ts';
import { signedJudge } from './support/signed-judge.ts';
import { submit } from './support/submit.ts';

const TARIFF = fileURLToPath(new URL('../../cities/ovpay-like/tariff', import.meta.url));
const HOUR_MS = 3_600_000;
/** 15 October 2025, 08:00 in Kyiv. */
const MORNING = Date.UTC(2025, 9, 15, 5);

let engine: EngineDatabase;
let pricer: Pricer;
let terms: SettlementTerms;
const packages: ReadonlyMap<string, Uint8Array>[] = [];

beforeAll(async () => {
  const [read, files] = await Promise.all([
    loadTariffTimeline(TARIFF),
    readPackageFiles(`${TARIFF}/2024-01-01`),
  ]);
  if (!read.ok || !('files' in files)) throw new Error('the tariff of the example');
  pricer = createPricer(read.timeline, calendar);
  terms = { city: {} as SettlementTerms['city'], tariffs: read.timeline, schemes: [] };
  packages.push(files.files);
  expect(read.timeline.byHash(hashPackage(files.files))).toBeDefined();
  engine = await openEngineDatabase();
  const knownFromMs = Date.UTC(2001, 0);
  const signed = await signedJudge(dirname(TARIFF), knownFromMs);
  await activateTariffs(engine.pool, read.timeline.packages, signed.judge, calendar, knownFromMs);
  signed.remove();
  engine.clock.advance(MORNING + 12 * HOUR_MS - engine.clock.nowMs());
});
afterAll(() => engine.close());

const drain = () => engine.drain({ deps: engine.deps(pricer) });

/** A gate's record. */
function gate(seq: number, atMs: number, stopId: string, way: 'in' | 'out', routeId = 'M1', card = seq) {
  return tapRow({
    device: 'val-9',
    seq,
    atMs,
    stopId,
    way,
    routeId,
    token: token(card),
    mediumKind: 'wallet',
    vehicleId: 'gates',
    receivedAtMs: Math.max(atMs, MORNING) + 1000,
  });
}
const tapId = (seq: number) => tapIdOf('val-9', seq);

async function prices(...seqs: number[]): Promise<number[]> {
  const { rows } = await engine.admin.query<{ tap_id: string; rider: number }>(
    'SELECT tap_id, rider_minor::int AS rider FROM fare.latest_decision WHERE tap_id = ANY ($1::text[])',
    [seqs.map(tapId)],
  );
  return seqs.map((seq) => rows.find((row) => row.tap_id === tapId(seq))?.rider ?? -1);
}

/** Obeys one command; the reason of its refusal, or its id. */
async function obey(kind: 'repair-journey' | 'decide-repair', payload: Record<string, unknown>) {
  const id = await submit(engine, kind, payload);
  await workCommands(engine.pool, calendar, engine.clock, 100, terms);
  await drain();
  const { rows } = await engine.admin.query<{ reason: string }>(
    'SELECT reason FROM fare.command_refusal WHERE command_id = $1',
    [id],
  );
  return rows[0]?.reason ?? id;
}
const ask = (seq: number, stopId: string, atMs: number) =>
  obey('repair-journey', { tapId: tapId(seq), stopId, atMs, by: 'passenger' });

async function standing(repairId: string) {
  const { rows } = await engine.admin.query(
    `SELECT state, by_rule, queued_for, charged_minor::int AS charged, charged_now_minor::int AS now, decided_by
     FROM fare.published_repair WHERE repair_id = $1`,
    [repairId],
  );
  return rows[0];
}

test('an exit behind the end of the fare day, and before its entry in the mail, ends the journey of the day before', async () => {
  // 03:50 and 04:10 in Kyiv.
  const nightMs = Date.UTC(2025, 9, 15, 0, 50);
  await engine.deliver([gate(2, nightMs + 20 * 60_000, 'harbour', 'out', 'M1', 1)]);
  await drain();
  expect(await prices(2)).toEqual([300]);
  await engine.deliver([gate(1, nightMs, 'central', 'in')]);
  await drain();
  expect(await prices(1, 2)).toEqual([300, 0]);
  const { rows } = await engine.admin.query(
    'SELECT fare_day::text AS day, kind FROM fare.latest_decision WHERE tap_id = ANY ($1) ORDER BY tap_id',
    [[tapId(1), tapId(2)]],
  );
  expect(rows).toEqual([
    { day: '2025-10-14', kind: 'ride' },
    { day: '2025-10-15', kind: 'same-ride' },
  ]);
});

describe('a repair', () => {
  test('within the limits is granted by rule, and the journey is priced to where it ended', async () => {
    await engine.deliver([gate(10, MORNING, 'central', 'in', 'IC')]);
    await drain();
    expect(await prices(10)).toEqual([2000]);
    const id = await ask(10, 'harbour', MORNING + HOUR_MS);
    expect(await prices(10)).toEqual([500]);
    expect(await standing(id)).toMatchObject({ state: 'granted', by_rule: true, charged: 2000, now: 500 });
    expect(await ask(10, 'airport', MORNING + HOUR_MS)).toBe('REPAIR_ALREADY_ASKED');
  });

  test('that cannot be so is refused', async () => {
    await engine.deliver([
      gate(20, MORNING, 'central', 'in'),
      gate(21, MORNING, 'central', 'in'),
      gate(22, MORNING + HOUR_MS, 'harbour', 'out', 'M1', 21),
    ]);
    await drain();
    expect(await ask(999, 'harbour', MORNING)).toBe('REPAIR_TAP_UNKNOWN');
    expect(await ask(21, 'harbour', MORNING + HOUR_MS)).toBe('REPAIR_NOT_MISSING');
    expect(await ask(20, 'nowhere', MORNING + HOUR_MS)).toBe('REPAIR_IMPLAUSIBLE');
    expect(await ask(20, 'harbour', MORNING)).toBe('REPAIR_IMPLAUSIBLE');
    expect(await ask(20, 'harbour', MORNING + 2 * HOUR_MS + 1)).toBe('REPAIR_IMPLAUSIBLE');
    expect(await ask(20, 'harbour', engine.clock.nowMs() + 1)).toBe('REPAIR_IMPLAUSIBLE');
    expect(await prices(20)).toEqual([400]);
  });

  test('of more than the rule may grant waits for an operator, who decides once and by name', async () => {
    const id = await ask(20, 'market', MORNING + 2 * HOUR_MS);
    expect(await standing(id)).toMatchObject({ state: 'queued', queued_for: 'AMOUNT', now: 400 });
    const decide = (verdict: string, repairId = id) =>
      obey('decide-repair', { repairId, verdict, reason: 'seen on the camera', by: 'O. Bondar' });
    expect(await decide('granted', '00000000-0000-4000-8000-000000000000')).toBe('REPAIR_UNKNOWN');
    await decide('granted');
    expect(await prices(20)).toEqual([200]);
    expect(await standing(id)).toMatchObject({ state: 'granted', by_rule: false, decided_by: 'O. Bondar' });
    expect(await decide('refused')).toBe('COMMAND_KEY_REUSED');
  });

  test('is granted by rule three times within the days, then an operator has to look; the network without a rule always', async () => {
    const seqs = [30, 31, 32, 33];
    await engine.deliver(seqs.map((seq) => gate(seq, MORNING + seq * 60_000, 'harbour', 'in', 'M1', 30)));
    await engine.deliver([gate(39, MORNING, 'market', 'in', 'T1')]);
    await drain();
    const ids = [];
    for (const seq of seqs) ids.push(await ask(seq, 'harbour', MORNING + seq * 60_000 + 30_000));
    expect((await Promise.all(ids.map(standing))).map((one) => one.queued_for)).toEqual([
      null,
      null,
      null,
      'OFTEN',
    ]);
    expect(await standing(await ask(39, 'harbour', MORNING + HOUR_MS))).toMatchObject({
      queued_for: 'NO_RULE',
    });
  });

  test('asked for later than the rule allows waits; granted after the close it lowers what was closed', async () => {
    await engine.deliver([gate(40, MORNING, 'harbour', 'in')]);
    await drain();
    engine.clock.advance(8 * 24 * HOUR_MS);
    await submit(engine, 'close-day', { fareDay: '2025-10-15' });
    const id = await ask(40, 'harbour', MORNING + HOUR_MS);
    expect(await standing(id)).toMatchObject({ state: 'queued', queued_for: 'LATE' });
    const io = (role: 'office_runtime' | 'auditor_runtime') => {
      const env = { KVYTOK_POSTGRES_URL: engine.database.url(role) };
      return {
        stdin: new PassThrough(),
        stdout: new PassThrough(),
        stderr: new PassThrough(),
        env,
        cwd: '/',
      };
    };
    const office = io('office_runtime');
    const words = ['--reason', 'as the passenger says', '--by', 'O. Bondar'];
    expect(await runRepair(['grant', id, ...words], office)).toBe(0);
    await workCommands(engine.pool, calendar, engine.clock, 100, terms);
    await drain();
    expect(await prices(40)).toEqual([200]);
    const { rows } = await engine.admin.query(
      'SELECT adjusts_close::text AS closed, loss_minor::int AS loss FROM fare.latest_decision WHERE tap_id = $1',
      [tapId(40)],
    );
    expect(rows).toEqual([{ closed: '2025-10-15', loss: 0 }]);
    // Said once more in other words: with both roles at hand the refusal is heard.
    const both = {
      ...io('auditor_runtime'),
      env: {
        KVYTOK_POSTGRES_URL: engine.database.url('auditor_runtime'),
        KVYTOK_OFFICE_POSTGRES_URL: engine.database.url('office_runtime'),
      },
    };
    expect(await answered(engine, () => runRepair(['refuse', id, ...words], both), terms)).toBe(1);
    both.stdout.end();
    expect(JSON.parse(await text(both.stdout)).answer.reason).toBe('COMMAND_KEY_REUSED');
    const waiting = async (...more: string[]) => {
      const role = io('auditor_runtime');
      expect(await runRepair(['list', ...more], role)).toBe(0);
      role.stdout.end();
      role.stderr.end();
      const lines = (await text(role.stdout)).trim().split('\n').filter(Boolean);
      return { lines: lines.map((line) => JSON.parse(line)), told: await text(role.stderr) };
    };
    const one = await waiting('--limit', '1');
    expect(one.lines).toMatchObject([{ queued_for: 'OFTEN', age_h: expect.any(Number) }]);
    expect(one.told).toMatch(/^1 of 2, the oldest of \d+ h\. Go on: --after [0-9a-f-]{36}\n$/);
    const rest = await waiting('--after', one.lines[0].repair_id);
    expect(rest).toMatchObject({
      lines: [{ queued_for: 'NO_RULE' }],
      told: expect.not.stringContaining('Go on'),
    });
    expect((await waiting('--reason', 'NO_RULE')).lines).toHaveLength(1);
    expect(await waiting('--reason', 'AMOUNT')).toEqual({ lines: [], told: 'None.\n' });
    for (const bad of [
      ['--limit', '1001'],
      ['--after', 'x'],
      ['--reason', 'seen'],
    ])
      await expect(runRepair(['list', ...bad], io('auditor_runtime'))).rejects.toThrow(/takes/);
    const auditor = io('auditor_runtime');
    expect(await runRepair(['list', '--state', 'granted'], auditor)).toBe(0);
    auditor.stdout.end();
    expect(await text(auditor.stdout)).toContain(id);
  });
});

test('whoever has the bundle alone comes to the same prices, also where the exit lies behind its last day', async () => {
  for (const untilDay of ['2025-10-15', '2025-10-16']) {
    const lines: string[] = [];
    const request = { fromDay: '2025-10-14', untilDay, zone: 'Europe/Kyiv', dayStart: '04:00', packages };
    await exportFacts(engine.admin, request, async (line) => void lines.push(line));
    const parsed = parseFactBundle(lines);
    if (!parsed.ok) throw new Error(parsed.problem.message);
    const repriced = [...repriceBundle(parsed.bundle)].map(({ line, lossMinor }) => [
      line.tapId,
      Number(line.riderMinor),
      Number(lossMinor),
    ]);
    const { rows } = await engine.admin.query<{ row: [string, number, number] }>(
      `SELECT json_build_array(tap_id, rider_minor, loss_minor) AS row FROM fare.latest_decision WHERE fare_day < $1`,
      [untilDay],
    );
    expect(repriced.sort()).toEqual(rows.map(({ row }) => row).sort());
    expect(repriced.length).toBeGreaterThan(0);
  }
  const books = await reconcile(engine.admin);
  expect(books.problems ?? []).toEqual([]);
  // The same from the database itself, the journey over a day's end and the repairs among it, whoever prices which account.
  for (const workers of [1, 2]) {
    const days = { fromDay: '2025-10-13', untilDay: '2025-10-16' };
    const again = await repriceBooks(engine, TARIFF, days, workers);
    expect(again).toMatchObject({ stoppedAt: null, differing: 0, differences: [] });
    expect(again.taps).toBeGreaterThan(5);
  }
  // Stopped after the day that waits for the next one to end its journey: as if that day alone had been asked for.
  const day = { fromDay: '2025-10-14', untilDay: '2025-10-15' };
  const alone = await repriceBooks(engine, TARIFF, day, 1);
  expect(alone).toMatchObject({ stoppedAt: null, differing: 0, accountDays: 1, taps: 1 });
  const stopped = await repriceBooks(engine, TARIFF, { ...day, untilDay: '2025-10-16' }, 1, 1);
  expect(stopped).toEqual({ ...alone, stoppedAt: '2025-10-15' });
});
