/**
 * What the broker is told by its environment, and the limits it keeps.
 */
import { type Static, Type } from 'typebox';
import { BATCH_BYTES_MAX } from '#contracts/batch.ts';
import { OperatorError } from '#platform/errors.ts';
import type { ByteLimits } from './byte-limiter.ts';

export const BrokerEnvironment = Type.Object({
  KVYTOK_BROKER_LISTEN: Type.String({
    default: '127.0.0.1:1883',
    pattern: '^(\\[[0-9a-fA-F:]+\\]|[A-Za-z0-9.-]+):[0-9]{1,5}$',
    description: 'address and port to listen on; port 0 takes a free one',
  }),
  KVYTOK_BROKER_IDENTITIES: Type.String({
    minLength: 1,
    description: 'path of the identities file that enrolment writes',
  }),
});
export type BrokerEnvironment = Static<typeof BrokerEnvironment>;

/** Every bound of the broker. */
export interface BrokerLimits extends ByteLimits {
  /** Open connections in total and from one address. */
  readonly connectionsMax: number;
  readonly connectionsPerAddressMax: number;
  /** A whole CONNECT must have come by then. */
  readonly connectMsMax: number;
  /** Longest keep-alive a client may ask for; a packet that stays half falls with it at one and a half times. */
  readonly keepAliveSecondsMax: number;
  /** Bytes that wait for a client that does not read; beyond them it is dropped after `drainMsMax`. */
  readonly unreadBytesMax: number;
  readonly drainMsMax: number;
  /** List topics that may be retained at once. */
  readonly retainedListsMax: number;
  /** How often the identities file is looked at. */
  readonly identitiesEveryMs: number;
}

export const DEFAULT_LIMITS: BrokerLimits = {
  // A batch and an envelope have at most 256 KiB; topic and headers come on top.
  packetBytesMax: BATCH_BYTES_MAX + 1024,
  connectBytesMax: 2048,
  loginBytesMax: 16 * 1024,
  deviceBytesPerSecond: 4 * 1024 * 1024,
  deviceBurstBytes: 8 * 1024 * 1024,
  connectionsMax: 10_000,
  // A city's validators often share the address of one mobile gateway, and a simulated city shares 127.0.0.1.
  connectionsPerAddressMax: 5_000,
  connectMsMax: 10_000,
  keepAliveSecondsMax: 300,
  unreadBytesMax: 1024 * 1024,
  drainMsMax: 5_000,
  retainedListsMax: 10_000,
  identitiesEveryMs: 500,
};

/** Configuration of {@link import('./main.ts').startBroker}. */
export interface BrokerConfig extends BrokerEnvironment {
  readonly limits?: Partial<BrokerLimits>;
}

/** Splits `host:port`. @throws OperatorError CONFIG_INVALID for a port that cannot be. */
export function parseListen(text: string): { host: string; port: number } {
  const colon = text.lastIndexOf(':');
  const host = text.slice(0, colon).replace(/^\[|\]$/g, '');
  const port = Number(text.slice(colon + 1));
  if (colon > 0 && Number.isInteger(port) && port >= 0 && port <= 65535) return { host, port };
  throw new OperatorError({
    code: 'CONFIG_INVALID',
    happened: `KVYTOK_BROKER_LISTEN is ${JSON.stringify(text)}, which is not an address with a port.`,
    kept: 'Nothing was started and nothing was changed.',
    todo: 'Write it like 127.0.0.1:1883.',
  });
}
