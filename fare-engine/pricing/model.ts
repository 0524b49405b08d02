/**
 * The words of pricing: facts in, priced lines out. Everything here is plain data; `price` (price-account-day.ts)
 * is a pure function of it, so the validator's preview, the quote page, the charge and the auditor's re-computation
 * are one and the same code.
 */
import type { MediumKind } from '#contracts/record.ts';

/** An accepted tap with the time and place that the city's dated facts give it. */
export interface TapFact {
  /** `<device>.<epoch>.<seq>` */
  readonly tapId: string;
  /** When the fare is due, from the record's own clock evidence. */
  readonly fareAtMs: number;
  /** Half width of the interval in which the true instant lies; the cheaper side of a price boundary applies. */
  readonly uncertaintyMs: number;
  readonly mediumKind: MediumKind;
  /** `null` = the validator cannot know: entries and exits take turns. */
  readonly direction: 'in' | 'out' | null;
  readonly companions: number;
  /** Pieces of baggage that are paid for beside them; absent = none. */
  readonly bags?: number;
  readonly vehicleId: string | null;
  /** GTFS `agency_id` of the carrier whose vehicle it was. */
  readonly carrierId: string | null;
  readonly routeId: string | null;
  readonly stopId: string | null;
  /** The stop is not sure enough to make a price higher: the cheapest of the network's areas applies. Absent = it is. */
  readonly stopUnsure?: boolean;
  /** Which card or device it was, opaque: two media of one account are two riders on one vehicle. Absent = unknown. */
  readonly mediumId?: string;
  /** Stands for the place where no vehicle is known. */
  readonly deviceId?: string | null;
  /** The tap of which the device itself took this one for a repetition. */
  readonly passBackOf?: string | null;
  /** When the city received it; absent = when it took place. */
  readonly receivedAtMs?: number;
  /** Came too late to be charged (close-rules.ts): what it costs is not the rider's, so no cap counts it. */
  readonly late?: boolean;
  /** What the passenger told of how its journey ended, and was taken; absent = nothing. */
  readonly repairs?: readonly TapRepair[];
  /** Breakdowns of its vehicle in the same shift, after it as far as clocks can tell; absent = none. */
  readonly breakdowns?: readonly TapBreakdown[];
}

/** A journey's missing exit, as the passenger told it. The latest known counts. */
export interface TapRepair {
  readonly repairId: string;
  readonly atMs: number;
  readonly stopId: string;
  readonly knownFromMs: number;
}

/** The driver declared that the vehicle of a tap cannot go on. */
export interface TapBreakdown {
  /** Id of the record: `<device>.<epoch>.<seq>`. */
  readonly breakdownId: string;
  readonly atMs: number;
  /** Half width of the interval in which the true instant lies. */
  readonly uncertaintyMs: number;
  /** From when the city knew it: what a closed day did not know may only lower its prices. */
  readonly receivedAtMs: number;
}

/** A person's right to a concession; bitemporal: valid in the world, known to the city. Half-open intervals. */
export interface EntitlementFact {
  readonly entitlementId: string;
  readonly concessionId: string;
  readonly validFromMs: number;
  readonly validUntilMs: number | null;
  readonly knownFromMs: number;
  readonly knownUntilMs: number | null;
}

/** A pass or carnet held by an account: what was sold. How long and how often it holds, its product's terms say. */
export interface PassFact {
  readonly passId: string;
  readonly fareProductId: string;
  /** Of the sale, or of the chosen date. */
  readonly validFromMs: number;
  /** Given back before its time; `null` = it was not. */
  readonly validUntilMs: number | null;
  readonly knownFromMs: number;
}

/** The unit of pricing: all facts of one account on one fare day, in any order. */
export interface AccountDay {
  readonly accountId: string;
  /** Local date of the fare day, `YYYY-MM-DD` (local date of `fareAt` minus the city's day start). */
  readonly fareDay: string;
  readonly taps: readonly TapFact[];
  readonly entitlements: readonly EntitlementFact[];
  readonly passes: readonly PassFact[];
  /** Non-tap facts known later than this do not count (the day's close); `null` while the day is open. */
  readonly knownAsOfMs: number | null;
  /** What the next day found for journeys that this one leaves open; absent = nothing. */
  readonly exitsAhead?: readonly JourneyExit[];
}

