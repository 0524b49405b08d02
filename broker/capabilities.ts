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
  /** `$share/<group>/<filter>`: each message to one of the group, or the subscription is refused. */
  readonly sharedSubscriptions: 'shared' | 'refused';
}

export type BrokerKind = 'embedded' | 'mosquitto' | 'nats';

export const CAPABILITIES: Readonly<Record<BrokerKind, BrokerCapabilities>> = {
  embedded: {
    version: 'aedes 1.2.0 behind the guard of this room',
    forbiddenPublish: 'disconnected',
    forbiddenSubscription: 'refused',
    forbiddenWill: 'connection refused',
    forbiddenRetain: 'refused',
    foreignClientId: 'refused',
    storedSession: 'refused',
    longKeepAlive: 'refused',
    mqtt5: 'refused',
    sharedSubscriptions: 'refused',
  },
  mosquitto: {
    version: 'mosquitto 2.0.11 (Debian 12)',
    forbiddenPublish: 'dropped',
    forbiddenSubscription: 'silent',
    forbiddenWill: 'dropped',
    forbiddenRetain: 'retained',
    foreignClientId: 'renamed',
    storedSession: 'kept',
    longKeepAlive: 'accepted',
    mqtt5: 'spoken',
    sharedSubscriptions: 'shared',
  },
  nats: {
    version: 'nats-server 2.9.10 (Debian 12)',
    forbiddenPublish: 'dropped',
    forbiddenSubscription: 'refused',
    forbiddenWill: 'dropped',
    forbiddenRetain: 'retained',
    foreignClientId: 'taken over',
    storedSession: 'kept',
    longKeepAlive: 'accepted',
    mqtt5: 'refused',
    sharedSubscriptions: 'refused',
  },
};
