/**
 * The portal's answers, as schemas: types, serialisation (fields that are not listed never leave) and documentation
 * come from them. Money is digits in a string of minor units; instants are UTC milliseconds of the city clock.
 */
import { type Static, Type } from 'typebox';

const text = Type.String();
const optionalText = Type.Union([Type.String(), Type.Null()]);
const optionalNumber = Type.Union([Type.Number(), Type.Null()]);
const count = Type.Integer({ minimum: 0 });
const amount = Type.String({ description: 'minor units, digits', pattern: '^-?[0-9]{1,19}$' });

/** How a tap ended for the rider. */
export const TAP_RESULTS = [
  'paid',
  'reduced',
  'free',
  'pass',
  'transfer',
  'same-ride',
  'unpriced',
  'withdrawn',
] as const;
export type TapResult = (typeof TAP_RESULTS)[number];

export const TapWire = Type.Object({
  tapId: text,
  deviceId: text,
  vehicleId: optionalText,
  carrierId: optionalText,
  routeId: optionalText,
  stopId: optionalText,
  tripId: optionalText,
  /** By which sort of fact the route stands, and the id of that fact. */
  routeBy: optionalText,
  routeFactId: optionalText,
  fareAtMs: Type.Integer(),
  receivedAtMs: Type.Integer(),
  decidedAtMs: Type.Integer(),
  mediumKind: text,
  result: Type.Unsafe<TapResult>(Type.String({ enum: [...TAP_RESULTS] })),
  riderCategoryId: optionalText,
  concessionId: optionalText,
  fundingId: optionalText,
  grossMinor: amount,
  riderMinor: amount,
  /** What the payer of the concession owes for it. */
  budgetMinor: amount,
  /** Taken off by transfer, pass and cap rules. */
  reliefMinor: amount,
  currency: text,
  flags: Type.Array(text),
  revision: count,
});
export type TapWire = Static<typeof TapWire>;

/**
 * `online` reports and reads cards; `offline` vanished; `out-of-order` reports but cannot read cards; `off` rides in no
 * vehicle and said itself that it stops.
 */
export const DEVICE_STATES = ['online', 'offline', 'out-of-order', 'off'] as const;
/** States of what is on the map. */
export const VEHICLE_STATES = ['online', 'offline', 'out-of-order'] as const;
export type DeviceState = (typeof DEVICE_STATES)[number];
const state = Type.Unsafe<DeviceState>(Type.String({ enum: [...DEVICE_STATES] }));

export const VehicleWire = Type.Object({
  vehicleId: text,
  routeId: optionalText,
  state,
  devices: count,
  lat: Type.Number(),
  lon: Type.Number(),
  bearing: optionalNumber,
  nextStopId: optionalText,
  atMs: Type.Integer(),
});
export type VehicleWire = Static<typeof VehicleWire>;

export const DeviceWire = Type.Object({
  deviceId: text,
  state,
  lastSeenMs: optionalNumber,
  /** When its last report was made; ages below are of that instant. */
  reportedAtMs: optionalNumber,
  vehicleId: optionalText,
  reader: optionalText,
  readerRecoveries: optionalNumber,
  journalUnreceipted: optionalNumber,
  journalCapacity: optionalNumber,
  denyListVersion: optionalText,
  denyListAgeMs: optionalNumber,
  clockSyncAgeMs: optionalNumber,
  clockOffsetMs: optionalNumber,
  /** Version of the tariff extract that it holds; null = none. */
  tariffVersion: optionalNumber,
  accepted: optionalNumber,
  refused: optionalNumber,
  latencyMsMax: optionalNumber,
  records: count,
  gaps: count,
  unlinked: count,
  forks: count,
});
export type DeviceWire = Static<typeof DeviceWire>;

export const TotalWire = Type.Object({
  dimension: Type.Unsafe<'medium' | 'category' | 'carrier' | 'route'>(
    Type.String({ enum: ['medium', 'category', 'carrier', 'route'] }),
  ),
  key: optionalText,
  rides: count,
  claimRides: count,
  grossMinor: amount,
  riderMinor: amount,
  budgetMinor: amount,
  currency: text,
});
export type TotalWire = Static<typeof TotalWire>;

export const BudgetWire = Type.Object({
  fundingId: text,
  carrierId: optionalText,
  concessionId: optionalText,
  claimRides: count,
  amountMinor: amount,
  currency: text,
});
export type BudgetWire = Static<typeof BudgetWire>;

/** All accounts of a kind, debits less credits; the rows of a currency sum to zero. */
export const LedgerWire = Type.Object({
  kind: text,
  currency: text,
  pendingMinor: amount,
  postedMinor: amount,
});
export type LedgerWire = Static<typeof LedgerWire>;

