/**
 * What the edge agent's core needs from the world. Everything that touches a card, a disk, a network, a clock or
 * chance stands behind one of these ports; the adapters live in `adapters/`, their fakes in `tests/`.
 */
import type { KeyObject } from 'node:crypto';
import type { KeyUse } from '#contracts/command.ts';
import type { DenyChunk, DenyDelta, DenyEntry, DenyManifest } from '#contracts/deny-list.ts';
import type { DeviceHealth } from '#contracts/device-report.ts';
import type { CompanionRule, InspectionRule } from '#contracts/enrolment.ts';
import type { Language, RefusalCode } from '#contracts/reason-codes.ts';
import type { BankEvidence, DenyListVersion, MediumKind, RecordKind } from '#contracts/record.ts';
import type { PinnedKeys } from '#contracts/signed-envelope.ts';
import type { NetworkKeys } from '#contracts/vehicle-key.ts';
import type { ChangingKeys } from './key-pins.ts';
import type { StopPlan } from './stops/stop-plan.ts';

/** One card in the field. Exchanges run one after the other. */
export interface CardTransport {
  /**
   * Sends one command APDU and gives the response APDU (data, SW1, SW2). An answer under 2 bytes means that the
   * card has gone: PC/SC bindings report that as success with an empty buffer. May reject for a broken reader.
   */
  transmit(apdu: Uint8Array): Promise<Uint8Array>;
}

/** How the reader is. `recoveries` counts how often its connection was made anew since the start. */
export interface ReaderState {
  readonly state: 'ready' | 'recovering' | 'absent';
  readonly recoveries: number;
}

/**
 * A contactless reader. It offers a card once per presentation and waits for `onCard` before the next. The card is read on
 * the reader's side (`media/`): numbers and keys stay there, the agent hears a token.
 */
export interface CardReader {
  /** Begins to look for cards; resolves as soon as looking has begun, also when no reader is there yet. */
  start(onCard: (visit: CardVisit) => Promise<void>): Promise<void>;
  stop(): Promise<void>;
  state(): ReaderState;
}

/** One card's stay at the reader. */
export interface CardVisit {
  /** What the card says; the same answer however often it is asked. A reader that was lost is CARD_UNREADABLE. */
  read(): Promise<CardReading>;
  /** After the journal holds the green: writes it into the card's own log where it has one. Never decides a colour. */
  settle(entry: CardLogEntry): Promise<SettleOutcome>;
}

/** What is paid for beside a holder. */
export interface Beside {
  readonly companions: number;
  readonly bags: number;
}

/** What became of a card's log. `unknown`: the answer to the commit was lost. `no-log`: the medium has none. */
export type SettleOutcome = 'written' | 'not-written' | 'unknown' | 'no-log';

/** One ride in a card's own log. Tags are {@link tagOf} ids (`card-log.ts`). */
export interface CardLogEntry {
  readonly atMs: number;
  readonly vehicleTag: string;
  readonly routeTag: string;
  readonly deviceTag: string;
  /** Sequence number in that device's journal. */
  readonly seq: number;
  readonly companions: number;
  /** Absent = none. */
  readonly bags?: number;
  readonly clockUnsure: boolean;
}

/** What a validator learns from a card: a token instead of its number, never a category or a name. */
export interface CardFacts {
  readonly tokenId: string;
  /** The same medium's token under the key before, while a rotation runs: deny list and pass-back ask for both. */
  readonly formerTokenId?: string;
  readonly mediumKind: MediumKind;
  readonly validFromMs: number;
  /** Exclusive. */
  readonly validUntilMs: number;
  /** Language in which the card's holder wants to be answered. */
  readonly language: Language;
  /** A pass: its opaque id with its end (exclusive), signed by the issuer together with the identity. */
  readonly product?: { readonly productId: string; readonly validUntilMs: number };
  /** The card's own log, newest first; absent where the medium has none or it could not be read. */
  readonly log?: readonly CardLogEntry[];
  /** What the city knew at an instant, signed by it. */
  readonly hint?: CardHint;
  readonly bank?: BankEvidence;
}

