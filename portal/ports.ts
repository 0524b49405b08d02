/**
 * What the portal needs from the outside: the published views of the other services (read only), and a sign that
 * something was decided. Everything here is already free of card tokens and account ids.
 */

import type { DeviceHealth } from '#contracts/device-report.ts';
import type { PaymentCall } from '#contracts/payment-api.ts';
import type { Name } from './city-names.ts';

/** Latest decision of one tap, as `fare.published_tap` gives it. */
export interface TapRow {
  readonly tapId: string;
  readonly deviceId: string;
  readonly vehicleId: string | null;
  readonly carrierId: string | null;
  readonly routeId: string | null;
  readonly stopId: string | null;
  readonly tripId: string | null;
  /** By which sort of fact the route stands, and its id. */
  readonly routeBy: string | null;
  readonly routeFactId: string | null;
  readonly fareAtMs: number;
  readonly receivedAtMs: number;
  readonly mediumKind: string;
  readonly kind: string;
  readonly fareMediaId: string | null;
  readonly riderCategoryId: string | null;
  readonly concessionId: string | null;
  readonly fundingId: string | null;
  readonly grossMinor: bigint;
  readonly riderMinor: bigint;
  readonly transferMinor: bigint;
  readonly concessionMinor: bigint;
  readonly passMinor: bigint;
  readonly capMinor: bigint;
  readonly currency: string;
  readonly flags: readonly string[];
  readonly revision: number;
  readonly decidedAtMs: number;
}

/** One revision of a tap's explanation; `steps` and `postings` are JSON of the fare engine, read with care. */
export interface ExplanationRow {
  readonly revision: number;
  readonly fareDay: string;
  readonly packageHash: string | null;
  readonly packageName: Name | null;
  readonly kind: string;
  readonly steps: unknown;
  readonly postings: unknown;
  readonly decidedAtMs: number;
}

/** Rides and money of one key of one dimension. */
export interface TotalRow {
  readonly dimension: 'medium' | 'category' | 'carrier' | 'route';
  readonly key: string | null;
  readonly rides: bigint;
  readonly claimRides: bigint;
  readonly grossMinor: bigint;
  readonly riderMinor: bigint;
  readonly concessionMinor: bigint;
  readonly currency: string;
}

/** What one payer owes one carrier for one concession. */
export interface BudgetRow {
  readonly fundingId: string;
  readonly carrierId: string | null;
  readonly concessionId: string | null;
  readonly claimRides: bigint;
  readonly amountMinor: bigint;
  readonly currency: string;
}

/** What all accounts of one kind hold in one currency: debits less credits. */
export interface LedgerRow {
  readonly kind: string;
  readonly currency: string;
  /** Of fare days that are still open. */
  readonly pendingMinor: bigint;
  readonly postedMinor: bigint;
}

/** A device as ingest knows it. `health` is its last own report, `null` before the first. */
export interface DeviceRow {
  readonly deviceId: string;
  readonly online: boolean;
  /** It said itself that it stops, in place of vanishing. */
  readonly stopped: boolean;
  readonly lastSeenMs: number | null;
  readonly health: DeviceHealth | null;
  readonly records: bigint;
  readonly gaps: bigint;
  readonly unlinked: bigint;
  readonly forks: bigint;
  readonly lastRecordAtMs: number | null;
}

/** Counts of both services at one moment. */
export interface CountsRow {
  readonly taps: bigint;
  readonly decidedTaps: bigint;
  readonly inbox: bigint;
  readonly queue: bigint;
  readonly commandsWaiting: bigint;
  readonly commandsRefused: bigint;
  readonly stuck: bigint;
  readonly records: bigint;
  readonly tapRecords: bigint;
  readonly quarantined: bigint;
}

/** What was set aside, by reason. */
export interface QuarantineRow {
  readonly reason: string;
  readonly items: bigint;
  readonly lastAtMs: number | null;
}

/** A sign that a device's journal exists twice, or that it was lost (`kind`: ingest/link-chain.ts, or `lost`). */
export interface JournalAlarmRow {
  readonly deviceId: string;
  readonly kind: string;
  readonly noticedAtMs: number | null;
}

/** The newest extract of the tariffs that validators were sent. */
export interface TariffExtractRow {
  readonly version: number;
  readonly madeAtMs: number;
  /** When the last of its packages begins to hold. */
  readonly newestFromMs: number;
}

