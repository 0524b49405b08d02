/**
 * The broker: listener → guard (bytes) → MQTT engine (identity, topics). See README.md.
 */
import type { Clock } from '#platform/clock.ts';
import type { Logger } from '#platform/logger.ts';
import { noProbe, type Probe } from '#platform/probe.ts';
import type { Role } from '#platform/role.ts';
import { type ConnectionRefusal, type GuardEvents, guardConnection } from './adapters/guarded-connection.ts';
import { openIdentityFile } from './adapters/identity-file.ts';
import { type EngineRefusal, startMqttEngine } from './adapters/mqtt-engine.ts';
import { type Listener, type ListenerRefusal, type ListenerTls, listen } from './adapters/tcp-listener.ts';
import { openTlsFiles } from './adapters/tls-files.ts';
import { type Address, type BrokerConfig, DEFAULT_LIMITS, listenersOf } from './config.ts';
import { createConnectionRate } from './connection-rate.ts';
import { brokerVitals } from './vitals.ts';

export type BrokerRefusal = ConnectionRefusal | EngineRefusal | ListenerRefusal;

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
  /** Connections that pushed off another one of the same name. */
  readonly takeovers: number;
  /** Names under which connections push each other off again and again, within the last minute. */
  readonly contended: number;
}

export interface Broker extends Role {
  /** `mqtts://host:port`, or `mqtt://…` where there is no TLS, as it is listened on. */
  readonly url: string;
  /** `mqtt://host:port` of the loopback, where it is listened on too. */
  readonly plainUrl: string | undefined;
  counts(): BrokerCounts;
}

/**
 * Starts the broker.
 * @throws OperatorError PORT_IN_USE, LISTEN_FAILED, BROKER_IDENTITIES_INVALID, BROKER_TLS_INVALID or
 * CONFIG_INVALID.
 */
export async function startBroker(
  config: BrokerConfig,
  deps: { clock: Clock; log: Logger; probe?: Probe },
): Promise<Broker> {
  const { clock, log, probe = noProbe } = deps;
  const limits = { ...DEFAULT_LIMITS, ...config.limits };
  const { plain, tls } = listenersOf(config);
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
  const engine = await startMqttEngine({
    limits,
    identities: identities.current,
    clock,
    log,
    probe,
    onRefused,
  });
  const guard: GuardEvents = {
    onRefused,
    onThrottled() {
      throttled += 1;
    },
  };
  const rate = createConnectionRate(limits);
  const open = ({ host, port }: Address, secure?: ListenerTls): Promise<Listener> =>
    listen({
      host,
      port,
      connectionsMax: limits.connectionsMax,
      connectionsPerAddressMax: limits.connectionsPerAddressMax,
      mayConnect: (address) => rate.accept(address, clock.monotonicMs()),
      handshakeMsMax: limits.connectMsMax,
      ...(secure && { tls: secure }),
      onConnection: (socket) => engine.handle(guardConnection(socket, limits, clock, guard)),
      onRefused,
    });
  const listeners: Listener[] = [];
  const closers = [identities.stop];
  try {
    if (tls) {
      const everyMs = limits.identitiesEveryMs;
      const onChange = (renewed: ListenerTls): void => listeners[0]?.renew(renewed);
      const files = openTlsFiles({ paths: tls.files, everyMs, log, onChange });
      closers.push(files.stop);
      listeners.push(await open(tls, files.current));
    }
    if (plain) listeners.push(await open(plain));
  } catch (error) {
    for (const close of closers) close();
    await Promise.all(listeners.map((listener) => listener.stop()));
    await engine.stop();
    throw error;
  }

  const ports = listeners.map((listener) => listener.port);
  const plainUrl = plain && urlOf('mqtt', plain, ports.at(-1));
  const url = tls ? urlOf('mqtts', tls, ports[0]) : (plainUrl as string);
  log.info({ ports, tls: tls !== undefined, clients: identities.current().size }, 'broker.ready');
  let stopping: Promise<void> | undefined;
  const stop = async (): Promise<void> => {
    for (const close of closers) close();
    await engine.stop();
    await Promise.all(listeners.map((listener) => listener.stop()));
    log.info({ refused }, 'broker.stopped');
  };
  const counts = (): BrokerCounts => ({
    connections: listeners.reduce((sum, listener) => sum + listener.connections(), 0),
    clients: engine.clients(),
    refused: { ...refused },
    throttled,
    revoked,
    takeovers: engine.takeovers(),
    contended: engine.contended(),
  });
  return {
    name: 'broker',
    url,
    plainUrl,
    counts,
    vitals: brokerVitals(counts, () => stopping === undefined),
    stop: () => (stopping ??= stop()),
  };
}

function urlOf(scheme: 'mqtt' | 'mqtts', { host }: Address, port: number | undefined): string {
  return `${scheme}://${host.includes(':') ? `[${host}]` : host}:${port}`;
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
