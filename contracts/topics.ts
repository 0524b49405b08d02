/**
 * MQTT topics, version 1. A device publishes under its own id and subscribes to its own id and to the lists;
 * everything else is refused by the broker.
 */
const ROOT = 'kvytok/v1';

/** What a device publishes and the city answers, per device. */
export type DeviceChannel = 'taps' | 'receipts' | 'status' | 'health' | 'commands';

/** Channels a device may publish to; the city publishes to the others. */
export const DEVICE_PUBLISHES: readonly DeviceChannel[] = ['taps', 'status', 'health'];
/** Channels a device may subscribe to. */
export const DEVICE_SUBSCRIBES: readonly DeviceChannel[] = ['receipts', 'commands'];

/** `deviceTopic('val-1', 'taps')` → `kvytok/v1/val-1/taps`. */
export function deviceTopic(deviceId: string, channel: DeviceChannel): string {
  return `${ROOT}/${deviceId}/${channel}`;
}

/** Filter for one channel of every device, for the city's own services. */
export function everyDevice(channel: DeviceChannel): string {
  return `${ROOT}/+/${channel}`;
}

/**
 * Topic on which one ingest process measures the broker before it takes taps: it alone publishes and hears there.
 * No device channel is called so, and no device may use it.
 */
export function probeTopic(ingestClientId: string): string {
  return `${ROOT}/${ingestClientId}/probe`;
}

const DEVICE_TOPIC = /^kvytok\/v1\/([a-z0-9][a-z0-9-]{1,62})\/(taps|receipts|status|health|commands)$/;

/** Device and channel of a topic; `undefined` for any other topic. */
export function parseDeviceTopic(topic: string): { deviceId: string; channel: DeviceChannel } | undefined {
  const match = DEVICE_TOPIC.exec(topic);
  if (!match || match[1] === 'lists') return undefined;
  return { deviceId: match[1] as string, channel: match[2] as DeviceChannel };
}

/** Lists that every device reads. All are retained. */
export const LISTS = {
  /** Signed manifest: which generation and version is current, and how many chunks the snapshot has. */
  denyManifest: `${ROOT}/lists/deny`,
  /** Signed deltas since the snapshot, one topic each: `…/deny/deltas/<generation>/<n>`. */
  denyDelta: (generation: number, n: number) => `${ROOT}/lists/deny/deltas/${generation}/${n}`,
  /** Chunks of the snapshot: `…/deny/snapshots/<generation>/<n>/<chunk>`. */
  denyChunk: (generation: number, n: number, chunk: number) =>
    `${ROOT}/lists/deny/snapshots/${generation}/${n}/${chunk}`,
  /** Everything of the deny list. */
  denyAll: `${ROOT}/lists/deny/#`,
  /** Signed manifest of the tariff extract: which version is current. */
  tariff: `${ROOT}/lists/tariff`,
  /** Parts of the extract, named by the SHA-256 of the whole: `…/tariff/parts/<sha256>/<part>`. */
  tariffPart: (sha256: string, part: number) => `${ROOT}/lists/tariff/parts/${sha256}/${part}`,
  /** Everything of the tariff. */
  tariffAll: `${ROOT}/lists/tariff/#`,
} as const;
