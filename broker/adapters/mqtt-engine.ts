/**
 * The MQTT engine (aedes) with the broker's rules hung into its hooks. Nothing is kept for absent clients, so memory
 * does not grow with them: devices offer again until a receipt comes.
 */
import { Aedes, type AuthenticateError, type Client, type ConnectPacket } from 'aedes';
import type { Clock } from '#platform/clock.ts';
import type { Logger } from '#platform/logger.ts';
import type { Probe } from '#platform/probe.ts';
import type { BrokerLimits } from '../config.ts';
import { checkLogin, type Identities, type Identity, type ProvenIdentity, stillStands } from '../identity.ts';
import { createTakeoverWatch } from '../takeover-watch.ts';
import { isListTopic, mayPublish, maySubscribe } from '../topic-access.ts';
import type { GuardedConnection } from './guarded-connection.ts';

/** As long as a timer can be. */
const CONNECT_MS_NEVER = 2 ** 31 - 1;

export type EngineRefusal =
  | 'LOGIN_REFUSED'
  | 'SESSION_REFUSED'
  | 'WILL_REFUSED'
  | 'PUBLISH_REFUSED'
  | 'SUBSCRIBE_REFUSED';

export interface EngineOptions {
  readonly limits: BrokerLimits;
  readonly identities: () => Identities;
  readonly clock: Clock;
  readonly log: Logger;
  /** Named points: `broker.before-publish`, `broker.after-publish` (delivered and acknowledged). */
  readonly probe: Probe;
  /** Told of each refusal, with what may be logged of it. */
  readonly onRefused: (reason: EngineRefusal, detail: object) => void;
}

export interface MqttEngine {
  handle(connection: GuardedConnection): void;
  /** Disconnects every client whose identity no longer stands; answers how many. */
  dropRevoked(): number;
  /** Clients that are logged in. */
  clients(): number;
  /** Connections that pushed off another one of the same name, since the start. */
  takeovers(): number;
  /** Names under which connections keep pushing each other off, within the last minute. */
  contended(): number;
  stop(): Promise<void>;
}

