/**
 * The exported bundle of `kvytok price --facts`: NDJSON that a stranger can re-price without our database.
 *
 * Line 1 is the header (zone, day start, tariff files as they were, by hash); each further line is a fact or a close,
 * in any order. Every error names its line.
 */
import { type Static, Type } from 'typebox';
import { FeedId, InstantMs } from '#contracts/ids.ts';
import { decodeJsonText, describeProblems, parserOf } from '#contracts/parse.ts';
import { MediumKind } from '#contracts/record.ts';
import { BUNDLE_LINE_CHARS_MAX, openBundleHeader } from './bundle-header.ts';
import { type CarriedState, type ExitsAhead, NOTHING_AHEAD } from './close-rules.ts';
import { FARE_AT_MS_MAX, FARE_AT_MS_MIN, type FareCalendar } from './fare-day.ts';
import { parseIsoDate } from './gtfs/cells.ts';
import {
  type EntitlementFact,
  INITIAL_STATE,
  type JourneyExit,
  type PassFact,
  type TapBreakdown,
  type TapFact,
  type TapRepair,
} from './model.ts';
import { parseStateText } from './state-text.ts';
import type { TariffTimeline } from './tariff-timeline.ts';

export {
  BUNDLE_LINE_CHARS_MAX,
  type BundleWithdrawal,
  formatBundleHeader,
  readBundleHeader,
} from './bundle-header.ts';

const FACT_LINE_CHARS_MAX = 1024 * 1024;
/** A state holds at most 64 caps with 31 days each, and what quotas and holdings count. */
const STATE_CHARS_MAX = 384 * 1024;
/** Most lines of one bundle: a city-month in parts. */
export const BUNDLE_LINES_MAX = 20_000_000;

/** Most breakdowns that one tap may have: drivers declare one at each door. */
export const TAP_BREAKDOWNS_MAX = 8;

/** Most repairs of one journey: each names another end. */
export const TAP_REPAIRS_MAX = 8;

const Nullable = <T extends Parameters<typeof Type.Union>[0][number]>(type: T) =>
  Type.Union([type, Type.Null()]);
const Instant = InstantMs;
const Day = Type.String({ pattern: '^[0-9]{4}-[0-9]{2}-[0-9]{2}$' });
const Account = Type.String({ minLength: 1, maxLength: 200 });

const TapLine = Type.Object({
  kind: Type.Literal('tap'),
  accountId: Account,
  tapId: Type.String({ minLength: 1, maxLength: 200 }),
  fareAtMs: Type.Integer({ minimum: FARE_AT_MS_MIN, maximum: FARE_AT_MS_MAX }),
  uncertaintyMs: Type.Integer({ minimum: 0, maximum: 8.64e15 }),
  mediumKind: MediumKind,
  /** `null` = the validator could not know. */
  direction: Type.Union([Type.Literal('in'), Type.Literal('out'), Type.Null()]),
  companions: Type.Integer({ minimum: 0, maximum: 20 }),
  /** Absent = none. */
  bags: Type.Optional(Type.Integer({ minimum: 0, maximum: 20 })),
  vehicleId: Nullable(FeedId),
  carrierId: Nullable(FeedId),
  routeId: Nullable(FeedId),
  stopId: Nullable(FeedId),
  stopUnsure: Type.Optional(Type.Boolean()),
  mediumId: Type.Optional(Type.String({ minLength: 1, maxLength: 200 })),
  deviceId: Type.Optional(Nullable(Type.String({ minLength: 1, maxLength: 200 }))),
  passBackOf: Type.Optional(Nullable(Type.String({ minLength: 1, maxLength: 200 }))),
  /** Breakdowns of its vehicle in its shift; which those are, the engine's facts say. */
  breakdowns: Type.Optional(
    Type.Unsafe<readonly TapBreakdown[]>(
      Type.Array(
        Type.Object({
          breakdownId: Type.String({ minLength: 1, maxLength: 200 }),
          atMs: Instant,
          uncertaintyMs: Type.Integer({ minimum: 0, maximum: 8.64e15 }),
          receivedAtMs: Instant,
        }),
        { maxItems: TAP_BREAKDOWNS_MAX },
      ),
    ),
  ),
  /** How its journey ended, as the passenger told and was believed. */
  repairs: Type.Optional(
    Type.Unsafe<readonly TapRepair[]>(
      Type.Array(
        Type.Object({
          repairId: Type.String({ minLength: 1, maxLength: 200 }),
          atMs: Instant,
          stopId: FeedId,
          knownFromMs: Instant,
        }),
        { maxItems: TAP_REPAIRS_MAX },
      ),
    ),
  ),
  /** When the city received it: decides on closed days whether it is charged. Absent = in time. */
  receivedAtMs: Type.Optional(Instant),
});

