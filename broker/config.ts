/**
 * What the broker is told by its environment, and the limits it keeps.
 */
import { type Static, Type } from 'typebox';
import { BATCH_BYTES_MAX } from '#contracts/batch.ts';
import { OperatorError } from '#platform/errors.ts';
import type { ByteLimits } from './byte-limiter.ts';
import type { ConnectionRateLimits } from './connection-rate.ts';
import type { TakeoverLimits } from './takeover-watch.ts';

const listenPattern = '^(\\[[0-9a-fA-F:]+\\]|[A-Za-z0-9.-]+):[0-9]{1,5}$';
const pemFile = (what: string) =>
  Type.Optional(Type.String({ minLength: 1, description: `PEM file: ${what}; read again when it changes` }));

export const BrokerEnvironment = Type.Object({
  KVYTOK_BROKER_TLS_LISTEN: Type.Optional(
    Type.String({
      pattern: listenPattern,
      description: 'address and port for TLS 1.3 with client certificates; port 0 takes a free one',
    }),
  ),
  KVYTOK_BROKER_TLS_KEY_FILE: pemFile("the broker's private key"),
  KVYTOK_BROKER_TLS_CERT_FILE: pemFile("the broker's certificate"),
  KVYTOK_BROKER_TLS_CA_FILE: pemFile("the city's device authority"),
  KVYTOK_BROKER_LISTEN: Type.Optional(
    Type.String({
      pattern: listenPattern,
      description:
        'address and port of the loopback without TLS, for development; 127.0.0.1:1883 where nothing is set',
    }),
  ),
  KVYTOK_BROKER_IDENTITIES: Type.String({
    minLength: 1,
    description: 'path of the identities file that enrolment writes',
  }),
});
export type BrokerEnvironment = Static<typeof BrokerEnvironment>;

/** Every bound of the broker. */
export interface BrokerLimits extends ByteLimits, ConnectionRateLimits, TakeoverLimits {
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
  /** How often the identities file, and the files of its own certificate, are looked at. */
  readonly identitiesEveryMs: number;
}

export const DEFAULT_LIMITS: BrokerLimits = {
  // A batch and an envelope have at most 256 KiB; topic and headers come on top.
  packetBytesMax: BATCH_BYTES_MAX + 1024,
  connectBytesMax: 2048,
  loginBytesMax: 16 * 1024,
  deviceBytesPerSecond: 4 * 1024 * 1024,
  deviceBurstBytes: 8 * 1024 * 1024,
  devicePacketsPerSecond: 500,
  deviceBurstPackets: 2_000,
  connectionsPerSecondPerAddress: 500,
  connectionsBurstPerAddress: 4_000,
  addressesMax: 10_000,
  connectionsMax: 10_000,
  // A city's validators often share the address of one mobile gateway, and a simulated city shares 127.0.0.1.
  connectionsPerAddressMax: 5_000,
  connectMsMax: 10_000,
  keepAliveSecondsMax: 300,
  unreadBytesMax: 1024 * 1024,
  drainMsMax: 5_000,
  retainedListsMax: 10_000,
  identitiesEveryMs: 500,
  // A device with a bad network comes back after half a minute of silence at the earliest.
  takeoversPerMinuteMax: 4,
};

/** Configuration of {@link import('./main.ts').startBroker}. */
export interface BrokerConfig extends BrokerEnvironment {
  readonly limits?: Partial<BrokerLimits>;
}

/** Where the broker listens. At least one of both. */
export interface BrokerListeners {
  readonly plain?: Address;
  readonly tls?: Address & { readonly files: TlsFilePaths };
}

export interface Address {
  readonly host: string;
  readonly port: number;
}

/** Paths of the broker's own key and certificate and of the authority of its clients. */
export interface TlsFilePaths {
  readonly key: string;
  readonly cert: string;
  readonly ca: string;
}

/**
 * What to listen on. Without TLS a name and a secret would travel in the open, so that stays on the loopback.
 * @throws OperatorError CONFIG_INVALID naming what does not go together.
 */
export function listenersOf(config: BrokerEnvironment): BrokerListeners {
  const secure = config.KVYTOK_BROKER_TLS_LISTEN;
  const plainText = config.KVYTOK_BROKER_LISTEN ?? (secure === undefined ? '127.0.0.1:1883' : undefined);
  const plain = plainText === undefined ? undefined : parseListen(plainText);
  if (plain && !/^(127(\.\d{1,3}){3}|::1|localhost)$/.test(plain.host)) {
    throw invalid(
      `KVYTOK_BROKER_LISTEN is ${JSON.stringify(plainText)}, and without TLS only the loopback may be listened on.`,
      'Set KVYTOK_BROKER_TLS_LISTEN and the three KVYTOK_BROKER_TLS_…_FILE instead (docs/OPERATIONS.md).',
    );
  }
  const files = {
    key: config.KVYTOK_BROKER_TLS_KEY_FILE,
    cert: config.KVYTOK_BROKER_TLS_CERT_FILE,
    ca: config.KVYTOK_BROKER_TLS_CA_FILE,
  };
  const named = Object.values(files).filter((path) => path !== undefined).length;
  if (named !== (secure === undefined ? 0 : 3)) {
    throw invalid(
      'KVYTOK_BROKER_TLS_LISTEN and KVYTOK_BROKER_TLS_KEY_FILE, _CERT_FILE and _CA_FILE belong together.',
      'Set all four, or none of them.',
    );
  }
  return {
    ...(plain && { plain }),
    ...(secure !== undefined && {
      tls: { ...parseListen(secure, 'KVYTOK_BROKER_TLS_LISTEN'), files: files as TlsFilePaths },
    }),
  };
}

/** Splits `host:port`. @throws OperatorError CONFIG_INVALID for a port that cannot be. */
export function parseListen(text: string, name = 'KVYTOK_BROKER_LISTEN'): Address {
  const colon = text.lastIndexOf(':');
  const host = text.slice(0, colon).replace(/^\[|\]$/g, '');
  const port = Number(text.slice(colon + 1));
  if (colon > 0 && Number.isInteger(port) && port >= 0 && port <= 65535) return { host, port };
  throw invalid(
    `${name} is ${JSON.stringify(text)}, which is not an address with a port.`,
    'Write it like 127.0.0.1:1883.',
  );
}

function invalid(happened: string, todo: string): OperatorError {
  return new OperatorError({
    code: 'CONFIG_INVALID',
    happened,
    kept: 'Nothing was started and nothing was changed.',
    todo,
  });
}
