/** Topics and filters that the matrices of access try: one's own, another's, the lists, and what nobody may have. */

const CHANNELS = ['taps', 'status', 'health', 'receipts', 'commands'];

export const OWN = CHANNELS.map((channel) => `kvytok/v1/val-1/${channel}`);
export const FOREIGN = CHANNELS.map((channel) => `kvytok/v1/val-2/${channel}`);
export const EVERY = CHANNELS.map((channel) => `kvytok/v1/+/${channel}`);
export const PROBES = ['kvytok/v1/ingest-2/probe', 'kvytok/v1/ingest/probe', 'kvytok/v1/val-1/probe'];
export const LISTS = [
  'kvytok/v1/lists/deny',
  'kvytok/v1/lists/tariff',
  `kvytok/v1/lists/tariff/parts/${'a1'.repeat(32)}/0`,
  'kvytok/v1/lists/deny/deltas/1/7',
  'kvytok/v1/lists/deny/snapshots/1/7/0',
];
export const NEVER_TOPICS = [
  '/',
  'kvytok/v1/val-1',
  'kvytok/v1/val-1/',
  'kvytok/v1/val-1/taps/',
  'kvytok/v1/val-1/taps/x',
  'kvytok/v1/val-1/other',
  'kvytok/v2/val-1/taps',
  'KVYTOK/v1/val-1/taps',
  'kvytok/v1/lists/taps',
  'kvytok/v1/lists/other',
  '$SYS/broker/heartbeat',
  '$share/g/kvytok/v1/val-1/receipts',
  'unrelated',
  `${'a/'.repeat(40)}a`,
];
export const NEVER_FILTERS = [
  '#',
  '+/#',
  '$SYS/#',
  'kvytok/#',
  'kvytok/v1/#',
  'kvytok/v1/+/#',
  'kvytok/v1/+/+',
  'kvytok/v1/val-1/#',
  'kvytok/v1/val-1/+',
  'kvytok/v1/lists/#',
  'kvytok/v1/+/probe',
];