const EntitlementLine = Type.Object({
  kind: Type.Literal('entitlement'),
  accountId: Account,
  entitlementId: Type.String({ minLength: 1, maxLength: 200 }),
  concessionId: Type.String({ minLength: 1, maxLength: 200 }),
  validFromMs: Instant,
  validUntilMs: Nullable(Instant),
  knownFromMs: Instant,
  knownUntilMs: Nullable(Instant),
});

const PassLine = Type.Object({
  kind: Type.Literal('pass'),
  accountId: Account,
  passId: Type.String({ minLength: 1, maxLength: 200 }),
  fareProductId: Type.String({ minLength: 1, maxLength: 200 }),
  validFromMs: Instant,
  validUntilMs: Nullable(Instant),
  knownFromMs: Instant,
});

/** A fare day was closed: facts other than taps that became known later do not count for it. */
const CloseLine = Type.Object({ kind: Type.Literal('close'), fareDay: Day, knownAsOfMs: Instant });

/** What an account's last day before the bundle handed on; canonical texts of states. Absent = nothing. */
const StateLine = Type.Object({
  kind: Type.Literal('state'),
  accountId: Account,
  state: Type.String({ maxLength: STATE_CHARS_MAX }),
  /** The same without taps that came too late to be charged, where that differs. */
  base: Nullable(Type.String({ maxLength: STATE_CHARS_MAX })),
});

const Exit = Type.Unsafe<JourneyExit>(
  Type.Object({
    entryTapId: Type.String({ minLength: 1, maxLength: 200 }),
    tapId: Type.String({ minLength: 1, maxLength: 200 }),
    atMs: Instant,
    uncertaintyMs: Type.Optional(Type.Integer({ minimum: 0, maximum: 8.64e15 })),
    stopId: Nullable(FeedId),
    stopUnsure: Type.Optional(Type.Boolean()),
    cancelled: Type.Optional(Type.Boolean()),
    receivedAtMs: Instant,
  }),
);

/** What the first day behind the bundle found for journeys that the account's last day leaves open. Absent = nothing. */
const AfterLine = Type.Object({
  kind: Type.Literal('after'),
  accountId: Account,
  exits: Type.Array(Exit, { maxItems: 1000 }),
  /** Of taps that came in time for that day. */
  base: Type.Array(Exit, { maxItems: 1000 }),
});

export const BundleLine = Type.Union([TapLine, EntitlementLine, PassLine, CloseLine, StateLine, AfterLine]);
export type BundleLine = Static<typeof BundleLine>;

/** A tap and when it was received. */
export type BundledTap = TapFact & { readonly receivedAtMs?: number };

/** Facts of one account. */
export interface AccountFacts {
  readonly taps: BundledTap[];
  readonly entitlements: EntitlementFact[];
  readonly passes: PassFact[];
  /** What the day before the first one handed on. */
  opening: CarriedState;
  /** What the day after the last one found for its open journeys. */
  after: ExitsAhead;
}

export interface FactBundle {
  readonly calendar: FareCalendar;
  readonly tariffs: TariffTimeline;
  readonly accounts: ReadonlyMap<string, AccountFacts>;
  /** Fare day → the instant as of which facts count. */
  readonly closes: ReadonlyMap<string, number>;
}

/** One thing wrong with a bundle. */
export interface BundleProblem {
  /** From 1. */
  readonly line: number;
  readonly message: string;
}

const parsers = {
  tap: parserOf(TapLine),
  entitlement: parserOf(EntitlementLine),
  pass: parserOf(PassLine),
  close: parserOf(CloseLine),
  state: parserOf(StateLine),
  after: parserOf(AfterLine),
} as const;

/** Reads a bundle line by line; the first problem ends it, for a bundle is whole or it proves nothing. */
export class FactBundleReader {
  #line = 0;
  #calendar: FareCalendar | undefined;
  #tariffs: TariffTimeline | undefined;
  readonly #accounts = new Map<string, AccountFacts>();
  readonly #closes = new Map<string, number>();
  readonly #taps = new Map<string, string>();

