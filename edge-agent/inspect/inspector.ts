/**
 * An inspector's device: a service card opens the shift, the vehicle is chosen, and each card held to it gets an answer
 * within a second that stands in the journal. It fines nobody: it prepares a protocol where no doubt is left.
 *
 * States: closed → vehicle not chosen → ready → answered; one card after the other.
 */
import type { InspectionRule, PenaltyRule } from '#contracts/enrolment.ts';
import { recordId } from '#contracts/ids.ts';
import type { CheckBody, MediumKind, PenaltyProtocol, Whereabouts } from '#contracts/record.ts';
import type { Logger } from '#platform/logger.ts';
import { tagOf } from '../card-log.ts';
import type { CityTies } from '../city-ties.ts';
import type { Timekeeper } from '../clock-evidence.ts';
import { decideTap, refusalOfStaff } from '../decide-tap.ts';
import { type DenyList, denialsOf } from '../deny-list.ts';
import type { Journal } from '../journal.ts';
import type { CardFacts, CardReader, CardReading, CardVisit, Device, ServiceCard, Timers } from '../ports.ts';
import { judge, type MediumSeen, type ValidatorWord, type Verdict } from './judge.ts';
import { prepareProtocol, ruleFor } from './penalty.ts';
import type { InspectorScreen, InspectorView } from './view.ts';

/** What a vehicle's validators say of a medium. */
export interface VehicleAnswer {
  readonly validators: readonly ValidatorWord[];
  /** Validators that others of the vehicle know and that did not answer. */
  readonly silent: readonly string[];
}

export interface VehicleQuestion {
  readonly vehicleId: string;
  /** Empty = only how the validators are. */
  readonly tokenIds: readonly string[];
  /** Rides and faults from here on matter. */
  readonly sinceMs: number;
}

/** Asks the validators of a vehicle over its own network; gives what came within its time. Never rejects. */
export type AskVehicle = (question: VehicleQuestion) => Promise<VehicleAnswer>;

export interface InspectorDeps {
  readonly device: Pick<Device, 'deviceId' | 'vehicleId' | 'policy'>;
  readonly journal: Journal;
  readonly denyList: DenyList;
  readonly keeper: Timekeeper;
  readonly timers: Timers;
  readonly reader: Pick<CardReader, 'start' | 'stop'>;
  readonly ties: Pick<CityTies, 'start' | 'stop' | 'pump' | 'online' | 'recovered'>;
  readonly ask: AskVehicle;
  readonly screen: InspectorScreen;
  /** Random bytes, for numbers of protocols. */
  readonly random: (bytes: number) => Uint8Array;
  readonly log: Logger;
  /** Staff for whom the shift is open from the start; otherwise a service card opens it. */
  readonly staffId?: string;
}

/** Hears every answer with the id of its record; null: none was written. */
export type CheckListener = (view: InspectorView, recordId: string | null) => void;

export interface Inspector {
  start(): Promise<void>;
  /** Lets the card in hand be answered. */
  stop(): Promise<void>;
  chooseVehicle(vehicleId: string, routeId?: string): void;
  /** The passenger has nothing to show. Resolves with the answer. */
  checkWithoutCard(): Promise<void>;
  closeShift(): void;
  view(): InspectorView;
  onCheck(listener: CheckListener): () => void;
  counters(): { readonly accepted: number; readonly refused: number; readonly latencyMsMax: number };
  /** The connection or the journal changed: the mark on the screen follows. */
  refresh(): void;
  place(): { readonly where: Whereabouts };
}

/** Makes an inspector over its parts; nothing runs before `start`. */
export function createInspector(deps: InspectorDeps): Inspector {
  return new InspectionDesk(deps);
}

interface Shift {
  readonly staffId: string;
}

class InspectionDesk implements Inspector {
  private readonly deps: InspectorDeps;
  private readonly listeners = new Set<CheckListener>();
  private shift: Shift | undefined;
  private where: Whereabouts;
  private lane: Promise<void> = Promise.resolve();
  private shown: InspectorView;
  private running = false;
  private own = { accepted: 0, refused: 0, latencyMsMax: 0 };

  constructor(deps: InspectorDeps) {
    this.deps = deps;
    const { vehicleId } = deps.device;
    this.where = vehicleId === undefined ? {} : { vehicleId };
    this.shift = deps.staffId === undefined ? undefined : { staffId: deps.staffId };
    this.shown = this.restingView();
  }

  async start(): Promise<void> {
    this.running = true;
    this.rest();
    await this.deps.ties.start();
    await this.deps.reader.start((visit) => this.inLane(() => this.touched(visit)));
  }

  async stop(): Promise<void> {
    if (!this.running) return;
    await this.deps.reader.stop();
    await this.lane;
    this.running = false;
    await this.deps.ties.stop();
  }

  chooseVehicle(vehicleId: string, routeId?: string): void {
    this.where = { vehicleId, ...(routeId !== undefined && { routeId }) };
    this.rest();
  }