/** What stood in the account when the card was last at a point of sale. */
export interface CardHint {
  readonly asOfMs: number;
  /** Minor units as digits, with a minus before a debt. */
  readonly balanceMinor?: string;
  /** Rides left. */
  readonly quotaLeft?: number;
}

/** A card of staff. It opens no door for a ride; what it may do is its role's. */
export interface ServiceCard {
  readonly role: 'driver' | 'inspector' | 'technician';
  readonly staffTokenId: string;
  /** The same card's token under the previous key, while a rotation runs. */
  readonly formerStaffTokenId?: string;
  readonly validFromMs: number;
  /** Exclusive. */
  readonly validUntilMs: number;
  readonly language: Language;
}

/** An expected refusal is a value with its reason code. */
export type CardReading =
  | { readonly ok: true; readonly card: CardFacts }
  | { readonly ok: true; readonly service: ServiceCard }
  | { readonly ok: false; readonly reason: RefusalCode };

/** Time for waiting, in real milliseconds: a simulated city's clock may run faster, a network does not. */
export interface Timers {
  /** Monotonic real milliseconds. */
  nowMs(): number;
  /** Calls once after real milliseconds; the result cancels. */
  after(delayMs: number, call: () => void): () => void;
  /** Resolves when whatever waited, cards first of all, has had its turn: asked for between slices of longer work. */
  rest(): Promise<void>;
}

/** Random numbers in [0, 1), for jitter only. */
export type Chance = () => number;

// ---------------------------------------------------------------------------------------------- journal

/** What became of a record: `open` never receipted, `again` receipted once but offered again. */
export type RecordMark = 'open' | 'accepted' | 'quarantined' | 'again';

/** A record as the store holds it. `bytes` are what was hashed and what travels. */
export interface StoredRecord {
  readonly epoch: string;
  readonly seq: number;
  readonly kind: RecordKind;
  readonly hash: string;
  /** Signature over the head that this record made. */
  readonly sig: string;
  readonly bytes: Uint8Array;
}

/** Last record of an epoch. */
export interface EpochHead {
  readonly epoch: string;
  readonly seq: number;
  readonly hash: string;
}

/** A small text that outlives a restart. */
export interface JournalNote {
  readonly key: string;
  readonly text: string;
}

/** How many records stand with which mark. */
export type MarkCounts = Readonly<Record<RecordMark, number>>;

/** Place in the journal: epochs in the order in which they were opened, then sequence. */
export interface JournalPlace {
  readonly epochOrder: number;
  readonly seq: number;
}

/** The disk is full, broken or gone. The journal has not changed; a later call may succeed. */
export class StoreFailure extends Error {
  override name = 'StoreFailure';
}

/**
 * Durable rows of the journal. Every call is one transaction: it holds wholly, or throws {@link StoreFailure} and
 * has changed nothing. `append` returns only after the bytes are on the disk.
 */
