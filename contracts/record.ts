/**
 * A record: what a device writes into its journal before it answers, and what the city prices from.
 *
 * A record IS its bytes: one line of UTF-8 JSON without line breaks, written once and never serialised again.
 * Its hash is SHA-256 over these bytes, and each record carries the hash of the one before it in its epoch
 * (`prev`), so the last hash stands for them all.
 */
import { type Static, Type } from 'typebox';
import {
  AcquirerKeyId,
  BootId,
  DeviceId,
  EpochId,
  FeedId,
  InstantMs,
  Par,
  Seq,
  Sha256Hex,
  TokenId,
} from './ids.ts';
import { Currency } from './money.ts';
import { decodeJson, type Parsed, parserOf, refuse } from './parse.ts';
import { RefusalCode } from './reason-codes.ts';

/** Largest record in bytes; a longer one is refused by the agent before it is written and by ingest. */
export const RECORD_BYTES_MAX = 4096;

/** `prev` of an epoch's first record. */
export const NO_PREVIOUS = '0'.repeat(64);

/**
 * What the device knew of time: its wall clock, its monotonic clock within one boot, and the last time the city
 * told it (`sync`). The fare instant is derived from this evidence alone (docs/ARCHITECTURE.md, clock).
 */
export const ClockEvidence = Type.Object({
  wallMs: InstantMs,
  /** Milliseconds since this boot, never going back. */
  monoMs: Type.Integer({ minimum: 0 }),
  bootId: BootId,
  sync: Type.Optional(
    Type.Object({
      /** City time at the sync. */
      serverMs: InstantMs,
      /** Monotonic time of the device at the sync, of boot `bootId`. */
      monoMs: Type.Integer({ minimum: 0 }),
      /** The boot of the sync. An earlier one when the device was switched off since: then it is a bound, not a time. */
      bootId: BootId,
      /** Round trip of the exchange: half of it is the uncertainty at the sync. */
      rttMs: Type.Integer({ minimum: 0 }),
    }),
  ),
});
export type ClockEvidence = Static<typeof ClockEvidence>;

/** Kinds of medium a validator can read. A tariff maps each to a GTFS `fare_media_id`. */
export const MediumKind = Type.Union([Type.Literal('social'), Type.Literal('wallet'), Type.Literal('bank')]);
export type MediumKind = Static<typeof MediumKind>;

/** Where the device believed itself to be. The dated assignments of the city stand above this belief. */
export const Whereabouts = Type.Object({
  vehicleId: Type.Optional(FeedId),
  routeId: Type.Optional(FeedId),
  tripId: Type.Optional(FeedId),
  directionId: Type.Optional(Type.Union([Type.Literal(0), Type.Literal(1)])),
  stopId: Type.Optional(FeedId),
  /** How sure the device is of the stop, whole percent. Absent = it was told. */
  stopConfidencePct: Type.Optional(Type.Integer({ minimum: 0, maximum: 100 })),
  /** Who says the stop: positions, the timetable, the driver. */
  stopSource: Type.Optional(
    Type.Union([Type.Literal('gnss'), Type.Literal('timetable'), Type.Literal('driver')]),
  ),
});
export type Whereabouts = Static<typeof Whereabouts>;

/** Version of a deny list: a generation outranks every number of an older generation. */
export const DenyListVersion = Type.Object({
  generation: Type.Integer({ minimum: 0 }),
  n: Type.Integer({ minimum: 0 }),
});
export type DenyListVersion = Static<typeof DenyListVersion>;

/** Longest sealed authorisation, characters of base64url: with all else a record stays under {@link RECORD_BYTES_MAX}. */
export const AUTHORISATION_CHARS_MAX = 2048;