/** What a day hands to the next. Plain JSON: it is stored and compared as its canonical text (`stateText`). */
export interface PricingState {
  readonly v: 2;
  /** The run of legs within which the next leg may be a transfer. */
  readonly transferRun: {
    /** First leg of the counted transfers that ended here (transfer-matcher.ts); the last leg where there are none. */
    readonly startedAtMs: number;
    readonly lastLegAtMs: number;
    readonly lastLegGroupId: string;
    readonly lastStopId: string | null;
    readonly lastVehicleId: string | null;
    /** Counted transfers already used; 0 after any other. */
    readonly transferCount: number;
    readonly firstTapId: string;
    /** Package whose rules hold for the run: a journey is priced by the tariff of its first tap. */
    readonly packageHash?: string;
    /** Uncertainty of the times above, when their clocks were not sure. */
    readonly uncertaintyMs?: number;
    /** Arrivals of the same two legs, where leaving is tapped; absent = as the departure. */
    readonly startedArrivalMs?: number;
    readonly lastArrivalMs?: number;
  } | null;
  /** Last ride per place and medium still within pass-back reach: touches again are the same ride. */
  readonly lastTouches: readonly Touch[];
  /** Rides that broke off and may be gone on with, one for each medium at most; absent = none. */
  readonly broken?: readonly BrokenRide[];
  /** Last touches in networks where leaving is tapped, one for each medium and network; absent = none. */
  readonly journeys?: readonly JourneyState[];
  /** Exits of journeys that the day before left open: it is priced with them. Of this day alone; absent = none. */
  readonly closed?: readonly JourneyExit[];
  /** What caps have counted in windows that may still run; one for each cap and window. */
  readonly caps: readonly CapCount[];
  /** What quotas of concessions have counted in windows that still run. */
  readonly quotas: readonly QuotaCount[];
  /** Passes whose time began with their first use, and carnets: what was used of them. */
  readonly passes: readonly PassUse[];
}

/** What was used of a holding, as long as the holding can matter. */
export interface PassUse {
  readonly passId: string;
  /** When its time began. */
  readonly startMs: number;
  readonly rides: number;
  /** First instant at which the holding no longer matters. */
  readonly untilMs: number;
}

/** What was taken off within one window of one quota. */
export interface QuotaCount {
  /** The concession, or `group/<id>` of several that share it. */
  readonly quotaId: string;
  readonly from: string;
  readonly untilMs: number;
  readonly rides: number;
  /** Digits. */
  readonly takenMinor: string;
}

/** A ride whose vehicle broke down: the next vehicle is free (breakdown-rides.ts). */
export interface BrokenRide {
  readonly mediumId?: string;
  readonly placeId: string;
  readonly tapId: string;
  readonly routeId: string | null;
  readonly networkId: string;
  /** Package of the ride: its rule holds, as for transfers. */
  readonly packageHash: string;
  readonly breakdownId: string;
  /** From the breakdown until the end of its window, both included. */
  readonly fromMs: number;
  readonly untilMs: number;
  /** By how much either may be off. */
  readonly uncertaintyMs?: number;
  /** By how much clocks may be off where only that makes the breakdown the ride's; absent = it is. */
  readonly unsureMs?: number;
  /** Vehicles that are still free. */
  readonly rides: number;
  /** Companions who paid and ride on free; absent = none. */
  readonly companions?: number;
  /** Bags that were paid for and ride on free with them; absent = none. */
  readonly bags?: number;
  /** The free ride that was begun, and companions and bags of it who may still touch. */
  readonly used?: { readonly placeId: string; readonly companions: number; readonly bags?: number };
}

/** A tap with which a journey began (`in`: it is open) or ended, as far as later taps need it (journeys.ts). */
export interface JourneyState {
  readonly mediumId?: string;
  readonly networkId: string;
  /** Package in force at the tap: its rules hold for the journey. */
  readonly packageHash: string;
  readonly way: 'in' | 'out';
  readonly tapId: string;
  readonly atMs: number;
  readonly uncertaintyMs?: number;
  readonly placeId: string | null;
  readonly vehicleId: string | null;
  readonly stopId: string | null;
  readonly stopUnsure?: boolean;
  /** Until when it lasted by the passenger's word; absent = nothing was told. */
  readonly repairedAtMs?: number;
  /** The next day's exit with which it was priced; absent = none was known. */
  readonly exit?: JourneyExit;
}

/** The exit of a journey that began on the fare day before. */
export interface JourneyExit {
  readonly entryTapId: string;
  readonly tapId: string;
  readonly atMs: number;
  readonly uncertaintyMs?: number;
  readonly stopId: string | null;
  readonly stopUnsure?: boolean;
  /** Left again where it began: no journey at all. */
  readonly cancelled?: boolean;
  /** When the city knew it: what a closed day did not know may only lower its prices. */
  readonly receivedAtMs: number;
  /** It came too late for the books of its entry's day, which go on without it. */
  readonly late?: boolean;
}