export interface JournalStore {
  /** Head of the newest epoch that was opened here; null before the first. Salvaged epochs are never gone on with. */
  head(): EpochHead | null;
  /** Head of any epoch held here. */
  headOf(epoch: string): EpochHead | null;
  /** Writes a record, with a note that holds from it on, and moves its epoch's head; seq 1 opens its epoch. */
  append(record: StoredRecord, note?: JournalNote): void;
  /** Hash of one record if it is still kept. */
  hashAt(epoch: string, seq: number): string | null;
  /** Records `open` or `again` after a place, in order, all of one epoch and consecutive. */
  unreceipted(
    after: JournalPlace,
    limits: { recordsMax: number; bytesMax: number },
  ): {
    records: StoredRecord[];
    end: JournalPlace;
  };
  /** Newest records of an epoch, newest first, for rebuilding what the agent had in mind. */
  newest(epoch: string, recordsMax: number): StoredRecord[];
  /** Marks `open` and `again` records of a range; gives how many. */
  mark(
    epoch: string,
    fromSeq: number,
    toSeq: number,
    mark: 'accepted' | 'quarantined',
    receiptedAtMs: number,
  ): number;
  /** Offers receipted records again: all, or those of an epoch from a sequence number on. */
  offerAgain(from: { epoch: string; fromSeq: number } | null): number;
  /**
   * Forgets receipted records: those receipted before the watermark (`passed`), and the oldest beyond `keptMax`, which
   * no backup is known to hold (`beyond`).
   */
  forget(watermarkMs: number | null, keptMax: number): { readonly passed: number; readonly beyond: number };
  counts(): MarkCounts;
  /** Small notes that must survive a restart. */
  note(key: string): string | null;
  setNote(key: string, value: string): void;
  /** Tries to come back after a failure by reading the disk anew; throws {@link StoreFailure} while it is broken. */
  recover(): void;
  close(): void;
}

/** Note in which a salvage leaves the head at which a damaged journal certainly ended: an {@link EpochHead} as JSON. */
export const SALVAGED_HEAD = 'salvaged-head';

/** What a salvage found in a journal that was moved aside, in records. */
export interface SalvageReport {
  readonly file: string;
  /** Different texts that read as records of this device. */
  readonly read: number;
  /** Proven genuine and in the new journal, to be offered. */
  readonly salvaged: number;
  /** Texts that nothing proves: damaged, or alone without their signature. Left in the file. */
  readonly unproven: number;
  /** Signed, but another record stands under the number. Left in the file. */
  readonly contested: number;
  /** Texts that begin as a record and are none. */
  readonly unreadable: number;
  /** Numbers between salvaged records that were not found. */
  readonly missing: number;
  /** The last record written is among them, and the next epoch names it. */
  readonly endProven: boolean;
}

/** Signs a head with the device's key. */
export type SignHead = (message: Uint8Array) => string;

// ---------------------------------------------------------------------------------------------- deny list

/** A version of the deny list with the instant of the manifest that vouched for it last. */
export interface DenyState {
  readonly version: DenyListVersion;
  /** Version of the snapshot on which the deltas stand; (0, 0) = none. */
  readonly base: DenyListVersion;
  /** Highest version that this device ever had. */
  readonly floor: DenyListVersion;
  readonly entries: number;
  /** When the city last said that this version is current; null when never. */
  readonly vouchedAtMs: number | null;
  /** Tokens that deltas have touched since the snapshot. */
  readonly touched: number;
  /** A part of the snapshot cannot be read; the rest still answers until it is fetched again. */
  readonly damaged: boolean;
}

/**
 * Durable rows of the deny list. A change holds wholly, or throws {@link StoreFailure} and has changed nothing. Changes
 * are asked for one after the other and give way to cards in between; lookups may come at any time and see the old
 * list or the new one.
 */
export interface DenyStore {
  state(): DenyState;
  find(tokenId: string): DenyEntry | null;
  /** Goes from version n−1 to n. */
  applyDelta(delta: DenyDelta): Promise<void>;
  setVouchedAt(ms: number): void;
  /** Makes room for the chunks of a manifest's snapshot, going on with those that an earlier start left. */
  stage(manifest: DenyManifest): Promise<void>;
  /** Chunks of the staged snapshot that are not there yet, ascending, at most so many. */
  missing(max: number): number[];
  /** Puts a chunk aside. False: it is of another snapshot, or its entries do not ascend. */
  stageChunk(chunk: DenyChunk, payloadSha256: string): Promise<boolean>;
  /** Makes the staged snapshot current. False: it does not have the manifest's hash, and was dropped. */
  adoptStaged(): Promise<boolean>;
  dropStaged(): Promise<void>;
  /** Reads the whole snapshot once; false when a part is damaged. */
  verify(): Promise<boolean>;
  close(): void;
}

