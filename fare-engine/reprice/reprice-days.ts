/**
 * Re-prices the accounts of a share, fare day after fare day, from facts alone, and sets each line beside what the books have.
 * What an account's day hands on stays in memory; taps and books of a day are dropped when it is done. The rules are those of
 * the engine and of `kvytok price`: chargeDay for a day, and a day that leaves a journey open waits for the next one.
 */
import {
  type CarriedState,
  type ChargedDay,
  cameInTime,
  chargeDay,
  type DayPricer,
  type ExitsAhead,
  exitsIn,
  lateTapAcceptMs,
  NOTHING_AHEAD,
} from '#pricing/close-rules.ts';
import { createFareCalendar, type FareCalendar } from '#pricing/fare-day.ts';
import { type AccountDay, INITIAL_STATE, type TapFact } from '#pricing/model.ts';
import { priceAccountDay } from '#pricing/price-account-day.ts';
import { addToTotals, type BundleTotals } from '#pricing/reprice-bundle.ts';
import { parseStateText, stateText } from '#pricing/state-text.ts';
import { readTariffPackage } from '#pricing/tariff-package.ts';
import { createTariffTimeline, type TariffTimeline } from '#pricing/tariff-timeline.ts';
import { closeOf, repairsByTap, tapFact } from '../facts/account-day.ts';
import { createPlaceBook, type Place, type PlaceBook } from '../facts/assign.ts';
import { type BreakdownBook, createBreakdownBook } from '../facts/breakdowns.ts';
import type { BookedTap, ComputedTap, Judge } from './compare.ts';
import { type BookedRows, DayRows } from './day-rows.ts';
import type {
  BlockMemory,
  Outcome,
  RepriceFacts,
  RepriceShard,
  RowBlock,
  StateSource,
  StoredState,
} from './model.ts';
import { Names } from './names.ts';
import { People, type Rider } from './people.ts';
import { aloneOf, tapOfRow } from './rows.ts';
import { newTally, note, noteStrays, type Tally } from './tally.ts';

/** An account-day that was gathered. */
interface Gathered {
  readonly rider: Rider<Waiting>;
  readonly day: AccountDay;
  readonly places: readonly Place[];
  /** Of each tap its number among the rows of the day. */
  readonly numbers: readonly number[];
}

type Made = { -readonly [K in keyof TapFact]: TapFact[K] };

interface Gathering extends Gathered {
  readonly day: AccountDay & { readonly taps: TapFact[] };
  readonly places: Place[];
  readonly numbers: number[];
}

/** A fare day that is being priced. */
interface DayAtHand {
  readonly rows: DayRows;
  readonly fareDay: string;
  readonly knownAsOfMs: number | null;
  readonly tally: Tally;
}

/** A day that left a journey open: the next one says how it ended. It keeps nothing of the blocks in which its rows came. */
interface Waiting extends Pick<Gathered, 'day' | 'places'> {
  readonly carried: CarriedState;
  readonly charged: ChargedDay;
  /** Of each tap. */
  readonly booked: readonly BookedTap[];
}

/** What the books have of a tap of a day, by the tap's place among those of the day. */
type BookedOf = (index: number) => BookedTap;

/** @param judge sees every priced tap with what the books have of it, see compare.ts */
export function createRepriceShard(facts: RepriceFacts, states: StateSource, judge: Judge): RepriceShard {
  return new DaysOfShare(facts, states, judge);
}

class DaysOfShare implements RepriceShard {
  private readonly facts: RepriceFacts;
  private readonly states: StateSource;
  private readonly judge: Judge;
  private readonly calendar: FareCalendar;
  private readonly tariffs: TariffTimeline;
  private readonly pricer: DayPricer;
  private readonly people: People<Waiting>;
  private readonly places: PlaceBook;
  private readonly breakdowns: BreakdownBook;
  private readonly repairsOf: ReturnType<typeof repairsByTap>;
  private readonly totals = new Map<string, BundleTotals>();
  private readonly booked: BookedRows = { decision: null, postings: [] };
  private readonly names = new Names();
  private rows = new DayRows();
  /** What days before were kept in, to be used again. */
  private readonly doneRows: DayRows[] = [];
  private readonly spares: BlockMemory[] = [];

