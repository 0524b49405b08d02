/**
 * Ingest: MQTT → group → judge → commit → receipts; beside it reports and the linker. See README.md.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { parseDeviceTopic } from '#contracts/topics.ts';
import type { Clock } from '#platform/clock.ts';
import type { Logger } from '#platform/logger.ts';
import { createPool } from '#platform/postgres.ts';
import { noProbe, type Probe } from '#platform/probe.ts';
import type { Role } from '#platform/role.ts';
import { type DeviceRegistry, openDeviceRegistry } from './adapters/device-registry.ts';
import { createGroupHandler, type IngestCounts } from './adapters/group-handler.ts';
import { startLinkWorker } from './adapters/link-worker.ts';
import { subscribeIngest } from './adapters/mqtt-subscriber.ts';
import { openRecordStore } from './adapters/record-store.ts';
import { type ReportStore, startReportStore } from './adapters/report-store.ts';
import { DEFAULT_LIMITS, type IngestConfig } from './config.ts';
import { createGroupCommit } from './group-commit.ts';
import type { Arrival } from './model.ts';
import { readReport } from './read-report.ts';

export {
  type DeviceRegistration,
  type RegistrationOutcome,
  registerDevices,
  revokeDeviceKey,
} from './adapters/register-devices.ts';

/** Reports that wait for their device to become known, at most. */
const UNKNOWN_REPORTS_MAX = 1000;

export interface Ingest extends Role {
  /** What was done since the start. */
  counts(): IngestCounts;
  /** Resolves when the broker has granted the subscriptions. */
  ready(): Promise<void>;
}

/**
 * Starts ingest on a migrated database. The broker may be away: it is waited for in the background.
 * @throws when the database cannot be reached at the start.
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
  const linker = startLinkWorker(pool, limits.linkEveryMs, clock, log);
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
  const onBatch = (arrival: Arrival): void => {
    if (!groups.offer(arrival)) handler.countDropped();
  };
  const mqtt = subscribeIngest({
    config,
    clock,
    log,
    onBatch,
    onReport: reportListener(registry, reports),
  });

  let stopping: Promise<void> | undefined;
  const stop = async (): Promise<void> => {
    mqtt.deafen();
    await groups.drain();
    await Promise.race([handler.settled(), delay(5_000, undefined, { ref: false })]);
    handler.stop();
    await Promise.all([reports.stop(), linker.stop(), mqtt.stop()]);
    registry.stop();
    await pool.end();
    log.info({ ...handler.counts() }, 'ingest.stopped');
  };
  log.info({ incarnation: store.incarnation }, 'ingest.started');
  return {
    name: 'ingest',
    counts: handler.counts,
    ready: () => mqtt.ready,
    stop: () => (stopping ??= stop()),
  };
}

/** Hands reports on. One of a device enrolled a moment ago waits for the registry: it may be its only "online". */
function reportListener(registry: DeviceRegistry, reports: ReportStore): (arrival: Arrival) => void {
  let waiting = 0;
  return (arrival) => {
    const read = readReport(arrival, registry.knows);
    const deviceId = parseDeviceTopic(arrival.topic)?.deviceId;
    const isUnknown = read.kind === 'refused' && read.reason === 'INGEST_UNKNOWN_DEVICE';
    if (!isUnknown || deviceId === undefined || waiting >= UNKNOWN_REPORTS_MAX) {
      reports.take(read);
      return;
    }
    waiting += 1;
    void registry.learn([deviceId]).then(() => {
      waiting -= 1;
      reports.take(readReport(arrival, registry.knows));
    });
  };
}