  checkWithoutCard(): Promise<void> {
    return this.inLane(() => this.check({ kind: 'none' }, undefined));
  }

  closeShift(): void {
    this.shift = undefined;
    this.rest();
  }

  view(): InspectorView {
    return { ...this.shown, online: this.deps.ties.online() };
  }

  onCheck(listener: CheckListener): () => void {
    this.listeners.add(listener);
    return () => void this.listeners.delete(listener);
  }

  counters() {
    return this.own;
  }

  refresh(): void {
    if (this.deps.ties.online() !== this.shown.online) this.show(this.view());
  }

  place(): { readonly where: Whereabouts } {
    return { where: this.where };
  }

  /** One card after the other; an inspector gets an answer also from a device with a bug. */
  private inLane(work: () => Promise<void>): Promise<void> {
    const done = this.lane.then(async () => {
      if (!this.running) return;
      try {
        await work();
      } catch (err) {
        this.deps.log.error({ err }, 'inspect.check.failed');
        this.answer({ sign: 'not-written' }, null);
        throw err;
      }
    });
    this.lane = done.catch(() => {});
    return done;
  }

  private async touched(visit: CardVisit): Promise<void> {
    const beganMs = this.deps.timers.nowMs();
    const reading = await visit.read();
    if (reading.ok && 'service' in reading) this.serve(reading.service);
    else await this.check(this.seen(reading), reading.ok ? reading.card.mediumKind : undefined);
    this.own.latencyMsMax = Math.max(this.own.latencyMsMax, this.deps.timers.nowMs() - beganMs);
  }

  /** A service card opens the shift, and closes it when it is its own. */
  private serve(card: ServiceCard): void {
    if (!this.mayInspect(card)) {
      this.answer({ sign: 'refused', reason: 'MEDIUM_NOT_TAKEN' }, null);
      return;
    }
    const own = [card.staffTokenId, card.formerStaffTokenId].includes(this.shift?.staffId ?? '');
    this.shift = own ? undefined : { staffId: card.staffTokenId };
    this.deps.log.info(own ? 'inspect.shift.closed' : 'inspect.shift.opened');
    this.rest();
  }

  private mayInspect(service: ServiceCard): boolean {
    const denials = denialsOf(this.deps.denyList, service.staffTokenId, service.formerStaffTokenId);
    return service.role === 'inspector' && refusalOfStaff(service, { denials, ...this.time() }) === null;
  }

  /** What a denial is judged by beside the list. */
  private time() {
    const { keeper, denyList } = this.deps;
    return {
      nowMs: keeper.nowMs(),
      uncertaintyMs: keeper.uncertaintyMs(),
      listVouchedAtMs: denyList.state().vouchedAtMs,
    };
  }

  private seen(reading: CardReading): MediumSeen {
    if (!reading.ok) return { kind: 'not-taken', reason: reading.reason };
    if (!('card' in reading)) throw new Error('a service card is no passenger');
    const { card } = reading;
    const refused = this.refusalOf(card);
    return {
      kind: 'medium',
      tokenId: card.tokenId,
      ...(card.formerTokenId !== undefined && { formerTokenId: card.formerTokenId }),
      ...(card.log && { log: card.log }),
      ...(refused !== undefined && { refused }),
    };
  }

  /** What a validator would say of the card now. */
  private refusalOf(card: CardFacts) {
    const { denyList, device } = this.deps;
    const decision = decideTap({
      card,
      policy: device.policy,
      denials: denialsOf(denyList, card.tokenId, card.formerTokenId),
      ...this.time(),
      earlier: null,
    });
    return decision.accepted ? undefined : decision.reason;
  }

  private async check(medium: MediumSeen, mediumKind: MediumKind | undefined): Promise<void> {
    const { journal, ties } = this.deps;
    // Of the moment at which the card was held: keys may be pressed while the vehicle is asked.
    const { shift, where } = this;
    const { vehicleId, routeId } = where;
    if (shift === undefined || vehicleId === undefined) {
      this.rest();
      return;
    }
    if (!ties.recovered() || !journal.hasRoom()) {
      this.answer({ sign: 'not-written' }, null);
      return;
    }
    const rule = this.ruleOf(routeId);
    const { verdict, vehicle } = await this.decide(medium, vehicleId, rule);
    const protocol = verdict.finable && rule ? prepareProtocol(rule, this.deps.random(5)) : undefined;
    const body = bodyOf({
      medium,
      mediumKind,
      verdict,
      vehicle,
      protocol,
      where,
      staffId: shift.staffId,
    });
    this.write(body, verdict, rule?.penalty);
  }