  constructor(facts: RepriceFacts, states: StateSource, judge: Judge) {
    this.facts = facts;
    this.states = states;
    this.judge = judge;
    this.calendar = createFareCalendar(facts.zone, facts.dayStart);
    this.tariffs = timelineOf(facts);
    this.pricer = {
      price: (stateIn, day) => priceAccountDay(stateIn, day, this.tariffs, this.calendar),
      stateText,
    };
    this.people = new People(facts);
    this.places = createPlaceBook(facts);
    this.breakdowns = createBreakdownBook(facts, this.places, { days: this.calendar });
    this.repairsOf = repairsByTap(facts.repairs);
  }

  add(block: RowBlock): void {
    this.rows.add(block, this.familyOf);
  }

  spare(): BlockMemory | undefined {
    return this.spares.pop();
  }

  private readonly familyOf: Parameters<DayRows['add']>[1] = (token, row) => this.people.familyOf(token, row);

  async endDay(fareDay: string): Promise<Outcome> {
    const { rows } = this;
    // Rows of the next day may come while states are waited for.
    this.rows = this.doneRows.pop() ?? new DayRows();
    const tally = newTally();
    tally.decisions = rows.decisions;
    tally.postings = rows.postings;
    const knownAsOfMs = closeOf(fareDay, this.facts.closes)?.knownFromMs ?? null;
    const day: DayAtHand = { rows, fareDay, knownAsOfMs, tally };
    // What is gathered is dropped again family by family, of those too that have to wait: a day of objects would outlive many
    // collections of garbage, and V8 would from then on make all such objects where old ones are kept.
    const waiting: number[] = [];
    const fresh = new Set<Rider<Waiting>>();
    // In the order of their numbers, not of their rows: what accounts handed on lies in memory as it was made the day before.
    for (let family = 0; family < rows.familiesUntil; family++) {
      if (rows.firstTap(family) < 0) continue;
      if (!this.priceFamily(family, day, fresh)) waiting.push(family);
    }
    if (fresh.size > 0) await this.openStates([...fresh]);
    for (const family of waiting) this.priceFamily(family, day, fresh);
    noteStrays(rows.strays, fareDay, tally);
    this.spares.push(...rows.clear());
    this.doneRows.push(rows);
    return tally;
  }

  async end(untilDay: string): Promise<Outcome & { totals: readonly BundleTotals[] }> {
    const tally = newTally();
    const riders = this.people.waiting();
    const accountIds = riders.map(({ accountId }) => accountId);
    const found = await this.states.after(accountIds, untilDay);
    const after = new Map(found.map((row) => [row.accountId, exitsIn(stateOf(row))]));
    for (const rider of riders) {
      const waiting = rider.waiting as Waiting;
      this.settle(rider, waiting, after.get(rider.accountId) ?? NOTHING_AHEAD, tally);
    }
    return { ...tally, totals: [...this.totals.values()] };
  }

  async stop(): Promise<void> {}

  /** Account-days of a family's taps; whose they are and where they were, the facts say. */
  private gather(family: number, { rows, fareDay, knownAsOfMs }: DayAtHand): Gathering[] {
    const found: Gathering[] = [];
    for (let number = rows.firstTap(family); number >= 0; number = rows.nextTap(number)) {
      const tap = tapOfRow(rows.rowOf(number), fareDay, this.names);
      const token = rows.tokenOf(number);
      const rider = this.people.riderOf(token, tap.fareAtMs, knownAsOfMs);
      let gathered = found.find((one) => one.rider === rider);
      if (gathered === undefined) {
        const { accountId, entitlements, passes } = rider;
        const day = { accountId, fareDay, taps: [], entitlements, passes, knownAsOfMs };
        gathered = { rider, day, places: [], numbers: [] };
        found.push(gathered);
      }
      const place = this.places.place(tap, knownAsOfMs);
      const mediumId = this.people.mediumIdOf(token, knownAsOfMs);
      const fact: Made = tapFact(tap, place, mediumId, this.breakdowns.of(tap, knownAsOfMs));
      fact.receivedAtMs = tap.receivedAtMs;
      const { repairs } = this.repairsOf(tap.tapId);
      if (repairs !== undefined) fact.repairs = repairs;
      gathered.day.taps.push(fact);
      gathered.places.push(place);
      gathered.numbers.push(number);
    }
    return found;
  }

  /** Prices the account-days of a family; not, and adds them to `fresh`, where nobody has asked yet for what accounts handed on before. */
  private priceFamily(family: number, day: DayAtHand, fresh: Set<Rider<Waiting>>): boolean {
    const found = this.gather(family, day);
    if (found.some(({ rider }) => rider.carried === null)) {
      for (const { rider } of found) if (rider.carried === null) fresh.add(rider);
      return false;
    }
    for (const gathered of found) this.priceDay(gathered, gathered.rider.carried as CarriedState, day);
    return true;
  }

