/**
 * The broker: listener → guard (bytes) → MQTT engine (identity, topics). See README.md.
 */
import type { Clock } from '#platform/clock.ts';
import type { Logger } from '#platform/logger.ts';
import type { Role } from '#platform/role.ts';
import { type ConnectionRefusal, type GuardEvents, guardConnection } from './adapters/guarded-connection.ts';
import { openIdentityFile } from './adapters/identity-file.ts';
import { type EngineRefusal, startMqttEngine } from './adapters/mqtt-engine.ts';
import { listen } from './adapters/tcp-listener.ts';
import { type BrokerConfig, DEFAULT_LIMITS, parseListen } from './config.ts';
import { brokerVitals } from './vitals.ts';

export type BrokerRefusal = ConnectionRefusal | EngineRefusal | 'TOO_MANY_CONNECTIONS';

/** What the broker counts since its start. */
export interface BrokerCounts {
  /** Open sockets, and clients that are logged in. */
  readonly connections: number;
  readonly clients: number;
  /** What was refused, by reason. */
  readonly refused: Readonly<Partial<Record<BrokerRefusal, number>>>;
  /** How often a device was read more slowly. */
  readonly throttled: number;
  /** Clients disconnected because their identity was taken away or changed. */
  readonly revoked: number;
}

export interface Broker extends Role {
  /** `mqtt://host:port` as it is listened on. */
  readonly url: string;
  counts(): BrokerCounts;
}

/**
 * Starts the broker.
 * @throws OperatorError PORT_IN_USE, LISTEN_FAILED, BROKER_IDENTITIES_INVALID or CONFIG_INVALID.
 */
export async function startBroker(
  config: BrokerConfig,
  deps: { clock: Clock; log: Logger },
): Promise<Broker> {
  const { clock, log } = deps;
  const limits = { ...DEFAULT_LIMITS, ...config.limits };
  const { host, port } = parseListen(config.KVYTOK_BROKER_LISTEN);
  const refused: Partial<Record<BrokerRefusal, number>> = {};
  let throttled = 0;
  let revoked = 0;
  const warn = boundedWarnings(log, clock);
  const onRefused = (reason: BrokerRefusal, detail: object = {}): void => {
    refused[reason] = (refused[reason] ?? 0) + 1;
    warn({ reason, ...detail });
  };

  const identities = openIdentityFile({
    path: config.KVYTOK_BROKER_IDENTITIES,
    everyMs: limits.identitiesEveryMs,
    log,
    onChange: () => {
      revoked += engine.dropRevoked();
    },
  });
  const engine = await startMqttEngine({ limits, identities: identities.current, log, onRefused });
  const guard: GuardEvents = {
    onRefused,
    onThrottled() {
      throttled += 1;
    },
  };
  const listener = await listen({
    host,
    port,
    connectionsMax: limits.connectionsMax,
    connectionsPerAddressMax: limits.connectionsPerAddressMax,
    onConnection: (socket) => engine.handle(guardConnection(socket, limits, clock, guard)),
    onRefused,
  }).catch(async (error: unknown) => {
    identities.stop();
    await engine.stop();
    throw error;
  });

  const url = `mqtt://${host.includes(':') ? `[${host}]` : host}:${listener.port}`;
  log.info({ port: listener.port, clients: identities.current().size }, 'broker.ready');
  let stopping: Promise<void> | undefined;
  const stop = async (): Promise<void> => {
    identities.stop();
    await engine.stop();
    await listener.stop();
    log.info({ refused }, 'broker.stopped');
  };
  const counts = (): BrokerCounts => ({
    connections: listener.connections(),
    clients: engine.clients(),
    refused: { ...refused },
    throttled,
    revoked,
  });
  return {
    name: 'broker',
    url,
    counts,
    vitals: brokerVitals(counts, () => stopping === undefined),
    stop: () => (stopping ??= stop()),
  };
}

const WARNINGS_PER_MINUTE = 60;

/** Logs refusals, so many a minute: whoever is refused again and again must not fill the disk. All are counted. */
function boundedWarnings(log: Logger, clock: Clock): (detail: object) => void {
  let minute = Number.NaN;
  let said = 0;
  return (detail) => {
    const now = Math.floor(clock.monotonicMs() / 60_000);
    if (now !== minute) [minute, said] = [now, 0];
    said += 1;
    if (said <= WARNINGS_PER_MINUTE) log.warn(detail, 'broker.refused');
    if (said === WARNINGS_PER_MINUTE)
      log.warn('broker.refused.more: counted only, for the rest of this minute');
  };
}