// ---------------------------------------------------------------------------------------------- uplink

/** What comes down to a device. */
export interface UplinkHandlers {
  onConnected(): void;
  onLost(): void;
  onReceipt(payload: Uint8Array): void;
  onCommand(payload: Uint8Array): void;
  /** A manifest of the deny list; deltas and chunks are asked for by what it says. */
  onDenyManifest(payload: Uint8Array): void;
  /** A manifest of the tariff extract; its parts are asked for by what it says. */
  onTariffManifest(payload: Uint8Array): void;
}

/** The way to the city. Nothing here is durable: a publish that resolved has reached a broker, no more. */
export interface Uplink {
  start(handlers: UplinkHandlers): Promise<void>;
  readonly connected: boolean;
  publishBatch(payload: Uint8Array): Promise<void>;
  publishHealth(health: DeviceHealth): Promise<void>;
  /** Asks for what is retained under one topic of the lists; null when nothing came within real milliseconds. */
  fetchList(topic: string, waitMs: number): Promise<Uint8Array | null>;
  /** Where it waits before it tries to connect again, it tries now. */
  hurry(): void;
  stop(): Promise<void>;
}

// ---------------------------------------------------------------------------------------------- screen

export type * from './screen/screen-view.ts';

// ---------------------------------------------------------------------------------------------- device

/** What an enrolled device knows of itself and of its city, read from its device folder. */
export interface Device {
  readonly deviceId: string;
  readonly vehicleId?: string;
  readonly mqttUrl: string;
  /** For a broker of the loopback without TLS. */
  readonly mqttSecret: string | undefined;
  /** Certificate by which the device connects; absent where it has a secret only. */
  readonly certificate: DeviceCertificate | undefined;
  /** Where the certificate is renewed. */
  readonly enrolmentUrl: string | undefined;
  /** Signs heads of the journal. */
  readonly privateKey: KeyObject;
  /** Keys that sign receipts and commands. */
  readonly ingestKeys: ChangingKeys;
  /** Keys that sign deny lists. */
  readonly listKeys: ChangingKeys;
  /** When the keys of each use were announced, where they have changed since enrolment. */
  readonly keysAnnouncedAtMs: Partial<Record<KeyUse, number>>;
  /** Offline keys that begin a generation of lists. Without one no generation after the first is believed. */
  readonly listGenerationKeys: PinnedKeys;
  readonly policy: DevicePolicy;
  /** Keys of the vehicle's own network; absent = it was given none. */
  readonly vehicleKeys?: NetworkKeys;
  /** An epoch that the enrolment knows of: without a journal it is lost. */
  readonly epoch?: string;
  /** The city's stops, where the enrolment brought them. */
  readonly stopPlan?: StopPlan;
}

/** PEM texts; the key opens connections and signs no record. */
export interface DeviceCertificate {
  readonly cert: string;
  readonly key: string;
  /** The authority that is believed. */
  readonly ca: string;
}

/** The city's rules for this validator. */
export interface DevicePolicy {
  /** A touch of the same medium in the same vehicle within this many seconds is the same ride. */
  readonly passBackS: number;
  readonly mediumKinds: readonly MediumKind[];
  /** Most records without a receipt; at that many the validator is out of order. */
  readonly journalRecordsMax: number;
  /** Which way passengers go who touch it; absent = in. */
  readonly direction?: 'in' | 'out' | 'both';
  /** ISO 4217; of balances that cards carry. */
  readonly currency?: string;
  /** IANA zone in which people of the city read times; UTC where nobody said. */
  readonly zone?: string;
  /** What inspectors may ask, by the tariffs of the time. */
  readonly inspection?: readonly InspectionRule[];
  /** How many companions, escorts and bags a medium may have beside its holder. Absent = none. */
  readonly companions?: readonly CompanionRule[];
}
