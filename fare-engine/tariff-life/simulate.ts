/**
 * Past taps priced under a draft in place of the package that was in force: who pays more, who less, what the budget owes.
 * Pure: a bundle and a package in, sums out; the caller walks it account by account and may stop at any.
 *
 * The draft is taken as if it had always been in force, with the rows of law, the emergency rules and the service days of its
 * first day.
 */

import { givesRides } from '#pricing/concessions.ts';
import type { FactBundle } from '#pricing/fact-bundle.ts';
import type { FareFeed, Service } from '#pricing/fares-v2/fare-feed.ts';
import { createFarePricer } from '#pricing/fares-v2/fare-pricer.ts';
import { compareText } from '#pricing/file-problem.ts';
import { parseIsoDate } from '#pricing/gtfs/cells.ts';
import type { PricedLine } from '#pricing/model.ts';
import { type RepricedLine, repriceBundle } from '#pricing/reprice-bundle.ts';
import type { TariffPackage } from '#pricing/tariff-package.ts';
import type { TariffTimeline } from '#pricing/tariff-timeline.ts';

/** Fewer riders than this are not told of on their own outside the department. */
export const CELL_RIDERS_MIN = 10;

/** Sums of one category, route, carrier or payer; amounts are what riders are charged, or what the payer owes. */
export interface Cell {
  readonly id: string;
  rides: number;
  riders: number;
  /** Who they are, as long as they are few; empty from then on. Numbers by the order of accounts, never an account. */
  readonly few: Set<number>;
  beforeMinor: bigint;
  afterMinor: bigint;
  /** What is paid more for each of its riders in this group under the draft, in no order; negative = less. */
  readonly differencesMinor: bigint[];
}

export const DIMENSIONS = ['category', 'route', 'carrier', 'funding'] as const;
export type Dimension = (typeof DIMENSIONS)[number];

export interface Simulation {
  readonly currency: string;
  readonly cells: Readonly<Record<Dimension, ReadonlyMap<string, Cell>>>;
  /** All rides; what riders are charged. */
  readonly total: Cell;
  /** What the budgets owe for all of these rides, together. */
  readonly owed: { readonly beforeMinor: bigint; readonly afterMinor: bigint };
  /** Taps that have a price now and none under the draft. */
  readonly unpricedTaps: number;
  /** Concessions that riders hold and that the draft does not know. */
  readonly lostConcessions: readonly string[];
}

export interface SimulationScope {
  /** Fare days, half-open; `null` = from the first, or to the last one. */
  readonly fromDay: string | null;
  readonly untilDay: string | null;
}

/** Why nothing can be simulated. */
export type SimulationRefusal = 'currency' | 'no-tariff' | 'no-taps';

/** Goes through the accounts in the order of their ids; yields how many are done. */
export function* simulateDraft(
  bundle: FactBundle,
  draft: TariffPackage,
  scope: SimulationScope,
): Generator<number, Simulation | SimulationRefusal> {
  const currency = bundle.tariffs.packages[0]?.tariff.currency;
  if (currency === undefined) return 'no-tariff';
  if (currency !== draft.tariff.currency) return 'currency';
  const tally = newTally(currency);
  const under = { ...bundle, tariffs: alwaysInForce(draft, bundle.tariffs) };
  const known = new Set(draft.concessions.flatMap((c) => [c.concession_id, c.rider_category_id]));
  const lost = new Set<string>();
  let rider = 0;
  for (const accountId of [...bundle.accounts.keys()].sort(compareText)) {
    const facts = bundle.accounts.get(accountId);
    if (!facts) continue;
    const accounts = new Map([[accountId, facts]]);
    const after = new Map([...repriceBundle({ ...under, accounts })].map((l) => [l.line.tapId, l]));
    addRider(tally, rider++, [...repriceBundle({ ...bundle, accounts })], after, scope);
    for (const right of facts.entitlements)
      if (givesRides(right) && !known.has(right.concessionId)) lost.add(right.concessionId);
    yield rider;
  }
  if (tally.total.riders === 0) return 'no-taps';
  return {
    ...tally,
    lostConcessions: [...lost].sort(compareText),
  };
}

/** The draft at every instant. Runs of rides that began before the bundle keep the package they began with. */
function alwaysInForce(draft: TariffPackage, past: TariffTimeline): TariffTimeline {
  const { validFromMs } = draft;
  const always: TariffPackage = {
    ...draft,
    pricer: createFarePricer(withLastingServices(draft)),
    validFromMs: Number.NEGATIVE_INFINITY,
    validUntilMs: null,
    concessions: draft.concessions
      .filter((row) => holdsAt(row, validFromMs))
      .map((row) => ({ ...row, validFromMs: Number.NEGATIVE_INFINITY, validUntilMs: null })),
    emergency: draft.emergency
      .filter((row) => holdsAt(row, validFromMs))
      .map((row) => ({
        ...row,
        validFromMs: Number.NEGATIVE_INFINITY,
        validUntilMs: Number.POSITIVE_INFINITY,
      })),
  };
  const timeline: TariffTimeline = {
    packages: [always],
    at: () => always,
    byHash: (hash) => (hash === draft.hash ? always : past.byHash(hash)),
    asKnownAt: () => timeline,
  };
  return timeline;
}

