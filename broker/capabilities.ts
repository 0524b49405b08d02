/**
 * Where brokers honestly differ. Everything else in tests/broker holds alike on each of them; what stands here is
 * proven on the named version by the same suite. EMQX is not in the table: it was not tried.
 */

export interface BrokerCapabilities {
  /** What was tried. */
  readonly version: string;
  /** A publish without the right: the client is disconnected, or it is acknowledged and goes nowhere. */
  readonly forbiddenPublish: 'disconnected' | 'dropped';
  /** A subscription without the right: refused with 0x80, or granted and nothing is delivered by it. */
  readonly forbiddenSubscription: 'refused' | 'silent';
  /** A filter that is not in the table but reaches no further than one that is. */
  readonly narrowerSubscription: 'refused' | 'granted';
  /** A last will on a topic without the right: the connection is refused, or the will goes nowhere. */
  readonly forbiddenWill: 'connection refused' | 'dropped';
  /** Retaining where only plain messages are allowed (taps): refused, or it cannot be told apart. */
  readonly forbiddenRetain: 'refused' | 'retained';
  /** Connecting with one's own secret under another's client id: refused, renamed to one's own, or it pushes the other off. */
  readonly foreignClientId: 'refused' | 'renamed' | 'taken over';
  /** A session to be stored (`clean: false`): refused, or kept within the queue limits. */
  readonly storedSession: 'refused' | 'kept';
  /** A keep-alive over the limit, or none: refused, or accepted. */
  readonly longKeepAlive: 'refused' | 'accepted';
  /** A client of MQTT 5. */
  readonly mqtt5: 'refused' | 'spoken';
  /** The open connection of a client that was taken away: closed, or left with no right to say or hear anything. */
  readonly revokedConnection: 'closed' | 'muted';
  /** A packet over the limit: the connection is closed, or it is carried. */
  readonly largePacket: 'closed' | 'carried';
  /** `$share/<group>/<filter>`: each message to one of the group, or the subscription is refused. */
  readonly sharedSubscriptions: 'shared' | 'refused';
}

export type BrokerKind = 'embedded' | 'mosquitto' | 'mosquitto-tls' | 'nats';

const MOSQUITTO: BrokerCapabilities = {
  version: 'mosquitto 2.0.11 (Debian 12)',
  forbiddenPublish: 'dropped',
  forbiddenSubscription: 'silent',
  narrowerSubscription: 'granted',
  forbiddenWill: 'dropped',
  forbiddenRetain: 'retained',
  foreignClientId: 'renamed',
  storedSession: 'kept',
  longKeepAlive: 'accepted',
  mqtt5: 'spoken',
  revokedConnection: 'closed',
  largePacket: 'closed',
  sharedSubscriptions: 'shared',
};

export const CAPABILITIES: Readonly<Record<BrokerKind, BrokerCapabilities>> = {
  embedded: {
    version: 'aedes 1.2.0 behind the guard of this room',
    forbiddenPublish: 'disconnected',
    forbiddenSubscription: 'refused',
    narrowerSubscription: 'refused',
    forbiddenWill: 'connection refused',
    forbiddenRetain: 'refused',
    foreignClientId: 'refused',
    storedSession: 'refused',
    longKeepAlive: 'refused',
    mqtt5: 'refused',
    revokedConnection: 'closed',
    largePacket: 'closed',
    sharedSubscriptions: 'refused',
  },
  mosquitto: MOSQUITTO,
  // By certificate SIGHUP takes the rights away, not the connection; a revocation list keeps it from coming back.
  'mosquitto-tls': { ...MOSQUITTO, revokedConnection: 'muted' },
  nats: {
    version: 'nats-server 2.9.10 (Debian 12)',
    forbiddenPublish: 'dropped',
    forbiddenSubscription: 'refused',
    narrowerSubscription: 'granted',
    forbiddenWill: 'dropped',
    forbiddenRetain: 'retained',
    foreignClientId: 'taken over',
    storedSession: 'kept',
    longKeepAlive: 'accepted',
    mqtt5: 'refused',
    revokedConnection: 'closed',
    largePacket: 'carried',
    sharedSubscriptions: 'refused',
  },
};
