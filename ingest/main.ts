/**
 * Ingest: MQTT → group → judge → commit → receipts; beside it reports and the linker. See README.md.
 */
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { parseDeviceTopic } from '#contracts/topics.ts';
import type { Clock } from '#platform/clock.ts';
import type { Logger } from '#platform/logger.ts';
import { createMetrics } from '#platform/metrics.ts';
import { databaseProblems, registerPool } from '#platform/pool-metrics.ts';
import { createPool } from '#platform/postgres.ts';
import { noProbe, type Probe } from '#platform/probe.ts';
import type { Role } from '#platform/role.ts';
import { schemaFence } from '#platform/schema-fence.ts';
import { openSeat, type Seat } from '#platform/worker-seat.ts';
import { openDeviceRegistry } from './adapters/device-registry.ts';
import { createGroupHandler, type IngestCounts } from './adapters/group-handler.ts';
import { startKeyAnnouncer } from './adapters/key-announcer.ts';
import { startLinkWorker } from './adapters/link-worker.ts';
import { subscribeIngest } from './adapters/mqtt-subscriber.ts';
import { openRecordStore } from './adapters/record-store.ts';
import { startReplayWorker } from './adapters/replay-worker.ts';
import { startReportStore } from './adapters/report-store.ts';
import { createTimeTeller } from './adapters/time-teller.ts';
import { DEFAULT_LIMITS, type IngestConfig, type IngestLimits } from './config.ts';
import { createGroupCommit } from './group-commit.ts';
import type { Arrival } from './model.ts';
import { reportReader } from './read-report.ts';
import { deviceSharer } from './share-devices.ts';
import { ingestVitals } from './vitals.ts';

export {
  type DeviceRegistration,
  type RegistrationOutcome,
  registerDevices,
  revokeDeviceKey,
} from './adapters/register-devices.ts';

export interface Ingest extends Role {
  /** What was done since the start. */
  counts(): IngestCounts;
  /** Resolves when the broker has granted the subscriptions. */
  ready(): Promise<void>;
}

/**
 * Starts ingest on a migrated database. The broker may be away: it is waited for in the background.
 * @throws OperatorError SCHEMA_OTHER_VERSION, DATABASE_RESTORED; and when the database cannot be reached at the start.
 */
export async function startIngest(
  config: IngestConfig,
  deps: { readonly clock: Clock; readonly log: Logger; readonly probe?: Probe },
): Promise<Ingest> {
  const { clock, log, probe = noProbe } = deps;
  const limits = { ...DEFAULT_LIMITS, ...config.limits };
  // One connection more than commits in flight for registry and reports, one for the linker.
  const pool = createPool({
    url: config.postgresUrl,
    applicationName: 'kvytok-ingest',
    max: limits.inFlightMax + 2,
    verify: schemaFence({ schema: 'ingest', dir: join(import.meta.dirname, 'migrations'), alsoIn: ['fare'] }),
    log,
  });
  const opened = openRecordStore(pool, { quota: limits, probe, nowMs: clock.nowMs() });
  const [store, registry] = await Promise.all([
    opened,
    openDeviceRegistry(pool, limits.registryEveryMs, log),
  ]).catch(async (error: unknown) => {
    await pool.end();
    throw error;
  });
  const reports = startReportStore(pool, limits.reportsEveryMs, log);
  const linker = startLinkWorker(pool, limits.linkEveryMs, { clock, log, probe });
  const replays = startReplayWorker(
    { pool, store, limits: config, clock, log, onTaken: () => linker.wake() },
    limits.linkEveryMs,
  );
  const handler = createGroupHandler({
    config,
    clock,
    log,
    probe,
    registry,
    store,
    publish: (topic, payload) => mqtt.publish(topic, payload),
    onCommitted: () => linker.wake(),
    databaseAnswers: () =>
      pool.query('SELECT 1').then(
        () => true,
        () => false,
      ),
    onAway: (away) => groups.hold(away),
  });
  const groups = createGroupCommit({
    limits,
    handle: handler.handle,
    schedule(callback, delayMs) {
      const timer = setTimeout(callback, delayMs);
      return () => clearTimeout(timer);
    },
  });
  const seat = await openIngestSeat(config, limits, log);
  const isOurs = seat === null ? () => true : deviceSharer(seat);
  const onBatch = (arrival: Arrival): void => {
    const deviceId = parseDeviceTopic(arrival.topic)?.deviceId;
    if (deviceId !== undefined && !isOurs(deviceId)) handler.countOthers();
    else if (!groups.offer(arrival)) handler.countDropped();
  };
  const teller = createTimeTeller({
    clock,
    signer: config.signer,
    publish: (topic, payload) => mqtt.publish(topic, payload),
  });
  const announcer = startKeyAnnouncer(pool, {
    everyMs: limits.registryEveryMs,
    publish: (topic, payload) => mqtt.publish(topic, payload),
    monotonicMs: () => performance.now(),
    log,
  });
  const mqtt = subscribeIngest({
    config,
    clock,
    log,
    onBatch,
    onReport: reportReader(registry, (read) => {
      if (read.kind === 'health') {
        teller.answer(read.report);
        announcer.heard(read.report);
      }
      reports.take(read);
    }),
  });

  const metrics = createMetrics();
  registerPool(metrics, 'kvytok_ingest', pool);
  const vitals = ingestVitals(metrics, {
    counts: handler.counts,
    waiting: () => groups.waiting,
    brokerConnected: () => mqtt.connected,
    databaseProblems: () => databaseProblems(pool),
    unlinkedQueue: async () => {
      const { rows } = await pool.query<{ n: number }>('SELECT count(*)::int AS n FROM ingest.link_queue');
      return rows[0]?.n ?? 0;
    },
    journalAlarms: async () => {
      const { rows } = await pool.query<{ kind: string; signs: number }>(
        'SELECT kind, sum(signs)::int AS signs FROM ingest.published_journal_alarm GROUP BY kind',
      );
      return rows;
    },
  });

  let stopping: Promise<void> | undefined;
  const stop = async (): Promise<void> => {
    mqtt.deafen();
    // The others take over what comes from now on; what came before is still ours.
    await seat?.stop();
    await groups.drain();
    await Promise.race([handler.settled(), delay(5_000, undefined, { ref: false })]);
    handler.stop();
    await replays.stop();
    await Promise.all([reports.stop(), linker.stop(), mqtt.stop()]);
    registry.stop();
    announcer.stop();
    await pool.end();
    log.info({ ...handler.counts() }, 'ingest.stopped');
  };
  log.info({ incarnation: store.incarnation }, 'ingest.started');
  return {
    name: 'ingest',
    counts: handler.counts,
    vitals,
    ready: () => mqtt.ready,
    stop: () => (stopping ??= stop()),
  };
}

/** A seat among the ingests of this database; none where the broker shares the batches out. */
async function openIngestSeat(config: IngestConfig, limits: IngestLimits, log: Logger): Promise<Seat | null> {
  if (config.shareGroup !== undefined) return null;
  const { postgresUrl: url, mqttClientId: seat } = config;
  return openSeat({ url, room: 'ingest', seat, log, everyMs: limits.seatEveryMs });
}