/** What was charged within one window of one cap. */
export interface CapCount {
  readonly capId: string;
  /** First cap day of the window, `YYYY-MM-DD`; a sliding window has one count for each day. */
  readonly from: string;
  /** First instant at which this count no longer matters. */
  readonly untilMs: number;
  /** Digits: states are JSON. */
  readonly spentMinor: string;
  /** Rides that were paid for. */
  readonly rides: number;
}

/** The touch with which a ride began. */
export interface Touch {
  /** `vehicle:<id>`, or `device:<id>` where no vehicle is known. */
  readonly placeId: string;
  readonly mediumId?: string;
  readonly atMs: number;
  readonly tapId: string;
  /** Uncertainty of the time, when its clock was not sure. */
  readonly uncertaintyMs?: number;
  /** Companions that pay in this ride so far; absent = none. */
  readonly companions?: number;
  /** Bags that are paid for in this ride so far; absent = none. */
  readonly bags?: number;
  /** Who may still ride along under the holder's right; absent = nobody. */
  readonly escort?: EscortRight;
}

/** An escort rides as the holder did: so much by the transfer, so much by the right. */
export interface EscortRight {
  /** How many may still touch. */
  readonly left: number;
  /** Under which row of law; `null` = under a pass. */
  readonly concessionId: string | null;
  readonly pass: Pick<PriceStep, 'ruleId' | 'act' | 'article'> | null;
  readonly packageHash: string;
  /** Rule of the free or cheaper transfer, where the ride was one. */
  readonly transfer: Pick<PriceStep, 'ruleId' | 'act' | 'article'> | null;
  /** Digits: the holder's price after the transfer, and after the right. */
  readonly referenceMinor: string;
  readonly riderMinor: string;
}

/** State of an account that never rode. */
export const INITIAL_STATE: PricingState = {
  v: 2,
  transferRun: null,
  lastTouches: [],
  caps: [],
  quotas: [],
  passes: [],
};

/** Why a price is what it is: one step of the waterfall. Texts in four languages are made from it (step-text.ts). */
export interface PriceStep {
  readonly kind:
    | 'base'
    | 'journey'
    | 'transfer'
    | 'breakdown'
    | 'bag'
    | 'concession'
    | 'pass'
    | 'cap'
    | 'suspended'
    | 'same-ride'
    | 'clock'
    | 'stop'
    | 'unpriced';
  /** Id of the rule row in the tariff package, or of the built-in rule. */
  readonly ruleId: string;
  /** Legal act and article behind the rule; `null` only where the package has no act for it. */
  readonly act: string | null;
  readonly article: string | null;
  readonly beforeMinor: bigint;
  readonly afterMinor: bigint;
  /** Values for the text: route, medium, minutes, other tap … All strings. */
  readonly params: Readonly<Record<string, string>>;
}

/** What one tap costs. gross = rider + transfer + concession + pass + cap, exactly. */
export interface PricedLine {
  readonly tapId: string;
  readonly fareDay: string;
  /** `ride` first leg, `transfer` a leg under a transfer rule or after a breakdown, `same-ride` a repeated touch or the tap on leaving, `unpriced` no rule fits or the journey was cancelled. */
  readonly kind: 'ride' | 'transfer' | 'same-ride' | 'unpriced';
  /** Hash of the tariff package that priced it; `null` when none was in force. */
  readonly packageHash: string | null;
  readonly fareMediaId: string | null;
  readonly fareProductId: string | null;
  readonly riderCategoryId: string | null;
  readonly networkId: string | null;
  readonly carrierId: string | null;
  readonly routeId: string | null;
  readonly currency: string;
  readonly grossMinor: bigint;
  readonly riderMinor: bigint;
  readonly transferMinor: bigint;
  readonly concessionMinor: bigint;
  readonly passMinor: bigint;
  readonly capMinor: bigint;
  readonly concessionId: string | null;
  /** Who pays the concession step. */
  readonly fundingId: string | null;
  /** Counts as a ride in a compensation claim: a concession ride that is no transfer presentation. */
  readonly claimRide: boolean;
  readonly steps: readonly PriceStep[];
}

export interface PricedDay {
  readonly lines: readonly PricedLine[];
  readonly stateOut: PricingState;
  /**
   * State after the last tap of an open day: a tap after it may be priced from here, and comes out as if the whole day had been
   * priced again. Absent where a later tap may change what an earlier one costs.
   */
  readonly running?: PricingState;
}
