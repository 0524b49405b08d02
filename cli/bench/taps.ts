/**
 * `kvytok bench taps`: the whole way, from MQTT to priced, posted and receipted. Devices that catch up send batches; live
 * ones send each record alone. Peers in the same run: a flow that inserts each tap unpriced, and pgbench.
 */
import { createPublicKey } from 'node:crypto';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { deviceTopic, everyDevice } from '#contracts/topics.ts';
import type { MqttConnection } from '#platform/mqtt-connection.ts';
import { createPool } from '#platform/postgres.ts';
import { reconcile } from '../../fare-engine/reconcile.ts';
import { openCityKeys } from '../city/city-keys.ts';
import type { BenchContext, BenchFigure, BenchResult } from './bench.ts';
import { type MadeJournal, makeJournals } from './journals.ts';
import { runPgbench } from './pgbench.ts';
import { measureRowPerTap } from './row-per-tap.ts';
import { sendJournals } from './send-journals.ts';
import { openTapsRig, PEER_CLIENT, type TapsRig } from './taps-rig.ts';
import { wholeOption } from './whole-option.ts';

export const usage = `kvytok bench taps [--taps N] [--batch N] [--live N] [--devices N] [--peer N] [--pgbench SECONDS]

  --taps N           taps of devices that catch up (default 60000)
  --batch N          records in one of their batches (default 20)
  --live N           taps of live devices, one record a batch (default 6000; 0 leaves it out)
  --devices N        devices (default 100)
  --peer N           taps of the flow that inserts one row each, unpriced (default 10000; 0 leaves it out)
  --pgbench SECONDS  how long pgbench runs (default 10; 0 leaves it out)
`;

const CITY_DIR = join(import.meta.dirname, '../../cities/ternopil');
const ROUTES = ['T2', 'T5', 'T7'];
/** A working day under the tariff of 1 August 2024, and the evening from which it is looked back at. */
const MORNING_MS = Date.UTC(2025, 9, 14, 4);
const EVENING_MS = Date.UTC(2025, 9, 14, 20);
const SPREAD_MS = 14 * 3_600_000;
const IN_FLIGHT_MAX = 4;

interface Sizes {
  readonly taps: number;
  readonly batch: number;
  readonly live: number;
  readonly devices: number;
  readonly peer: number;
  readonly pgbench: number;
}

export async function run(args: string[], context: BenchContext): Promise<BenchResult> {
  const sizes = sizesOf(args);
  context.progress(`making and signing the journals of ${sizes.devices} devices`);
  const plan = { startMs: MORNING_MS, spreadMs: SPREAD_MS, routeIds: ROUTES };
  const riders = Math.max(1, Math.ceil((sizes.taps + sizes.live) / 3));
  const { devices } = sizes;
  const journalsOf = (firstDevice: number, taps: number, batchRecords: number) =>
    makeJournals({
      ...plan,
      riders,
      firstDevice,
      devices,
      tapsPerDevice: Math.ceil(taps / devices),
      batchRecords,
    });
  const late = journalsOf(1000, sizes.taps, sizes.batch);
  // Live devices are others than those that catch up.
  const live = sizes.live === 0 ? [] : journalsOf(1000 + devices, sizes.live, 1);
  const rig = await openTapsRig({
    folder: context.folder,
    journals: [...late, ...live],
    cityDir: CITY_DIR,
    shiftMs: EVENING_MS - Date.now(),
  });
  try {
    const figures: BenchFigure[] = [];
    context.progress('devices catch up');
    const caught = await measure(rig, late, sizes.batch, context);
    figures.push(...caught.figures('catching up', 15_000));
    if (live.length > 0) {
      context.progress('live devices');
      figures.push(...(await measure(rig, live, 1, context)).figures('live, one record a batch'));
    }
    const books = await reconcile(rig.auditor);
    const peers = await measurePeers(rig, sizes, caught.tapsPerSecond, context);
    return {
      setting: { taps: caught.taps, 'records a batch': sizes.batch, devices, ...peers.setting },
      figures: [...figures, ...peers.figures],
      notes: [...peers.notes, ...books.problems],
      exact: books.problems.length === 0,
    };
  } finally {
    await rig.stop();
  }
}

function sizesOf(args: string[]): Sizes {
  const text = { type: 'string' } as const;
  const options = { taps: text, batch: text, live: text, devices: text, peer: text, pgbench: text };
  const { values } = parseArgs({ args, options });
  return {
    taps: wholeOption('taps', values.taps, { default: 60_000, min: 100, max: 2_000_000 }),
    batch: wholeOption('batch', values.batch, { default: 20, min: 1, max: 200 }),
    live: wholeOption('live', values.live, { default: 6_000, min: 0, max: 200_000 }),
    devices: wholeOption('devices', values.devices, { default: 100, min: 1, max: 2_000 }),
    peer: wholeOption('peer', values.peer, { default: 10_000, min: 0, max: 200_000 }),
    pgbench: wholeOption('pgbench', values.pgbench, { default: 10, min: 0, max: 600 }),
  };
}

interface Measured {
  readonly taps: number;
  readonly tapsPerSecond: number;
  figures(name: string, target?: number): BenchFigure[];
}