  /** Takes the next line. Empty lines are skipped. */
  add(text: string): BundleProblem | undefined {
    this.#line++;
    if (text.trim() === '') return undefined;
    if (this.#line > BUNDLE_LINES_MAX)
      return this.#problem(`more than ${BUNDLE_LINES_MAX} lines: export in parts`);
    const limit = this.#calendar ? FACT_LINE_CHARS_MAX : BUNDLE_LINE_CHARS_MAX;
    if (text.length > limit)
      return this.#problem(`${text.length} characters, at most ${limit} are taken here`);
    const json = decodeJsonText(text);
    if (!json.ok) return this.#problem(describeProblems(json.problems));
    const message = this.#calendar ? this.#addFact(json.value) : this.#addHeader(json.value);
    return message === undefined ? undefined : this.#problem(message);
  }

  /** The bundle, after its last line. */
  end(): { ok: true; bundle: FactBundle } | { ok: false; problem: BundleProblem } {
    if (!this.#calendar || !this.#tariffs) {
      return { ok: false, problem: { line: 1, message: 'the header line is missing' } };
    }
    const bundle = {
      calendar: this.#calendar,
      tariffs: this.#tariffs,
      accounts: this.#accounts,
      closes: this.#closes,
    };
    return { ok: true, bundle };
  }

  #problem(message: string): BundleProblem {
    return { line: this.#line, message };
  }

  #addHeader(value: unknown): string | undefined {
    const read = openBundleHeader(value);
    if (!read.ok) return `header: ${read.message}`;
    this.#calendar = read.calendar;
    this.#tariffs = read.tariffs;
    return undefined;
  }

  #addFact(value: unknown): string | undefined {
    const kind = (value as { kind?: unknown } | null)?.kind;
    if (typeof kind !== 'string' || !Object.hasOwn(parsers, kind)) {
      return `kind ${JSON.stringify(kind)?.slice(0, 60)} is not known; known are tap, entitlement, pass, close, state, after`;
    }
    const parsed = parsers[kind as keyof typeof parsers](value);
    if (!parsed.ok) return describeProblems(parsed.problems);
    const fact = parsed.value as BundleLine;
    if (fact.kind === 'close') return this.#addClose(fact.fareDay, fact.knownAsOfMs);
    const { kind: _, accountId, ...rest } = fact;
    const account = this.#accounts.get(accountId) ?? newAccount();
    this.#accounts.set(accountId, account);
    if (fact.kind === 'state') return addOpening(account, fact.state, fact.base);
    if (fact.kind === 'after') {
      if (account.after !== NOTHING_AHEAD) return 'the account has two lines of what comes after';
      account.after = { exits: fact.exits, base: fact.base };
      return undefined;
    }
    if (fact.kind === 'tap') {
      const known = this.#taps.get(fact.tapId);
      if (known !== undefined) {
        return known === accountId
          ? `tap ${fact.tapId} occurs twice`
          : `tap ${fact.tapId} belongs to two accounts`;
      }
      this.#taps.set(fact.tapId, accountId);
      account.taps.push(rest as BundledTap);
    } else if (fact.kind === 'entitlement') account.entitlements.push(rest as EntitlementFact);
    else account.passes.push(rest as PassFact);
    return undefined;
  }

  #addClose(fareDay: string, knownAsOfMs: number): string | undefined {
    if (parseIsoDate(fareDay) === undefined) return `${fareDay} is no date`;
    if (this.#closes.has(fareDay)) return `fare day ${fareDay} is closed twice`;
    this.#closes.set(fareDay, knownAsOfMs);
    return undefined;
  }
}

function newAccount(): AccountFacts {
  return { taps: [], entitlements: [], passes: [], opening: NOTHING_BEFORE, after: NOTHING_AHEAD };
}

const NOTHING_BEFORE: CarriedState = { state: INITIAL_STATE, base: null };

function addOpening(account: AccountFacts, state: string, base: string | null): string | undefined {
  if (account.opening !== NOTHING_BEFORE) return 'the account has two opening states';
  try {
    account.opening = { state: parseStateText(state), base: base === null ? null : parseStateText(base) };
    return undefined;
  } catch (error) {
    return `opening state: ${(error as Error).message}`;
  }
}

/** Reads a bundle from lines at hand. */
export function parseFactBundle(
  lines: Iterable<string>,
): { ok: true; bundle: FactBundle } | { ok: false; problem: BundleProblem } {
  const reader = new FactBundleReader();
  for (const line of lines) {
    const problem = reader.add(line);
    if (problem) return { ok: false, problem };
  }
  return reader.end();
}

/** One line of an export. */
export function formatBundleLine(line: BundleLine): string {
  return JSON.stringify(line);
}
