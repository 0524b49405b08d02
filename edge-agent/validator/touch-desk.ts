/**
 * One touch from card to light, and the keys that may follow it: read, decide, write down, show, settle. The order is the
 * promise: what is green is on the disk.
 */
import { debtReference } from '#contracts/debt-reference.ts';
import { recordId } from '#contracts/ids.ts';
import type { Whereabouts } from '#contracts/record.ts';
import type { Logger } from '#platform/logger.ts';
import type { Probe } from '#platform/probe.ts';
import type { AgentLimits } from '../agent-limits.ts';
import type { AgentCounters } from '../agent-types.ts';
import type { Timekeeper } from '../clock-evidence.ts';
import type { TapDecision } from '../decide-tap.ts';
import type { AppendResult, Journal } from '../journal.ts';
import type { Ride } from '../neighbours/peers.ts';
import type {
  Beside,
  CardFacts,
  CardReading,
  CardVisit,
  Device,
  Offer,
  Press,
  Preview,
  ServiceCard,
  Timers,
} from '../ports.ts';
import { createSettling, logEntryOf, type SettleCounters, type Settling } from '../settling.ts';
import type { TapDesk } from '../tap-desk.ts';
import type { TariffBook } from '../tariff-book.ts';
import type { WhereDesk } from '../whereabouts.ts';
import {
  answersQuestion,
  type BesideLimits,
  besideLimits,
  type CompanionQuestion,
  escortsOf,
  moreOf,
  questionAfter,
} from './companions.ts';
import { farePreviewOf } from './fare-preview.ts';
import type { Front } from './front.ts';
import { previewOf } from './preview.ts';
import type { StaffDesk } from './staff-desk.ts';

export interface TouchDeskDeps {
  readonly device: Pick<Device, 'deviceId' | 'policy'>;
  readonly tariffs?: Pick<TariffBook, 'current'> | undefined;
  readonly journal: Journal;
  readonly desk: TapDesk;
  readonly staff: StaffDesk;
  readonly place: WhereDesk;
  readonly keeper: Timekeeper;
  readonly front: Front;
  readonly timers: Timers;
  readonly limits: Pick<AgentLimits, 'companionTouchMs'>;
  readonly probe: Probe;
  readonly log: Logger;
  /** Tries a broken journal again; whether cards can be taken. */
  readonly usable: () => boolean;
  /** Tells the other doors of the vehicle of a ride. */
  readonly tellDoors: (ride: Ride) => void;
  /** Something was written down. */
  readonly written: () => void;
}

export interface TouchDesk {
  touch(visit: CardVisit): Promise<void>;
  press(press: Press): void;
  /** Numbers of an epoch that is over name other rides. */
  forgetQuestion(): void;
  /** What became of cards' own logs. */
  readonly settled: Readonly<SettleCounters>;
  readonly counters: Pick<
    AgentCounters,
    'repeated' | 'companions' | 'bags' | 'acceptedInDebt' | 'refusalsNotRecorded'
  >;
}

/** A clock less sure than this says no minutes and no price: a transfer is a matter of minutes. */
const PREVIEW_UNSURE_MS = 60_000;

/** Note of the journal in which cards stand whose log is unknown. */
const UNSETTLED = 'unsettled-cards';

/** Makes the desk. */
export function createTouchDesk(deps: TouchDeskDeps): TouchDesk {
  return new Desk(deps);
}

class Desk implements TouchDesk {
  readonly settled: Readonly<SettleCounters>;
  readonly counters = { repeated: 0, companions: 0, bags: 0, acceptedInDebt: 0, refusalsNotRecorded: 0 };
  private readonly deps: TouchDeskDeps;
  private readonly settling: Settling;
  private question: CompanionQuestion | undefined;
  private service: ServiceCard | undefined;

  constructor(deps: TouchDeskDeps) {
    this.deps = deps;
    const { journal, log } = deps;
    const notes = {
      read: () => journal.note(UNSETTLED),
      write: (text: string) => journal.setNote(UNSETTLED, text),
    };
    this.settling = createSettling({ notes, log });
    this.settled = this.settling.counters;
  }

  async touch(visit: CardVisit): Promise<void> {
    const { front, usable } = this.deps;
    const asked = front.dialog() === 'companion' ? this.question : undefined;
    this.question = undefined;
    this.service = undefined;
    front.cardCame();
    if (!usable()) {
      this.outOfOrder();
      return;
    }
    const reading = await this.read(visit);
    if (reading.ok && 'service' in reading) this.staffCard(reading.service);
    else await this.passenger(visit, reading, asked);
  }

