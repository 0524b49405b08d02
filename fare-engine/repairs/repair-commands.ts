/**
 * "I forgot to tap out": what a passenger tells of a journey's end, and what an operator makes of what no rule grants. Whether it
 * was granted is a recorded fact and never decided again; what it does to a price is pricing's affair.
 */
import type { TariffPackage } from '#pricing/tariff-package.ts';
import type { NetworkTapPolicy } from '#pricing/tariff-schema.ts';
import type { TariffTimeline } from '#pricing/tariff-timeline.ts';
import type { Payload } from '../command-kinds.ts';
import type { Desk, Naming, Refusal, SubmittedCommand } from '../commands.ts';
import type { JourneyRepair } from '../facts/facts.ts';

const DAY_MS = 86_400_000;

/** Why a request waits for an operator: the network has no rule, or which limit of it is passed. */
export type QueuedFor = 'NO_RULE' | 'LATE' | 'OFTEN' | 'AMOUNT';

/** A request as it is kept. */
export interface RepairRequest {
  readonly repairId: string;
  readonly tapId: string;
  readonly accountId: string;
  readonly stopId: string;
  readonly atMs: number;
  /** What the journey cost when it was asked for. Digits. */
  readonly chargedMinor: string;
  /** `null` = granted by the tariff's rule. */
  readonly queuedFor: QueuedFor | null;
  readonly askedBy: string;
  readonly knownFromMs: number;
}

/** An operator's word on a request that waited. */
export interface RepairDecision {
  readonly repairId: string;
  readonly verdict: 'granted' | 'refused';
  readonly reason: string;
  readonly decidedBy: string;
  readonly knownFromMs: number;
}

/** A tap as it is priced now. */
export interface PricedJourney {
  readonly tapId: string;
  readonly accountId: string;
  readonly fareAtMs: number;
  readonly stopId: string | null;
  readonly networkId: string | null;
  readonly packageHash: string | null;
  /** Digits. */
  readonly riderMinor: string;
  /** What the step of its journey says; `null` = it has none. */
  readonly state: string | null;
}

/** What has to be known before commands about repairs are decided. */
export interface RepairBooks {
  readonly tariffs: Pick<TariffTimeline, 'byHash'>;
  readonly journeys: ReadonlyMap<string, PricedJourney>;
  /** Requests about these taps or under these ids. */
  readonly requests: readonly (RepairRequest & { readonly decided: boolean })[];
  /** When requests of these accounts were granted by rule within a year. */
  readonly grantedAtMs: ReadonlyMap<string, readonly number[]>;
}

/** What a turn of commands says of repairs. */
export interface RepairWrites {
  readonly requests: RepairRequest[];
  readonly decisions: RepairDecision[];
  /** Granted: from now on part of a tap's facts. */
  readonly granted: JourneyRepair[];
}

/** Taps and requests that commands speak of, for the adapter to load. */
export function repairsNamed(commands: readonly SubmittedCommand[]): {
  tapIds: string[];
  repairIds: string[];
} {
  const named = (kind: string, field: string): string[] =>
    commands.flatMap((command) => {
      const value = (command.payload as Record<string, unknown> | null)?.[field];
      return command.kind === kind && typeof value === 'string' ? [value] : [];
    });
  return { tapIds: named('repair-journey', 'tapId'), repairIds: named('decide-repair', 'repairId') };
}

