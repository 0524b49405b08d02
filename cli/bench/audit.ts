/**
 * `kvytok bench audit`: how many leaves a second the sequencer numbers and signs, and a verifier checks from an export; and
 * how much slower posting is while the log is sealed beside it, each time on a database of its own.
 */
import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import { chmodSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { parseCheckpoint, type TileName, tilePath } from '#contracts/audit-log.ts';
import { parseNote } from '#contracts/signed-note.ts';
import { createAuditSequencer } from '../../fare-engine/adapters/audit-sequencer.ts';
import { verifyLog } from '../../fare-engine/audit/verify-log.ts';
import { DEFAULT_LIMITS } from '../../fare-engine/config.ts';
import { exportLog } from '../../fare-engine/export-log.ts';
import type { BenchContext, BenchResult } from './bench.ts';
import { type BenchDatabase, openBenchDatabase } from './bench-database.ts';
import { fillInbox } from './inbox-rows.ts';
import { DAY_OF_RIDES_MS, postAll, ROUTES, START_MS } from './posting.ts';
import { wholeOption } from './whole-option.ts';

export const usage = `kvytok bench audit [--taps N] [--rounds N]

  --taps N    taps in the inbox of each run (default 40000)
  --rounds N  runs without and with sealing, in turns; the best of each counts (default 2)
`;

export async function run(args: string[], context: BenchContext): Promise<BenchResult> {
  const { values } = parseArgs({ args, options: { taps: { type: 'string' }, rounds: { type: 'string' } } });
  const taps = wholeOption('taps', values.taps, { default: 40_000, min: 100, max: 5_000_000 });
  const rounds = wholeOption('rounds', values.rounds, { default: 2, min: 1, max: 20 });
  const key = generateKeyPairSync('ed25519').privateKey;
  const [plain, sealing, numbered, verified]: [number[], number[], number[], number[]] = [[], [], [], []];
  const problems: string[] = [];
  for (let round = 0; round < rounds; round++) {
    context.progress(`round ${round + 1}: posting alone, then numbering, exporting, verifying`);
    await onDatabase(context, `plain-${round}`, taps, async (database) => {
      plain.push(taps / (await post(database, taps, context)));
      const log = await sealAndVerify(database, key);
      numbered.push(log.numberedPerSecond);
      verified.push(log.verifiedPerSecond);
      if (!log.holds) problems.push('the exported log does not verify');
    });
    context.progress(`round ${round + 1}: posting while the log is sealed`);
    await onDatabase(context, `sealing-${round}`, taps, async (database) => {
      sealing.push(taps / (await post(database, taps, context, [key])));
    });
  }
  const [alone, beside] = [Math.max(...plain), Math.max(...sealing)];
  return {
    setting: { taps, rounds, 'leaves at once': DEFAULT_LIMITS.auditLeavesMax },
    figures: [
      { name: 'numbered and signed', value: Math.max(...numbered), unit: 'leaves/s' },
      { name: 'verified from an export', value: Math.max(...verified), unit: 'leaves/s' },
      { name: 'posting, log not sealed', value: alone, unit: 'taps/s' },
      { name: 'posting while the log is sealed', value: beside, unit: 'taps/s' },
      { name: 'posting is slowed by', value: (1 - beside / alone) * 100, unit: '%' },
    ],
    notes: problems,
    exact: problems.length === 0,
  };
}

async function onDatabase(
  context: BenchContext,
  name: string,
  taps: number,
  work: (database: BenchDatabase) => Promise<void>,
): Promise<void> {
  const folder = join(context.folder, name);
  mkdirSync(folder);
  chmodSync(folder, 0o711);
  const database = await openBenchDatabase(folder, ['fare']);
  try {
    await fillInbox(database.pool('ingest_runtime'), {
      ...{ taps, riders: Math.ceil(taps / 3), devices: 200, startMs: START_MS },
      ...{ spreadMs: DAY_OF_RIDES_MS, routeIds: ROUTES },
    });
    await work(database);
  } finally {
    await database.stop();
  }
}

function post(
  database: BenchDatabase,
  taps: number,
  context: BenchContext,
  auditKeys?: readonly KeyObject[],
): Promise<number> {
  const size = { taps, workers: 2, rows: 1000, ...(auditKeys === undefined ? {} : { auditKeys }) };
  return postAll(database.url('fare_runtime'), database.pool('auditor_runtime'), size, context);
}

async function sealAndVerify(database: BenchDatabase, key: KeyObject) {
  const pool = database.pool('fare_runtime', 3);
  const sequencer = createAuditSequencer(
    pool,
    { origin: 'kvytok.example/bench', privateKeys: [key] },
    { nowMs: () => START_MS },
  );
  const began = performance.now();
  let leaves = 0;
  for (let taken = 1; taken > 0; leaves += taken) taken = await sequencer.turn(DEFAULT_LIMITS.auditLeavesMax);
  const numberedPerSecond = leaves / ((performance.now() - began) / 1000);
  await sequencer.stop();
  const files = new Map<string, Buffer>();
  await exportLog(database.pool('auditor_runtime'), {
    begin: () => {},
    file: async (path, bytes) => void files.set(path, Buffer.from(bytes)),
    progress: () => {},
  });
  const note = parseNote(files.get('checkpoint')?.toString() ?? '');
  const head = note.ok ? parseCheckpoint(note.value.text) : note;
  if (!head.ok) throw new Error('the checkpoint cannot be read');
  const started = performance.now();
  const read = async (name: TileName) => files.get(tilePath(name)) ?? null;
  const verdict = await verifyLog(read, head.value, [], { onProgress: () => true });
  const verifiedPerSecond = head.value.size / ((performance.now() - started) / 1000);
  return { numberedPerSecond, verifiedPerSecond, holds: verdict.ok && head.value.size === leaves };
}