/** What a bank card proved, and what its later authorisation needs. No card number is in it in the clear. */
export const BankEvidence = Type.Object({
  /** Where the card carries it; the acquirer returns it with the authorisation otherwise. */
  par: Type.Optional(Par),
  /** Whether the card's signature covers the PAR. Without it a PAR joins no accounts before the acquirer has said the same. */
  parProven: Type.Optional(Type.Boolean()),
  /** How the card proved to be genuine: combined (Mastercard, Amex) or fast (Visa) data authentication. */
  oda: Type.Union([Type.Literal('cda'), Type.Literal('fdda')]),
  /** The card's data for the authorisation, sealed for the acquirer's key, base64url. */
  authorisation: Type.String({ pattern: '^[A-Za-z0-9_-]+$', maxLength: AUTHORISATION_CHARS_MAX }),
  acquirerKeyId: AcquirerKeyId,
});
export type BankEvidence = Static<typeof BankEvidence>;

/** Green: a passenger was let on. */
export const TapBody = Type.Object({
  tokenId: TokenId,
  /** The same medium's token under the key before this one, while a rotation of token keys runs. */
  formerTokenId: Type.Optional(TokenId),
  mediumKind: MediumKind,
  /** Which way; `out` is for networks that tap twice. Absent = the validator serves both ways and cannot know. */
  direction: Type.Optional(Type.Union([Type.Literal('in'), Type.Literal('out')])),
  where: Whereabouts,
  /** Riders beside the holder, paid by the same medium. */
  companions: Type.Integer({ minimum: 0, maximum: 20 }),
  /** Pieces of baggage paid by the same medium. Absent = none. */
  bags: Type.Optional(Type.Integer({ minimum: 1, maximum: 20 })),
  /** Set when the device took this touch for a repetition of an earlier one (same medium, same vehicle). */
  passBackOfSeq: Type.Optional(Seq),
  /** Of a bank card. */
  bank: Type.Optional(BankEvidence),
  denyList: DenyListVersion,
});
export type TapBody = Static<typeof TapBody>;

/** Red: a passenger was not let on. Recorded, never charged. */
export const RefusedBody = Type.Object({
  reason: RefusalCode,
  /** Absent when the card could not be read so far. */
  tokenId: Type.Optional(TokenId),
  formerTokenId: Type.Optional(TokenId),
  mediumKind: Type.Optional(MediumKind),
  where: Whereabouts,
  denyList: DenyListVersion,
});
export type RefusedBody = Static<typeof RefusedBody>;

/** Staff in a record: the token of a service card, or a personnel number. Never a name. */
export const StaffId = Type.String({ pattern: '^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$' });

/** The vehicle begins or ends a shift on a route, from a driver's service card or the vehicle's plan. */
export const ShiftBody = Type.Object({
  action: Type.Union([Type.Literal('open'), Type.Literal('close')]),
  source: Type.Union([Type.Literal('plan'), Type.Literal('driver')]),
  where: Whereabouts,
  /** Whose service card it was. */
  staffId: Type.Optional(StaffId),
});
export type ShiftBody = Static<typeof ShiftBody>;

/**
 * The driver declares that the vehicle cannot go on. Who was let on here shortly before rides on free in the next vehicle
 * (CMU 812), as far as the tariff says.
 */
export const BreakdownBody = Type.Object({ where: Whereabouts, staffId: Type.Optional(StaffId) });
export type BreakdownBody = Static<typeof BreakdownBody>;

/** The device heard the city's time. `offsetMs` = city time − wall clock of the device. */
export const ClockSyncBody = Type.Object({
  serverMs: InstantMs,
  offsetMs: Type.Integer(),
  rttMs: Type.Integer({ minimum: 0 }),
});
export type ClockSyncBody = Static<typeof ClockSyncBody>;

/** First record of an epoch: names the epoch and head it follows, or says that they are lost, or that none was. */
export const EpochBody = Type.Object({
  follows: Type.Union([
    Type.Object({ epoch: EpochId, seq: Seq, head: Sha256Hex }),
    Type.Literal('lost'),
    Type.Literal('none'),
  ]),
  software: Type.String({ maxLength: 64 }),
});
export type EpochBody = Static<typeof EpochBody>;