  private async passenger(
    visit: CardVisit,
    reading: CardReading,
    asked: CompanionQuestion | undefined,
  ): Promise<void> {
    const { desk, place, probe } = this.deps;
    const card = reading.ok && 'card' in reading ? reading.card : undefined;
    const where = place.now();
    const decision: TapDecision = card
      ? desk.decide(card, where)
      : { accepted: false, reason: reading.ok ? 'MEDIUM_NOT_TAKEN' : reading.reason };
    // A third touch while it is asked is the answer yes.
    const time = { nowMs: this.deps.timers.nowMs(), afterMs: this.deps.limits.companionTouchMs };
    const yes = decision.accepted && card && answersQuestion(asked, card, time) ? asked : undefined;
    const more = moreOf(yes?.offers[0] ?? 'companion');
    await probe('edge.before-append');
    const written = yes ? this.writeMore(yes, more, where) : desk.write(decision, card, where);
    await probe('edge.after-append');
    if (yes && card) this.showMore(yes, more, written as AppendResult);
    else this.show(decision, card, written, where);
    await probe('edge.after-answer');
    this.deps.written();
    if (card && decision.accepted && written?.ok && (yes || !decision.repeated))
      this.tellDoors(card, written.record, where);
    if (card) this.settling.met(card);
    if (card && decision.accepted && written?.ok)
      await this.settle(visit, card, {
        seq: written.record.seq,
        beside: yes ? more : { companions: 0, bags: 0 },
        where,
      });
  }

  forgetQuestion(): void {
    this.question = undefined;
  }

  press(press: Press): void {
    const { front, place } = this.deps;
    if (press.press === 'language') {
      front.nextLanguage();
      return;
    }
    const dialog = front.dialog();
    if (dialog === 'companion' && this.question) {
      if (press.press === 'enough') front.pressed({ view: { sign: 'waiting' }, id: null });
      const question = this.question;
      if (!isOffered(press, question)) return;
      const more = moreOf(press.press);
      const written = this.writeMore(question, more, place.now());
      this.showMore(question, more, written);
      this.deps.written();
      if (written.ok) this.tellDoors(question.card, written.record, place.now());
    } else if (dialog === 'staff' && this.service) this.pressByStaff(press, this.service);
  }

  private pressByStaff(press: Press, service: ServiceCard): void {
    const { front, staff } = this.deps;
    const { press: key } = press;
    if (service.role !== 'driver' || key === 'companion' || key === 'bag' || key === 'enough') return;
    if (!staff.press(press, service)) {
      this.outOfOrder();
      return;
    }
    this.deps.written();
    const view = { sign: 'staff', language: service.language, menu: staff.menu() } as const;
    front.pressed({ view, id: null, dialog: press.press === 'leave' ? null : 'staff' });
  }

  private async read(visit: CardVisit): Promise<CardReading> {
    try {
      return await visit.read();
    } catch (error) {
      // A reader that throws is a reader that did not read; its adapter heals itself.
      this.deps.log.warn({ reason: (error as Error).message }, 'edge.reader.failed');
      return { ok: false, reason: 'CARD_UNREADABLE' };
    }
  }

  private staffCard(service: ServiceCard): void {
    const { desk, staff, front, place, log } = this.deps;
    const reason = desk.refusalOfStaff(service);
    if (reason !== null) {
      const decision = { accepted: false, reason } as const;
      this.show(decision, undefined, desk.write(decision, undefined, place.now()), place.now());
      this.deps.written();
      return;
    }
    this.service = service;
    log.info({ role: service.role, staff: service.staffTokenId }, 'edge.staff.card');
    const menu = service.role === 'driver' ? { menu: staff.menu() } : {};
    const view = { sign: 'staff', language: service.language, ...menu } as const;
    front.answer({ view, id: null, dialog: service.role === 'driver' ? 'staff' : null });
  }

  private writeMore({ card, seq }: CompanionQuestion, more: Beside, where: Whereabouts): AppendResult {
    return this.deps.desk.writeBeside(card, seq, more, where);
  }

  private showMore(question: CompanionQuestion, more: Beside, written: AppendResult): void {
    if (!written.ok) {
      this.failed(written);
      return;
    }
    const { card, seq, limits, offers } = question;
    const taken = {
      companions: question.taken.companions + more.companions,
      bags: question.taken.bags + more.bags,
    };
    this.counters.companions += more.companions;
    this.counters.bags += more.bags;
    this.question = questionAfter(card, { seq, taken }, limits, this.deps.timers.nowMs());
    const added: Offer = more.bags > 0 ? 'bag' : offers.includes('companion') ? 'companion' : 'escort';
    const view = {
      sign: 'accepted',
      language: card.language,
      ...shownOf(taken, limits),
      added,
      asking: this.question?.offers ?? [],
    } as const;
    const answer = { view, id: this.idOf(written), dialog: this.question ? ('companion' as const) : null };
    const { front } = this.deps;
    if (front.state() === 'reading') front.answer(answer);
    else front.pressed(answer);
  }