/** A request is granted by rule, waits for an operator, or is refused because it cannot be so. */
export function repairJourney(
  { tapId, stopId, atMs, by }: Payload<'repair-journey'>,
  { commandId: repairId, knownFromMs }: Naming,
  { context, writes }: Desk,
): Refusal {
  const books = context.repairs;
  const journey = books?.journeys.get(tapId);
  if (books === undefined || journey === undefined) return { reason: 'REPAIR_TAP_UNKNOWN', detail: tapId };
  const asked = [...books.requests, ...writes.repairs.requests].find((one) => one.tapId === tapId);
  if (asked !== undefined) return { reason: 'REPAIR_ALREADY_ASKED', detail: asked.repairId };
  const tariff = journey.packageHash === null ? undefined : books.tariffs.byHash(journey.packageHash);
  const missing = journey.state === 'no-exit' || journey.state === 'completion';
  if (tariff === undefined || journey.networkId === null || !missing)
    return {
      reason: 'REPAIR_NOT_MISSING',
      detail: `${tapId}: ${journey.state ?? 'no journey with an exit'}`,
    };
  const policy = tariff.policyOf(journey.networkId);
  const problem = implausible(tariff, policy, journey, { stopId, atMs, nowMs: context.nowMs });
  if (problem !== null) return { reason: 'REPAIR_IMPLAUSIBLE', detail: problem };
  const { accountId, riderMinor: chargedMinor } = journey;
  const before = [
    ...(books.grantedAtMs.get(accountId) ?? []),
    ...writes.repairs.requests
      .filter((one) => one.accountId === accountId && one.queuedFor === null)
      .map(() => knownFromMs),
  ];
  const queuedFor = limitPassed(policy, journey, before, context.nowMs);
  const request = {
    repairId,
    tapId,
    accountId,
    stopId,
    atMs,
    chargedMinor,
    queuedFor,
    askedBy: by,
    knownFromMs,
  };
  writes.repairs.requests.push(request);
  if (queuedFor === null) writes.repairs.granted.push({ repairId, tapId, stopId, atMs, knownFromMs });
  return null;
}

/** Why it cannot have been so; `null` = it can. */
function implausible(
  { pricer }: TariffPackage,
  { max_journey_s: maxS = 0 }: NetworkTapPolicy,
  { fareAtMs, stopId: fromStopId, networkId }: PricedJourney,
  told: { readonly stopId: string; readonly atMs: number; readonly nowMs: number },
): string | null {
  const { stopId, atMs, nowMs } = told;
  if (atMs <= fareAtMs) return 'the journey would have ended before it began';
  if (atMs > nowMs) return 'the journey would end in the future';
  if (atMs - fareAtMs > maxS * 1000) return `no journey there lasts longer than ${maxS} s`;
  const { stops, areasOfStop } = pricer.feed;
  if (!stops?.has(stopId) && !areasOfStop.has(stopId)) return `the tariff knows no stop ${stopId}`;
  const leg = { networkId: networkId as string, fromStopId, toStopId: stopId };
  const rules = pricer.legs.match({ ...leg, departureMs: fareAtMs, arrivalMs: atMs });
  return rules.length > 0 ? null : `no journey of the network leads to ${stopId}`;
}

/** Which limit of the network's rule it passes; `null` = none. */
function limitPassed(
  { repair }: NetworkTapPolicy,
  { fareAtMs, riderMinor }: PricedJourney,
  grantedAtMs: readonly number[],
  nowMs: number,
): QueuedFor | null {
  if (repair === undefined) return 'NO_RULE';
  if (nowMs - fareAtMs > repair.within_s * 1000) return 'LATE';
  const inWindow = grantedAtMs.filter((ms) => nowMs - ms < repair.window_days * DAY_MS);
  if (inWindow.length >= repair.per_window) return 'OFTEN';
  return BigInt(riderMinor) > BigInt(repair.charged_minor_max) ? 'AMOUNT' : null;
}

/** A named person decides what waited, once. */
export function decideRepair(
  { repairId, verdict, reason, by }: Payload<'decide-repair'>,
  { knownFromMs }: Naming,
  { context, writes }: Desk,
): Refusal {
  const waiting = [
    ...(context.repairs?.requests ?? []),
    ...writes.repairs.requests.map((one) => ({ ...one, decided: false })),
  ];
  const request = waiting.find((one) => one.repairId === repairId);
  if (request === undefined) return { reason: 'REPAIR_UNKNOWN', detail: repairId };
  if (request.queuedFor === null || request.decided)
    return { reason: 'REPAIR_ALREADY_DECIDED', detail: repairId };
  writes.repairs.decisions.push({ repairId, verdict, reason, decidedBy: by, knownFromMs });
  const { tapId, stopId, atMs } = request;
  if (verdict === 'granted') writes.repairs.granted.push({ repairId, tapId, stopId, atMs, knownFromMs });
  return null;
}