export const CountsWire = Type.Object({
  records: count,
  taps: count,
  decidedTaps: count,
  inbox: count,
  queue: count,
  quarantined: count,
  commandsWaiting: count,
  commandsRefused: count,
  /** Rows set aside after repeated errors; they wait for a person. */
  stuck: count,
  /** Every accepted tap is decided or waits for it: `taps = decidedTaps + waiting`. */
  reconciled: Type.Boolean(),
});
export type CountsWire = Static<typeof CountsWire>;

export const QuarantineWire = Type.Object({ reason: text, items: count, lastAtMs: optionalNumber });
export type QuarantineWire = Static<typeof QuarantineWire>;

export const PaceWire = Type.Object({
  sliceMs: count,
  slices: Type.Array(
    Type.Object({
      startMs: Type.Integer(),
      tapsPerMinute: Type.Number(),
      latencyMsMedian: Type.Number(),
      latencyMsP95: Type.Number(),
      queue: optionalNumber,
    }),
  ),
});
export type PaceWire = Static<typeof PaceWire>;

/** Everything that may need a person; each code has a sentence and an advice in four languages. */
export const ATTENTION_CODES = [
  'DATABASE_SILENT',
  'BOOKS_DIFFER',
  'ROWS_STUCK',
  'DEVICE_LIVES_TWICE',
  'KEY_IN_FOREIGN_HANDS',
  'JOURNAL_LOST',
  'BACKUP_OLD',
  'JOURNAL_FORKED',
  'READER_NOT_READY',
  'JOURNAL_NEARLY_FULL',
  'VALIDATOR_SILENT',
  'RECORDS_MISSING',
  'DENY_LIST_OLD',
  'CLOCK_ALONE',
  'TARIFF_NOT_EVERYWHERE',
  'TARIFF_MISSED',
  'QUARANTINE',
  'BACKLOG',
] as const;
export type AttentionCode = (typeof ATTENTION_CODES)[number];

export const FindingWire = Type.Object({
  code: Type.Unsafe<AttentionCode>(Type.String({ enum: [...ATTENTION_CODES] })),
  severity: Type.Unsafe<'alarm' | 'warning'>(Type.String({ enum: ['alarm', 'warning'] })),
  /** How many devices, rows or items; 0 where counting makes no sense. */
  count,
  /** Device ids, the first of them; none where it is about no device. */
  subjects: Type.Array(text),
  sinceMs: optionalNumber,
});
export type FindingWire = Static<typeof FindingWire>;

export const CityWire = Type.Object({
  v: Type.Literal(1),
  city: Type.Object({ id: text, name: text, zone: text, currency: text }),
  nowMs: Type.Integer(),
  /** City seconds in one real second. */
  speed: Type.Number(),
  /** `null` while the database answers, else since when (city time) the figures stand still. */
  staleSinceMs: optionalNumber,
  /** What needs a person, alarms first. */
  attention: Type.Array(FindingWire),
  taps: Type.Array(TapWire),
  vehicles: Type.Array(VehicleWire),
  devices: Type.Array(DeviceWire),
  totals: Type.Array(TotalWire),
  budgetOwed: Type.Array(BudgetWire),
  ledger: Type.Array(LedgerWire),
  counts: Type.Union([CountsWire, Type.Null()]),
  quarantine: Type.Array(QuarantineWire),
  pace: PaceWire,
});
export type CityWire = Static<typeof CityWire>;

export const StepWire = Type.Object({
  kind: text,
  ruleId: text,
  act: optionalText,
  article: optionalText,
  beforeMinor: amount,
  afterMinor: amount,
  /** The step in plain words, in the language asked for. */
  text,
});
export type StepWire = Static<typeof StepWire>;

export const PostingWire = Type.Object({ debit: text, credit: text, amountMinor: amount, currency: text });
export type PostingWire = Static<typeof PostingWire>;

export const RevisionWire = Type.Object({
  revision: count,
  fareDay: text,
  kind: text,
  packageName: optionalText,
  packageHash: optionalText,
  decidedAtMs: Type.Integer(),
  steps: Type.Array(StepWire),
  postings: Type.Array(PostingWire),
});
export type RevisionWire = Static<typeof RevisionWire>;

export const ExplanationWire = Type.Object({
  v: Type.Literal(1),
  language: text,
  /** The whole ride in one plain sentence. */
  sentence: text,
  tap: TapWire,
  flags: Type.Array(Type.Object({ code: text, text })),
  /** Newest first. */
  revisions: Type.Array(RevisionWire),
});
export type ExplanationWire = Static<typeof ExplanationWire>;

/** RFC 9457. */
export const Problem = Type.Object({
  type: text,
  title: text,
  status: Type.Integer(),
  detail: text,
  code: text,
});
export type Problem = Static<typeof Problem>;

export const Health = Type.Object({ status: text });