  /** Asks the vehicle only where the card's own log does not say it all. */
  private async decide(
    medium: MediumSeen,
    vehicleId: string,
    rule: InspectionRule | undefined,
  ): Promise<{ verdict: Verdict; vehicle: VehicleAnswer }> {
    const { keeper } = this.deps;
    const judged = (vehicle: VehicleAnswer): Verdict =>
      judge({
        medium,
        nowMs: keeper.nowMs(),
        uncertaintyMs: keeper.uncertaintyMs(),
        vehicleTag: tagOf(vehicleId),
        rule,
        ...vehicle,
      });
    const alone = judged(NOBODY);
    if (alone.result === 'ride-stands' || alone.result === 'not-readable')
      return { verdict: alone, vehicle: NOBODY };
    const sinceMs = keeper.nowMs() - (rule?.rideWindowS ?? 0) * 1000 - keeper.uncertaintyMs();
    const tokenIds = medium.kind === 'medium' ? [medium.tokenId, ...formerOf(medium)] : [];
    const vehicle = await this.deps.ask({ vehicleId, tokenIds, sinceMs });
    return { verdict: judged(vehicle), vehicle };
  }

  private ruleOf(routeId: string | undefined): InspectionRule | undefined {
    return ruleFor(this.deps.device.policy.inspection ?? [], this.deps.keeper.nowMs(), routeId);
  }

  private write(body: CheckBody, verdict: Verdict, penalty: PenaltyRule | undefined): void {
    const { journal, keeper, ties, device, log } = this.deps;
    const written = journal.append({ kind: 'check', at: keeper.evidence(), body });
    if (!written.ok) {
      log.error({ why: written.why, err: written.cause }, 'inspect.journal.append-failed');
      this.answer({ sign: 'not-written' }, null);
      return;
    }
    const { epoch, seq } = written.record;
    const { result, reason, evidence, protocol, validators } = body;
    const outOfOrder = (validators ?? []).filter(({ state }) => state === 'out-of-order');
    this.own[result === 'ride-stands' ? 'accepted' : 'refused']++;
    this.answer(
      {
        sign: result,
        evidence,
        ...(reason !== undefined && { reason }),
        ...(verdict.ride && { ride: verdict.ride }),
        ...(outOfOrder.length > 0 && { outOfOrder: outOfOrder.map(({ deviceId }) => deviceId) }),
        ...(protocol && penalty && { protocol: { ...protocol, actNames: penalty.actNames } }),
        ...body.where,
      },
      recordId(device.deviceId, epoch, seq),
    );
    ties.pump();
  }

  private answer(answer: Pick<InspectorView, 'sign'> & Partial<InspectorView>, id: string | null): void {
    const view = { ...this.restingView(), ...answer };
    this.show(view);
    for (const listener of this.listeners) listener(view, id);
  }

  private rest(): void {
    this.show(this.restingView());
  }

  private restingView(): InspectorView {
    const { keeper, ties } = this.deps;
    const { shift, where } = this;
    const ready = where.vehicleId === undefined ? 'choose-vehicle' : 'ready';
    return {
      sign: shift === undefined ? 'closed' : ready,
      online: ties.online(),
      atMs: keeper.nowMs(),
      ...(shift && { staffId: shift.staffId }),
      ...(where.vehicleId !== undefined && { vehicleId: where.vehicleId }),
      ...(where.routeId !== undefined && { routeId: where.routeId }),
    };
  }

  private show(view: InspectorView): void {
    this.shown = view;
    this.deps.screen.show(view);
  }
}

const NOBODY: VehicleAnswer = { validators: [], silent: [] };

function formerOf(medium: Extract<MediumSeen, { kind: 'medium' }>): string[] {
  return medium.formerTokenId === undefined ? [] : [medium.formerTokenId];
}

/** The record: what was found, on what it stands, and nothing of the passenger but the token. */
function bodyOf(found: {
  readonly medium: MediumSeen;
  readonly mediumKind: MediumKind | undefined;
  readonly verdict: Verdict;
  readonly vehicle: VehicleAnswer;
  readonly protocol: PenaltyProtocol | undefined;
  readonly where: Whereabouts;
  readonly staffId: string;
}): CheckBody {
  const { medium, mediumKind, verdict, vehicle, protocol, where, staffId } = found;
  const validators = [
    // First what the doubt is, should there be more than a record holds.
    ...vehicle.silent.map((deviceId) => ({ deviceId, state: 'out-of-order' as const })),
    ...vehicle.validators.map(({ deviceId, inOrder }) => ({
      deviceId,
      state: inOrder ? ('in-order' as const) : ('out-of-order' as const),
    })),
  ].slice(0, VALIDATORS_MAX);
  const { companions: _, bags: __, ...ride } = verdict.ride ?? { companions: 0 };
  return {
    result: verdict.result,
    ...(verdict.reason !== undefined && { reason: verdict.reason }),
    evidence: verdict.evidence,
    ...(medium.kind === 'medium' && { tokenId: medium.tokenId }),
    ...(mediumKind !== undefined && { mediumKind }),
    where,
    staffId,
    ...('atMs' in ride && { ride }),
    ...(validators.length > 0 && { validators }),
    ...(protocol && { protocol }),
  };
}

/** As many as a record holds (contracts/record.ts). */
const VALIDATORS_MAX = 8;