const MinorDigits = Type.String({ pattern: '^(0|[1-9][0-9]{0,11})$' });

/** What a law asks of a passenger without a ride: prepared at a check, charged by nobody here. */
export const PenaltyProtocol = Type.Object({
  /** Stands on the paper too. */
  number: Type.String({ pattern: '^[0-9A-HJKMNP-TV-Z]{4}-[0-9A-HJKMNP-TV-Z]{4}$' }),
  /** Full price of one ride, minor units. */
  fareMinor: MinorDigits,
  /** How many times the fare. */
  factor: Type.Integer({ minimum: 1, maximum: 1000 }),
  penaltyMinor: MinorDigits,
  currency: Currency,
  /** `act_id` of the tariff package. */
  act: FeedId,
  article: Type.String({ minLength: 1, maxLength: 200 }),
  /** Hash of the tariff package that says so. */
  packageHash: Sha256Hex,
});
export type PenaltyProtocol = Static<typeof PenaltyProtocol>;

/**
 * What a check found. `unclear`: no log on the medium and no validator of the vehicle could be asked; like
 * `validator-out-of-order` it is the passenger's doubt, and nobody is fined.
 */
export const CheckResult = Type.Union([
  Type.Literal('ride-stands'),
  Type.Literal('no-ride'),
  Type.Literal('validator-out-of-order'),
  Type.Literal('unclear'),
  Type.Literal('refused'),
  Type.Literal('not-readable'),
]);
export type CheckResult = Static<typeof CheckResult>;

/** An inspector held a passenger's medium to a device. Never charged, never a name or a category. */
export const CheckBody = Type.Object({
  result: CheckResult,
  /** Why the medium was not taken, where it was not. */
  reason: Type.Optional(RefusalCode),
  /** What the result stands on: the medium's own log, or the validators of the vehicle. */
  evidence: Type.Union([Type.Literal('card-log'), Type.Literal('vehicle'), Type.Literal('none')]),
  tokenId: Type.Optional(TokenId),
  mediumKind: Type.Optional(MediumKind),
  where: Whereabouts,
  staffId: StaffId,
  /** The ride that stands: who wrote it down, and when, by that device's clock. */
  ride: Type.Optional(
    Type.Object({
      atMs: InstantMs,
      /** First bytes of the SHA-256 of the device id, as the medium's log has it. */
      deviceTag: Type.Optional(Type.String({ pattern: '^[0-9a-f]{8}$' })),
      deviceId: Type.Optional(DeviceId),
      seq: Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER }),
    }),
  ),
  /** What the validators of the vehicle said of themselves. */
  validators: Type.Optional(
    Type.Array(
      Type.Object({
        deviceId: DeviceId,
        state: Type.Union([Type.Literal('in-order'), Type.Literal('out-of-order')]),
      }),
      { maxItems: 8 },
    ),
  ),
  protocol: Type.Optional(PenaltyProtocol),
});
export type CheckBody = Static<typeof CheckBody>;

/** Cards that are issued: passengers' media and service cards. */
export const CardKind = Type.Union([
  Type.Literal('social'),
  Type.Literal('wallet'),
  Type.Literal('driver'),
  Type.Literal('inspector'),
  Type.Literal('technician'),
]);
export type CardKind = Static<typeof CardKind>;

/**
 * What an issuing station did with a card. `begun` stands on the disk before the card is touched, so that no medium exists
 * that nobody wrote down; `issued`, `rekeyed` and `wiped` after the card was read back; `given-up`: a card that was begun
 * and cannot be found again.
 */
