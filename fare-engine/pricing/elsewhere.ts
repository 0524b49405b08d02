/**
 * What an earlier system counted of an account before this city did (docs/IMPORT.md). Each is an entitlement of a kind of its own
 * that gives no right: so it is bitemporal, revocable, in bundles and in the audit log as every right is. States count what this city
 * counted alone, so a word that comes late, or is taken back, is added nowhere twice.
 *
 * | concession id | says | holds from |
 * |---|---|---|
 * | `used:<concession>:<rides>:<minor>` | of a quota (quotas.ts) | its window |
 * | `uses:<pass>:<rides>` | rides of a carnet, or of a pass that begins with its first use | the first of them |
 * | `spent:<cap>:<minor>:<rides>` | what counted against a cap | its window, or its day where windows slide |
 * | `begun:<route>:<stop>:<vehicle>:<transfers>:<first>` | the ride that a transfer may follow; the parts are URI-encoded | its boarding |
 */
import type { EntitlementFact } from './model.ts';

/** Of a quota. */
export const USED = 'used:';
/** Of a holding. */
export const USES = 'uses:';
/** Against a cap. */
export const SPENT = 'spent:';
/** A ride that a transfer may follow. */
export const BEGUN = 'begun:';

/** How a quota's word is written. */
export const USED_FORM = /^used:(.+):(\d{1,6}):(\d{1,12})$/;
const USES_FORM = /^uses:([^:]+):(\d{1,6})$/;
const SPENT_FORM = /^spent:(.+):(\d{1,12}):(\d{1,6})$/;
const BEGUN_FORM = /^begun:([^:]+):([^:]*):([^:]*):(\d{1,3}):(\d{1,15})$/;

/** Whether an entitlement is a word about what was counted elsewhere, and no right. */
export function isCountedElsewhere(concessionId: string): boolean {
  return [USED, USES, SPENT, BEGUN].some((kind) => concessionId.startsWith(kind));
}

/** What a word may be about. */
export type NamedElsewhere = 'quota' | 'pass' | 'cap' | 'route';

const FORMS: readonly (readonly [NamedElsewhere, RegExp])[] = [
  ['quota', USED_FORM],
  ['pass', USES_FORM],
  ['cap', SPENT_FORM],
  ['route', BEGUN_FORM],
];

/** What a word is about, and the name that this has; `undefined` where the word is not written as any of them is. */
export function namedElsewhere(
  word: string,
): { readonly of: NamedElsewhere; readonly id: string } | undefined {
  for (const [of, form] of FORMS) {
    const name = form.exec(word)?.[1];
    const id = of === 'route' ? decoded(name) : name;
    if (name !== undefined && id !== undefined) return { of, id };
  }
  return undefined;
}

/** A half-open time in which a word holds. */
export interface Span {
  readonly fromMs: number;
  readonly untilMs: number | null;
}

/** Uses of a holding; the first of them was when the word begins to hold. */
export interface UsesElsewhere extends Span {
  readonly passId: string;
  readonly rides: number;
}

/** What was charged, and how many rides were paid for, in one window of a cap. */
export interface SpentElsewhere extends Span {
  readonly capId: string;
  readonly spentMinor: bigint;
  readonly rides: number;
}

/** A ride; it boarded when the word begins to hold. */
export interface BegunElsewhere extends Span {
  readonly entitlementId: string;
  readonly routeId: string;
  readonly stopId: string | null;
  readonly vehicleId: string | null;
  /** Counted transfers used before it. */
  readonly transferCount: number;
  /** When the first ride of those transfers boarded. */
  readonly startedAtMs: number;
}

/** What was counted elsewhere of an account. */
export interface Elsewhere {
  readonly uses: readonly UsesElsewhere[];
  readonly spent: readonly SpentElsewhere[];
  /** In the order of time. */
  readonly begun: readonly BegunElsewhere[];
}

const NOTHING: Elsewhere = { uses: [], spent: [], begun: [] };

/** Reads what is known at a close (`null` = now). Quotas are read where rights are (quotas.ts). */
export function countedElsewhere(
  entitlements: readonly EntitlementFact[],
  knownAsOfMs: number | null,
): Elsewhere {
  let found: { uses: UsesElsewhere[]; spent: SpentElsewhere[]; begun: BegunElsewhere[] } | undefined;
  for (const fact of entitlements) {
    const { concessionId } = fact;
    // Nearly all rights are none of these.
    if (!concessionId.includes(':') || !isKnown(fact, knownAsOfMs)) continue;
    const word = usesOf(fact) ?? spentOf(fact) ?? begunOf(fact);
    if (word === undefined) continue;
    found ??= { uses: [], spent: [], begun: [] };
    if ('passId' in word) found.uses.push(word);
    else if ('capId' in word) found.spent.push(word);
    else found.begun.push(word);
  }
  found?.begun.sort((a, b) => a.fromMs - b.fromMs || (a.entitlementId < b.entitlementId ? -1 : 1));
  return found ?? NOTHING;
}

/** Whether a word holds at an instant. */
export function holdsAt({ fromMs, untilMs }: Span, atMs: number): boolean {
  return atMs >= fromMs && (untilMs === null || atMs < untilMs);
}

/** Whether the city knew a fact when a day was closed, or knows it now. */
export function isKnown(
  { knownFromMs, knownUntilMs }: Pick<EntitlementFact, 'knownFromMs' | 'knownUntilMs'>,
  knownAsOfMs: number | null,
): boolean {
  if (knownAsOfMs === null) return knownUntilMs === null;
  return knownFromMs <= knownAsOfMs && (knownUntilMs === null || knownAsOfMs < knownUntilMs);
}

function spanOf({ validFromMs, validUntilMs }: EntitlementFact): Span {
  return { fromMs: validFromMs, untilMs: validUntilMs };
}

function usesOf(fact: EntitlementFact): UsesElsewhere | undefined {
  const [, passId, rides] = USES_FORM.exec(fact.concessionId) ?? [];
  return passId === undefined ? undefined : { ...spanOf(fact), passId, rides: Number(rides) };
}

function spentOf(fact: EntitlementFact): SpentElsewhere | undefined {
  const [, capId, minor, rides] = SPENT_FORM.exec(fact.concessionId) ?? [];
  if (capId === undefined || minor === undefined) return undefined;
  return { ...spanOf(fact), capId, spentMinor: BigInt(minor), rides: Number(rides) };
}

/** The word for a ride; what is not known is `null`. */
export function begunWord(ride: Omit<BegunElsewhere, 'entitlementId' | keyof Span>): string {
  const names = [ride.routeId, ride.stopId ?? '', ride.vehicleId ?? ''].map(encodeURIComponent);
  return `${BEGUN}${names.join(':')}:${ride.transferCount}:${ride.startedAtMs}`;
}

function begunOf(fact: EntitlementFact): BegunElsewhere | undefined {
  const [, route, stop, vehicle, transfers, first] = BEGUN_FORM.exec(fact.concessionId) ?? [];
  const names = [route, stop, vehicle].map(decoded);
  if (route === undefined || names.includes(undefined)) return undefined;
  const [routeId = '', stopId, vehicleId] = names;
  return {
    ...spanOf(fact),
    entitlementId: fact.entitlementId,
    routeId,
    stopId: stopId || null,
    vehicleId: vehicleId || null,
    transferCount: Number(transfers),
    startedAtMs: Number(first),
  };
}

function decoded(text: string | undefined): string | undefined {
  try {
    return decodeURIComponent(text ?? '');
  } catch {
    return undefined;
  }
}