  private async openStates(fresh: readonly Rider<Waiting>[]): Promise<void> {
    for (const rider of fresh) rider.carried = NOTHING_BEFORE;
    for (const row of await this.states.before(fresh.map(({ accountId }) => accountId)))
      this.people.rider(row.accountId).carried = stateOf(row);
  }

  private priceDay(gathered: Gathered, before: CarriedState, { rows, tally }: DayAtHand): void {
    const { rider, day, places, numbers } = gathered;
    let carried = before;
    if (rider.waiting !== null) {
      const { waiting } = rider;
      const found = exitsIn(this.charge(waiting.charged.out, gathered).out);
      carried = this.settle(rider, waiting, found, tally);
    }
    const charged = this.charge(carried, gathered);
    const bookedOf: BookedOf = (index) => rows.booked(numbers[index] as number, this.booked);
    tally.accountDays++;
    rider.carried = charged.out;
    if (leavesOpen(charged.out)) {
      const booked = numbers.map((_, index) => keptOf(bookedOf(index)));
      rider.waiting = { day, places, charged, carried, booked };
    } else this.compare({ day, places }, charged, bookedOf, tally);
  }

  /** A day that waited, with what was found of its open journeys; what it hands on. */
  private settle(rider: Rider<Waiting>, waiting: Waiting, ahead: ExitsAhead, tally: Tally): CarriedState {
    const none = ahead.exits.length + ahead.base.length === 0;
    const charged = none ? waiting.charged : this.charge(waiting.carried, waiting, ahead);
    rider.carried = charged.out;
    rider.waiting = null;
    this.compare(waiting, charged, (index) => waiting.booked[index] as BookedTap, tally);
    return charged.out;
  }

  private charge(
    carried: CarriedState,
    { day }: Pick<Gathered, 'day'>,
    ahead: ExitsAhead = NOTHING_AHEAD,
  ): ChargedDay {
    const closedAtMs = day.knownAsOfMs;
    const dayEndMs = this.calendar.endOfMs(day.fareDay);
    const inTime = (tap: TapFact): boolean => {
      const receivedAtMs = tap.receivedAtMs as number;
      // Nearly always, and then nobody needs the tariff's bound.
      if (closedAtMs === null || receivedAtMs <= closedAtMs) return true;
      const bound = lateTapAcceptMs(tap, this.tariffs, closedAtMs);
      return cameInTime({ receivedAtMs, dayEndMs, closedAtMs, lateTapAcceptMs: bound });
    };
    return chargeDay(carried, day, this.pricer, inTime, ahead);
  }

  private compare(
    { day, places }: Pick<Gathered, 'day' | 'places'>,
    { lines }: ChargedDay,
    bookedOf: BookedOf,
    tally: Tally,
  ): void {
    const { accountId, fareDay, taps } = day;
    tally.taps += taps.length;
    if (lines.length !== taps.length)
      throw new Error(`${lines.length} lines for ${taps.length} taps on ${fareDay}`);
    for (const [i, charged] of lines.entries()) {
      const { tapId } = charged.line;
      addToTotals(this.totals, charged);
      // Rows nearly always come in the order of time, as lines do.
      const index = taps[i]?.tapId === tapId ? i : taps.findIndex((tap) => tap.tapId === tapId);
      const computed: ComputedTap = { accountId, fareDay, charged, place: places[index] as Place };
      const found = this.judge(computed, bookedOf(index));
      if (found !== undefined) note(tally, { fareDay, tapId, accountId, ...found });
    }
  }
}

const NOTHING_BEFORE: CarriedState = { state: INITIAL_STATE, base: null };

function stateOf({ state, base }: StoredState): CarriedState {
  return { state: parseStateText(state), base: base === null ? null : parseStateText(base) };
}

function keptOf({ decision, postings }: BookedTap): BookedTap {
  return { decision: decision && aloneOf(decision), postings: postings.map(aloneOf) };
}

function leavesOpen({ state, base }: CarriedState): boolean {
  return [state, base].some((one) => one?.journeys?.some(({ way }) => way === 'in') === true);
}

function timelineOf({ packages, activations }: RepriceFacts): TariffTimeline {
  const read = packages.map((files) => {
    const one = readTariffPackage(files);
    // Whoever collected the facts has read them before.
    if (!one.ok) throw new Error(`a package that prices cannot be read: ${one.problems[0]?.message}`);
    return one.package;
  });
  return createTariffTimeline(read, activations).timeline;
}