export const CardActBody = Type.Object({
  act: Type.Union([
    Type.Literal('begun'),
    Type.Literal('issued'),
    Type.Literal('rekeyed'),
    Type.Literal('wiped'),
    Type.Literal('given-up'),
  ]),
  tokenId: TokenId,
  cardKind: CardKind,
  staffId: StaffId,
  /** The medium whose place it takes: everything moves, and the old one is denied. */
  replacesTokenId: Type.Optional(TokenId),
  /** Generation of the card's keys. */
  keyVersion: Type.Integer({ minimum: 0, maximum: 255 }),
  batch: Type.Optional(Type.String({ pattern: '^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$' })),
});
export type CardActBody = Static<typeof CardActBody>;

function recordOf<K extends string, B extends ReturnType<typeof Type.Object>>(kind: K, body: B) {
  return Type.Object({
    v: Type.Literal(1),
    kind: Type.Literal(kind),
    deviceId: DeviceId,
    epoch: EpochId,
    seq: Seq,
    prev: Sha256Hex,
    at: ClockEvidence,
    body,
  });
}

/** A passenger was let on. */
export const TapRecord = recordOf('tap', TapBody);
/** A passenger was refused. */
export const RefusedRecord = recordOf('refused', RefusedBody);
/** A shift was opened or closed. */
export const ShiftRecord = recordOf('shift', ShiftBody);
/** The device's clock met the city's. */
export const ClockSyncRecord = recordOf('clock-sync', ClockSyncBody);
/** An epoch begins. */
export const EpochRecord = recordOf('epoch', EpochBody);

/** An inspector checked a medium. */
export const CheckRecord = recordOf('check', CheckBody);
/** An issuing station did something with a card. */
export const CardActRecord = recordOf('card-act', CardActBody);

/** The driver declared a breakdown. */
export const BreakdownRecord = recordOf('breakdown', BreakdownBody);

/** Any record of version 1. */
export const JournalRecord = Type.Union([
  TapRecord,
  RefusedRecord,
  ShiftRecord,
  ClockSyncRecord,
  EpochRecord,
  CheckRecord,
  CardActRecord,
  BreakdownRecord,
]);
export type JournalRecord = Static<typeof JournalRecord>;
export type RecordKind = JournalRecord['kind'];

/** Kinds of version 1; another kind is kept in quarantine with UNSUPPORTED_KIND until this city learns it. */
export const RECORD_KINDS: readonly RecordKind[] = [
  'tap',
  'refused',
  'shift',
  'clock-sync',
  'epoch',
  'check',
  'card-act',
  'breakdown',
];

const parsers = {
  tap: parserOf(TapRecord),
  refused: parserOf(RefusedRecord),
  shift: parserOf(ShiftRecord),
  'clock-sync': parserOf(ClockSyncRecord),
  epoch: parserOf(EpochRecord),
  check: parserOf(CheckRecord),
  'card-act': parserOf(CardActRecord),
  breakdown: parserOf(BreakdownRecord),
} as const;

/** Parses one record's bytes. The problems name the field; an unknown kind or version is named as such. */
export function parseRecord(bytes: Uint8Array): Parsed<JournalRecord> {
  const json = decodeJson(bytes, RECORD_BYTES_MAX);
  if (!json.ok) return json;
  return checkRecord(json.value);
}

/**
 * Parses the text of a record whose bytes {@link parseRecord} took before: its size and its nesting are known to be bounded.
 */
export function parseRecordText(text: string): Parsed<JournalRecord> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    return refuse(`not JSON: ${(error as Error).message.slice(0, 120)}`);
  }
  return checkRecord(value);
}

/** Checks decoded JSON against the schema of its own kind (so that problems speak of that kind only). */
export function checkRecord(value: unknown): Parsed<JournalRecord> {
  const kind = (value as { kind?: unknown } | null)?.kind;
  if (typeof kind !== 'string' || !Object.hasOwn(parsers, kind)) {
    return {
      ok: false,
      problems: [{ path: '/kind', message: `kind ${JSON.stringify(kind)} is not known here` }],
    };
  }
  return parsers[kind as RecordKind](value) as Parsed<JournalRecord>;
}