/** Sends, and waits until the last tap is decided. */
async function measure(
  rig: TapsRig,
  journals: readonly MadeJournal[],
  batchRecords: number,
  context: BenchContext,
): Promise<Measured> {
  const connections = journals.map(({ deviceId }) => rig.connect(deviceId));
  await Promise.all(connections.map((connection) => connection.whenConnected()));
  const before = await decided(rig);
  const taps = journals.reduce((sum, { lastSeq }) => sum + lastSeq - 1, 0);
  const began = performance.now();
  const decidedAfter = async (failed: AbortSignal): Promise<number> => {
    const signal = AbortSignal.any([context.signal, failed]);
    while ((await decided(rig)) < before + taps) await delay(50, undefined, { signal });
    return (performance.now() - began) / 1000;
  };
  const failed = new AbortController();
  const sending = sendJournals({
    journals,
    connections,
    batchRecords,
    inFlightMax: IN_FLIGHT_MAX,
    ingestKeys: ingestKeys(context.folder),
    monotonicMs: () => performance.now(),
    signal: context.signal,
  }).catch((error: unknown) => {
    // Nobody waits for taps that will not come.
    failed.abort();
    throw error;
  });
  const [sent, waited] = await Promise.allSettled([sending, decidedAfter(failed.signal)]);
  if (sent.status === 'rejected') throw sent.reason;
  if (waited.status === 'rejected') throw waited.reason;
  const { seconds: receiptedAfterS, roundTripsMs } = sent.value;
  const decidedAfterS = waited.value;
  await Promise.all(connections.map((connection: MqttConnection) => connection.stop()));
  const tapsPerSecond = taps / Math.max(decidedAfterS, receiptedAfterS);
  const sorted = roundTripsMs.toSorted((a, b) => a - b);
  const at = (share: number) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;
  return {
    taps,
    tapsPerSecond,
    figures: (name, target) => [
      {
        name: `${name}: priced, posted, receipted`,
        value: tapsPerSecond,
        unit: 'taps/s',
        ...(target !== undefined && { target: `≥ ${target}` }),
      },
      { name: `${name}: durably held and receipted`, value: taps / receiptedAfterS, unit: 'taps/s' },
      { name: `${name}: receipt after, median`, value: at(0.5), unit: 'ms' },
      { name: `${name}: receipt after, 99 of 100`, value: at(0.99), unit: 'ms' },
    ],
  };
}

async function decided(rig: TapsRig): Promise<number> {
  const { rows } = await rig.auditor.query<{ n: bigint }>(
    'SELECT count(*) AS n FROM fare.decision WHERE revision = 1',
  );
  return Number(rows[0]?.n ?? 0n);
}

function ingestKeys(folder: string) {
  const { ingest } = openCityKeys(join(folder, 'secrets'));
  return new Map([[ingest.keyId, createPublicKey(ingest.privateKey)]]);
}

async function measurePeers(
  rig: TapsRig,
  sizes: Sizes,
  ours: number,
  context: BenchContext,
): Promise<Pick<BenchResult, 'figures' | 'notes' | 'setting'>> {
  const figures: BenchFigure[] = [];
  const notes: string[] = [];
  if (sizes.peer > 0) {
    context.progress('the flow that inserts one row each');
    const rate = await rowPerTap(rig, sizes.peer, context);
    figures.push(
      { name: 'a flow that inserts each tap unpriced, one row each', value: rate, unit: 'taps/s' },
      { name: 'ratio to that flow', value: ours / rate, unit: '×', target: '≥ 4' },
    );
  }
  if (sizes.pgbench === 0) return { figures, notes, setting: {} };
  context.progress('pgbench TPC-B on the same server');
  const peer = await runPgbench({
    adminUrl: rig.adminUrl,
    seconds: sizes.pgbench,
    signal: context.signal,
    env: context.io.env,
  });
  if (peer === undefined) notes.push('pgbench is not installed: there is no ratio to it.');
  else {
    const { transactionsPerSecond } = peer;
    figures.push(
      { name: 'pgbench TPC-B, scale 10, 8 clients', value: transactionsPerSecond, unit: 'transactions/s' },
      { name: 'ratio to pgbench', value: ours / transactionsPerSecond, unit: '×' },
    );
  }
  return { figures, notes, setting: peer === undefined ? {} : { pgbench: peer.version } };
}

async function rowPerTap(rig: TapsRig, taps: number, context: BenchContext): Promise<number> {
  await rig.stopRoles();
  const [device] = rig.deviceIds;
  if (device === undefined) throw new Error('a rig without devices');
  const admin = createPool({ url: rig.adminUrl, applicationName: 'kvytok-bench-peer', max: 10 });
  try {
    const [subscriber, publisher] = [rig.connect(PEER_CLIENT), rig.connect(device)];
    await Promise.all([subscriber.whenConnected(), publisher.whenConnected()]);
    return await measureRowPerTap({
      admin,
      subscriber,
      publisher,
      publisherTopic: deviceTopic(device, 'taps'),
      subscriberFilter: everyDevice('taps'),
      taps,
      signal: context.signal,
    });
  } finally {
    await admin.end();
  }
}