/** What the backup last said of itself. */
export interface BackupRow {
  /** `none` where no backup runs. */
  readonly state: string;
  /** Commits receipted before it are in the backup, city time. */
  readonly watermarkMs: number | null;
}

/** Taps of one slice of city time: how many came, and how long from receipt to decision. */
export interface PaceRow {
  readonly startMs: number;
  readonly taps: number;
  readonly latencyMsMedian: number;
  readonly latencyMsP95: number;
}

/** The published views. Every call is one bounded statement; a dead database rejects. */
export interface CityViews {
  latestTaps(limit: number): Promise<TapRow[]>;
  tap(tapId: string): Promise<TapRow | undefined>;
  /** All revisions, newest first, at most 50. */
  explanations(tapId: string): Promise<ExplanationRow[]>;
  totals(): Promise<TotalRow[]>;
  budgetOwed(): Promise<BudgetRow[]>;
  ledger(): Promise<LedgerRow[]>;
  devices(): Promise<DeviceRow[]>;
  counts(): Promise<CountsRow>;
  quarantine(): Promise<QuarantineRow[]>;
  /** Newest first, a bounded number. */
  journalAlarms(): Promise<JournalAlarmRow[]>;
  backup(): Promise<BackupRow | undefined>;
  /** `undefined` before the first was published. */
  tariffExtract(): Promise<TariffExtractRow | undefined>;
  /** Slices of `sliceMs` since `sinceMs` (city time), oldest first. */
  pace(sinceMs: number, sliceMs: number): Promise<PaceRow[]>;
}

/** What everybody may see of the audit log. */
export interface PublishedLog {
  /** Latest signed state; `undefined` before the first. */
  checkpoint(): Promise<string | undefined>;
  /** Public keys, latest first. */
  keys(): Promise<string[]>;
  /** Hashes of a tile, as many as there are; `undefined` = none yet. */
  tile(level: number, n: number): Promise<Buffer | undefined>;
}

/** A charge that a bank has refused, or taken back. Minor units as digits. */
export interface OwedCharge {
  readonly amountMinor: string;
  readonly currency: string;
  /** `held`: its rider is paying; anything else: it can be paid. */
  readonly state: string;
  readonly sinceMs: number;
  readonly days: readonly { readonly fareDay: string; readonly amountMinor: string }[];
}

/** What is known under a reference. */
export interface DebtView {
  readonly debts: readonly OwedCharge[];
  /** Rides of these days, each with its latest explanation; sixty at most. */
  readonly rides: readonly { readonly tap: TapRow; readonly explanations: readonly ExplanationRow[] }[];
  /** The card's bank is being asked just now. */
  readonly asking: boolean;
  /** Why the card is on the deny list; `null` = it is not. */
  readonly denied: string | null;
  /** The list that validators were sent has it still. */
  readonly onValidators: boolean;
  /** The latest payment at the provider. */
  readonly payment: {
    readonly amountMinor: string;
    readonly currency: string;
    readonly events: readonly {
      readonly kind: string;
      readonly payUrl: string | null;
      readonly amountMinor: string | null;
      readonly atMs: number;
    }[];
  } | null;
}

/** Debts of bank cards: one at a time, by its reference. */
export interface Debts {
  /** `null` = nothing is known under it. */
  find(reference: string): Promise<DebtView | null>;
  /** Asks the debt desk to begin a payment, or to look at one; `false` = too much is asked already. */
  ask(kind: 'pay' | 'look', reference: string, language: string, nowMs: number): Promise<boolean>;
  /** Hands in a call whose signature was checked; `false` = it has come before. */
  hear(call: PaymentCall, nowMs: number): Promise<boolean>;
}

/** What the city publishes for everybody. */
export interface OpenData {
  /** The index as it was written (JSON); `undefined` = nothing is published. */
  index(): Promise<string | undefined>;
  /** A file that the index names, e.g. `v1/rides-by-day.csv`; `undefined` = it names none of this path. */
  file(path: string): Promise<{ readonly bytes: Buffer; readonly sha256: string } | undefined>;
}

/** Tells when something was decided. It may miss some: readers poll as well. */
export interface DecidedSignal {
  onDecided(listener: () => void): void;
  stop(): Promise<void>;
}

/** Runs `task` again and again; returns the way to stop it. The core owns no timers. */
export type Every = (periodMs: number, task: () => void) => () => void;

/** Browser code by name, types already stripped. */
export interface IslandSource {
  /** The island's JavaScript; `undefined` when there is none of this name. */
  read(name: string): Promise<string | undefined>;
}