/** Starts the engine. */
export async function startMqttEngine(options: EngineOptions): Promise<MqttEngine> {
  const { limits, clock, log, probe } = options;
  const connects = new WeakMap<Client, ConnectPacket>();
  // By whom a connection was proven to be made: its last will goes out by the same rights after it has closed.
  const proven = new WeakMap<Client, ProvenIdentity>();
  const live = new Set<Client>();
  const retainedLists = new Set<string>();
  const holders = new Map<string, { client: Client; address: string }>();
  const watch = createTakeoverWatch(limits);
  let takeovers = 0;

  /** The engine closes the older connection of a name; here it is counted, and told when it does not end. */
  const noticeTakeover = (client: Client, connection: GuardedConnection): void => {
    const before = holders.get(client.id);
    const holder = { client, address: connection.address };
    holders.set(client.id, holder);
    connection.once('close', () => {
      if (holders.get(client.id) === holder) holders.delete(client.id);
    });
    if (before === undefined) return;
    takeovers += 1;
    if (!watch.tookOver(client.id, clock.monotonicMs())) return;
    log.error(
      { clientId: client.id, addresses: [before.address, holder.address] },
      'broker.identity.contended: two connections under one name push each other off; a device may have been copied',
    );
  };

  const refused = (reason: EngineRefusal, client: Client, detail: object): void => {
    options.onRefused(reason, { clientId: String(client.id ?? '').slice(0, 63), ...detail });
  };

  const engine = await Aedes.createBroker({
    // The guard before it judges who comes late, fairly to whoever waits while the broker stands still.
    connectTimeout: CONNECT_MS_NEVER,
    keepaliveLimit: limits.keepAliveSecondsMax,
    drainTimeout: limits.drainMsMax,
    maxTopicLevels: 16,
    maxInflightInbound: 1,
    maxClientsIdLength: 63,
    preConnect: (client, packet, done) => {
      connects.set(client, packet);
      done(null, true);
    },
    authenticate: (client, username, password, done) => {
      const connection = client.conn as GuardedConnection;
      const login = { clientId: client.id, username, password, certificate: connection.certificate };
      const held = checkLogin(options.identities(), login);
      const identity = held?.identity;
      const reason = identity ? problemOf(identity, connects.get(client)) : 'LOGIN_REFUSED';
      if (!identity || reason) {
        refused(reason ?? 'LOGIN_REFUSED', client, {});
        return done(connectError(reason), false);
      }
      proven.set(client, held);
      noticeTakeover(client, connection);
      // The city's own services carry what all devices say; only devices are metered.
      connection.loggedIn(identity.role === 'device');
      done(null, true);
    },
    authorizePublish: (client, packet, done) => {
      const identity = client ? proven.get(client)?.identity : undefined;
      const allowed = identity !== undefined && mayPublish(identity, packet);
      if (allowed && boundRetained(retainedLists, packet, limits.retainedListsMax)) {
        void probe('broker.before-publish');
        return done(null);
      }
      if (client) refused('PUBLISH_REFUSED', client, { topic: packet.topic.slice(0, 120) });
      done(new Error('not allowed'));
    },
    authorizeSubscribe: (client, subscription, done) => {
      const identity = proven.get(client)?.identity;
      if (identity && maySubscribe(identity, subscription.topic)) return done(null, subscription);
      refused('SUBSCRIBE_REFUSED', client, { topic: subscription.topic.slice(0, 120) });
      // The answer is SUBACK 0x80; the client may go on with what it is allowed to.
      done(null, null);
    },
  });
  engine.on('publish', (_packet, client) => {
    // The broker's own news have no client.
    if (client) void probe('broker.after-publish');
  });
  engine.on('clientError', (client, error) =>
    log.debug({ clientId: client.id, problem: error.message }, 'broker.client.error'),
  );
  engine.on('connectionError', (_client, error) =>
    log.debug({ problem: error.message }, 'broker.connection.error'),
  );
  (engine as unknown as NodeJS.EventEmitter).on('error', (err: Error) =>
    log.error({ err }, 'broker.engine.error'),
  );

  return {
    handle(connection) {
      const client = engine.handle(connection);
      live.add(client);
      connection.once('close', () => live.delete(client));
    },
    dropRevoked() {
      const gone = [...live].filter((client) => {
        const held = proven.get(client);
        return held !== undefined && !stillStands(options.identities(), held);
      });
      for (const client of gone) client.close();
      return gone.length;
    },
    clients: () => engine.connectedClients,
    takeovers: () => takeovers,
    contended: () => watch.contended(clock.monotonicMs()),
    stop: () => new Promise((resolve) => engine.close(() => resolve())),
  };
}

/** What else a login must keep: no stored session (it would queue without bound), and a will by the rules. */
function problemOf(identity: Identity, packet: ConnectPacket | undefined): EngineRefusal | undefined {
  if (packet === undefined || packet.clean !== true) return 'SESSION_REFUSED';
  const will = packet.will;
  if (!will) return undefined;
  const publication = { topic: will.topic, retain: will.retain === true, qos: will.qos ?? 0 };
  return mayPublish(identity, publication) ? undefined : 'WILL_REFUSED';
}

/** CONNACK codes of MQTT 3.1.1: 2 = identifier rejected, 4 = bad user name or password, 5 = not authorized. */
function connectError(reason: EngineRefusal | undefined): AuthenticateError {
  const returnCode = reason === 'SESSION_REFUSED' ? 2 : reason === 'WILL_REFUSED' ? 5 : 4;
  return Object.assign(new Error('login refused'), { returnCode }) as AuthenticateError;
}

/** Keeps the number of retained lists within its bound; an empty payload takes one away. */
function boundRetained(
  topics: Set<string>,
  packet: { topic: string; retain: boolean; payload: string | Buffer },
  max: number,
): boolean {
  if (!packet.retain || !isListTopic(packet.topic)) return true;
  if (packet.payload.length === 0) return topics.delete(packet.topic) || true;
  if (!topics.has(packet.topic) && topics.size >= max) return false;
  topics.add(packet.topic);
  return true;
}