  private show(
    decision: TapDecision,
    card: CardFacts | undefined,
    written: AppendResult | undefined,
    where: Whereabouts,
  ): void {
    const { front, timers } = this.deps;
    const language = card && { language: card.language };
    if (written === undefined && !decision.accepted) {
      this.counters.refusalsNotRecorded++;
      front.notRecorded({ sign: 'refused', reason: decision.reason, ...language });
      return;
    }
    if (!written?.ok) {
      this.failed(written);
      return;
    }
    const id = this.idOf(written);
    if (!decision.accepted || !card) {
      const reason = decision.accepted ? 'VALIDATOR_OUT_OF_ORDER' : decision.reason;
      const denied = decision.accepted ? undefined : decision.deniedTokenId;
      const lookUp = denied === undefined ? {} : { lookUp: debtReference(denied) };
      front.answer({ view: { sign: 'refused', reason, ...lookUp, ...language }, id });
      return;
    }
    const { passBackOfSeq, companions = 0, bags = 0, deniedWhenPaid } = decision;
    const limits = this.limitsOf(card, where);
    if (deniedWhenPaid) this.counters.acceptedInDebt++;
    if (decision.repeated) {
      this.counters.repeated++;
      // A ride at another door is named by its first repetition here.
      const seq = passBackOfSeq ?? written.record.seq;
      this.question = questionAfter(card, { seq, taken: { companions, bags } }, limits, timers.nowMs());
    }
    const repeated = decision.repeated ? { repeated: true } : {};
    const asking = this.question === undefined ? {} : { asking: this.question.offers };
    const paid = shownOf({ companions, bags }, limits);
    const preview = this.previewOf(card, where, decision.repeated === true);
    const view = { sign: 'accepted', ...language, ...repeated, ...paid, ...asking, ...preview } as const;
    front.answer({ view, id, dialog: this.question ? 'companion' : null });
  }

  private previewOf(card: CardFacts, where: Whereabouts, repeated: boolean): { preview?: Preview } {
    const { device, keeper, desk, tariffs } = this.deps;
    const { zone = 'UTC', currency, direction = 'in' } = device.policy;
    const nowMs = keeper.nowMs();
    const earlier = repeated ? desk.ride(card, where) : null;
    // On leaving, or where nobody knows which way it is, no price can be shown.
    const ride = farePreviewOf(direction === 'in' ? tariffs?.current() : undefined, {
      card,
      where,
      deviceId: device.deviceId,
      nowMs,
      clockUnsure: keeper.state().syncAgeMs === null || keeper.uncertaintyMs() > PREVIEW_UNSURE_MS,
      ...(earlier && { repeats: { elapsedMs: earlier.elapsedMs } }),
    });
    const preview = previewOf(card, { nowMs, zone, currency, ride });
    return preview === undefined ? {} : { preview };
  }

  private limitsOf({ mediumKind }: CardFacts, { routeId }: Whereabouts): BesideLimits {
    const { device, keeper } = this.deps;
    return besideLimits(device.policy.companions, { routeId, mediumKind, nowMs: keeper.nowMs() });
  }

  private failed(written: AppendResult | undefined): void {
    const failure = written?.ok === false ? { why: written.why, err: written.cause } : {};
    this.deps.log.error(failure, 'edge.journal.append-failed');
    this.outOfOrder();
  }

  private outOfOrder(): void {
    this.question = undefined;
    this.deps.front.answer({ view: { sign: 'refused', reason: 'VALIDATOR_OUT_OF_ORDER' }, id: null });
  }

  private idOf(written: AppendResult): string | null {
    if (!written.ok) return null;
    return recordId(this.deps.device.deviceId, written.record.epoch, written.record.seq);
  }

  /** The other doors take the next touch there for the same ride. */
  private tellDoors(
    { tokenId, formerTokenId }: CardFacts,
    record: { readonly epoch: string; readonly seq: number },
    where: Whereabouts,
  ): void {
    // Other doors take what they are told for boardings.
    if ((this.deps.device.policy.direction ?? 'in') !== 'in') return;
    const card = { tokenId, ...(formerTokenId !== undefined && { formerTokenId }) };
    const ride = this.deps.desk.ride(card as CardFacts, where);
    if (ride === null) return;
    const { epoch } = record;
    const ageMs = Math.max(0, Math.round(ride.elapsedMs));
    const { seq = null, companions, bags } = ride;
    const beside = { companions, ...(bags && { bags }) };
    this.deps.tellDoors({ ...card, epoch, seq: seq ?? record.seq, ageMs, ...beside });
  }

  private async settle(
    visit: CardVisit,
    card: CardFacts,
    green: { readonly seq: number; readonly beside: Beside; readonly where: Whereabouts },
  ): Promise<void> {
    const { device, keeper } = this.deps;
    const clockUnsure = keeper.state().syncAgeMs === null;
    const at = { deviceId: device.deviceId, nowMs: keeper.nowMs(), clockUnsure };
    await this.settling.settle(visit, logEntryOf(green, at), card);
  }
}

/** Whether a key is one of the question's. An escort is recorded as a companion: whose right it is, the city says. */
function isOffered(
  press: Press,
  { offers }: CompanionQuestion,
): press is Press & { readonly press: 'companion' | 'bag' } {
  if (press.press === 'bag') return offers.includes('bag');
  return press.press === 'companion' && offers.some((offer) => offer !== 'bag');
}

/** What the panel says of a ride's companions, escorts and bags; nothing of what there is none of. */
function shownOf(taken: Beside, limits: BesideLimits) {
  const escorts = escortsOf(limits, taken);
  const companions = taken.companions - escorts;
  return {
    ...(companions > 0 && { companions }),
    ...(escorts > 0 && { escorts }),
    ...(taken.bags > 0 && { bags: taken.bags }),
  };
}