function holdsAt(
  { validFromMs, validUntilMs }: { readonly validFromMs: number; readonly validUntilMs: number | null },
  atMs: number,
): boolean {
  return validFromMs <= atMs && (validUntilMs === null || validUntilMs > atMs);
}

/** A draft's calendar begins with the draft: its hours of Monday to Friday are those of any Monday to Friday. */
function withLastingServices({ pricer, tariff }: TariffPackage): FareFeed {
  const { feed } = pricer;
  const firstDay = parseIsoDate(tariff.valid_from);
  const always = { startDay: Number.NEGATIVE_INFINITY, endDay: Number.POSITIVE_INFINITY };
  const services = [...feed.services].map(([id, service]): [string, Service] => {
    const runs = firstDay !== undefined && service.startDay <= firstDay && firstDay <= service.endDay;
    return [id, runs ? { ...service, ...always } : service];
  });
  return { ...feed, services: new Map(services) };
}

interface Tally {
  readonly currency: string;
  readonly cells: Record<Dimension, Map<string, Cell>>;
  readonly total: Cell;
  readonly owed: { beforeMinor: bigint; afterMinor: bigint };
  unpricedTaps: number;
}

function newTally(currency: string): Tally {
  const cells = { category: new Map(), route: new Map(), carrier: new Map(), funding: new Map() };
  const owed = { beforeMinor: 0n, afterMinor: 0n };
  return { currency, cells, total: newCell(''), owed, unpricedTaps: 0 };
}

function newCell(id: string): Cell {
  return { id, rides: 0, riders: 0, few: new Set(), beforeMinor: 0n, afterMinor: 0n, differencesMinor: [] };
}

function addRider(
  tally: Tally,
  rider: number,
  before: readonly RepricedLine[],
  after: ReadonlyMap<string, RepricedLine>,
  { fromDay, untilDay }: SimulationScope,
): void {
  const differences = new Map<Cell, bigint>();
  const add = (cell: Cell, ride: boolean, beforeMinor: bigint, afterMinor: bigint) => {
    if (ride) cell.rides++;
    cell.beforeMinor += beforeMinor;
    cell.afterMinor += afterMinor;
    differences.set(cell, (differences.get(cell) ?? 0n) + afterMinor - beforeMinor);
  };
  for (const old of before) {
    const { line } = old;
    const draft = after.get(line.tapId);
    if (
      !draft ||
      (fromDay !== null && line.fareDay < fromDay) ||
      (untilDay !== null && line.fareDay >= untilDay)
    )
      continue;
    const [was, is] = [chargedOf(old), chargedOf(draft)];
    const ride = isRide(line) || isRide(draft.line);
    if (isRide(line) && draft.line.kind === 'unpriced') tally.unpricedTaps++;
    add(tally.total, ride, was, is);
    for (const [dimension, id] of placesOf(line, draft.line))
      add(cellOf(tally.cells[dimension], id), ride, was, is);
    tally.owed.beforeMinor += line.concessionMinor;
    tally.owed.afterMinor += draft.line.concessionMinor;
    for (const id of payersOf(line, draft.line)) {
      const owed = (l: PricedLine) => ((l.fundingId ?? '') === id ? l.concessionMinor : 0n);
      add(cellOf(tally.cells.funding, id), ride, owed(line), owed(draft.line));
    }
  }
  for (const [cell, differenceMinor] of differences) {
    cell.riders++;
    cell.differencesMinor.push(differenceMinor);
    if (cell.riders < CELL_RIDERS_MIN) cell.few.add(rider);
    else cell.few.clear();
  }
}

/** Who owes something for a ride, now or under the draft; '' where a right names nobody. */
function payersOf(line: PricedLine, draft: PricedLine): Set<string> {
  const owing = [line, draft].filter((l) => l.fundingId !== null || l.concessionMinor !== 0n);
  return new Set(owing.map((l) => l.fundingId ?? ''));
}

function placesOf(line: PricedLine, draft: PricedLine): [Dimension, string][] {
  return [
    ['category', line.riderCategoryId ?? draft.riderCategoryId ?? ''],
    ['route', line.routeId ?? ''],
    ['carrier', line.carrierId ?? ''],
  ];
}

function chargedOf({ line, lossMinor }: RepricedLine): bigint {
  return line.riderMinor - lossMinor;
}

function isRide({ kind }: PricedLine): boolean {
  return kind === 'ride' || kind === 'transfer';
}

function cellOf(cells: Map<string, Cell>, id: string): Cell {
  const known = cells.get(id);
  if (known) return known;
  const cell = newCell(id);
  cells.set(id, cell);
  return cell;
}
