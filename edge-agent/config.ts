/**
 * Configuration of one edge agent: environment variables for a device's own service, options for who starts it in
 * code. Everything that the city decides (keys, policy, broker) stands in the device folder instead.
 */
import { type Static, Type } from 'typebox';
import type { Language } from '#contracts/reason-codes.ts';
import { readEnvironment } from '#platform/config.ts';
import type { UdpAddress } from './adapters/neighbour-socket.ts';
import type { AgentLimits } from './agent-limits.ts';

export const EdgeEnvironment = Type.Object({
  KVYTOK_EDGE_DEVICE_DIR: Type.String({ minLength: 1, description: 'the device folder made by enrolment' }),
  KVYTOK_EDGE_SCREEN_PORT: Type.Optional(
    Type.String({
      pattern: '^(none|[0-9]{1,5})$',
      description: 'port of the screen page on 127.0.0.1, 0 for a free one, none for no page',
    }),
  ),
  KVYTOK_EDGE_MQTT_URL: Type.Optional(
    Type.String({ pattern: '^mqtts?://', description: 'broker instead of the one in the device folder' }),
  ),
  KVYTOK_EDGE_HEALTH_INTERVAL_MS: Type.Optional(
    Type.Integer({
      minimum: 100,
      maximum: 3_600_000,
      description: 'real milliseconds between health reports',
    }),
  ),
  KVYTOK_EDGE_READER: Type.Optional(Type.Literal('pcsc', { description: 'kind of card reader' })),
  KVYTOK_EDGE_NEIGHBOURS: Type.Optional(
    Type.String({
      pattern: '^([0-9.]+:)?[0-9]{1,5}( ([0-9.]+:)?[0-9]{1,5}){1,16}$',
      description:
        'devices of this vehicle: own HOST:PORT, then those of the others or a broadcast address; a port alone is on 127.0.0.1',
    }),
  ),
  KVYTOK_EDGE_DEBT_PAGE: Type.Optional(
    Type.String({
      pattern: '^https?://[A-Za-z0-9.-]+(:[0-9]{1,5})?(/[A-Za-z0-9._~-]+)*$',
      maxLength: 128,
      description:
        'address of the city’s debt page (https://…/debt), shown as a QR code to refused bank cards',
    }),
  ),
  KVYTOK_EDGE_READER_NAME: Type.Optional(
    Type.String({ minLength: 1, maxLength: 256, description: 'part of the name of the reader to use' }),
  ),
});
export type EdgeEnvironment = Static<typeof EdgeEnvironment>;

export interface EdgeConfig {
  readonly deviceDir: string;
  /** 0 = a free port, null = no page (default). */
  readonly screenPort?: number | null;
  /** Broker instead of the one in the device folder. */
  readonly mqttUrl?: string;
  /** Real milliseconds. */
  readonly healthIntervalMs?: number;
  readonly readerName?: string;
  /** Where it listens to the other devices of its vehicle, and where they are. */
  readonly neighbours?: { readonly own: UdpAddress; readonly peers: readonly UdpAddress[] };
  /** Address of the city's debt page, without a slash at its end. */
  readonly debtPage?: string;
  /** Language of the resting screen; Ukrainian unless told. */
  readonly language?: Language;
  /** Most receipted records kept for a restored database. */
  readonly keptRecordsMax?: number;
  /** Most database pages (4096 bytes) of the journal; for tests of a full disk. */
  readonly journalPagesMax?: number;
  readonly limits?: Partial<AgentLimits>;
}

/** Reads the environment; all problems at once. */
export function edgeConfigFrom(env: Readonly<Record<string, string | undefined>>): EdgeConfig {
  const read = readEnvironment(EdgeEnvironment, env);
  const port = read.KVYTOK_EDGE_SCREEN_PORT;
  const neighbours = read.KVYTOK_EDGE_NEIGHBOURS;
  return {
    deviceDir: read.KVYTOK_EDGE_DEVICE_DIR,
    ...(port !== undefined && { screenPort: port === 'none' ? null : Number(port) }),
    ...(neighbours !== undefined && { neighbours: neighboursOf(neighbours) }),
    ...(read.KVYTOK_EDGE_MQTT_URL !== undefined && { mqttUrl: read.KVYTOK_EDGE_MQTT_URL }),
    ...(read.KVYTOK_EDGE_HEALTH_INTERVAL_MS !== undefined && {
      healthIntervalMs: read.KVYTOK_EDGE_HEALTH_INTERVAL_MS,
    }),
    ...(read.KVYTOK_EDGE_DEBT_PAGE !== undefined && { debtPage: read.KVYTOK_EDGE_DEBT_PAGE }),
    ...(read.KVYTOK_EDGE_READER_NAME !== undefined && { readerName: read.KVYTOK_EDGE_READER_NAME }),
  };
}

function neighboursOf(text: string): NonNullable<EdgeConfig['neighbours']> {
  const [own, ...peers] = text.split(' ').map((part) => {
    const [port, host = '127.0.0.1'] = part.split(':').reverse();
    return { host, port: Number(port) };
  });
  return { own: own as UdpAddress, peers };
}
