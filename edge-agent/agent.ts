/**
 * The validator: a card comes, is read, decided, written down and answered; only then does anything travel. The
 * network is never asked before the light shows, so a day without it is a day like any other.
 *
 * This file is the wiring: states are `validator/machine.ts`, one touch is `validator/touch-desk.ts`.
 */
import type { DeviceHealth } from '#contracts/device-report.ts';
import type { Language } from '#contracts/reason-codes.ts';
import type { Whereabouts } from '#contracts/record.ts';
import type { Logger } from '#platform/logger.ts';
import type { Probe } from '#platform/probe.ts';
import type { AgentLimits } from './agent-limits.ts';
import type { Agent, AgentCounters, AgentState, AnswerListener, Position } from './agent-types.ts';
import type { LinkCounters } from './city-link.ts';
import { type CityTies, createCityTies } from './city-ties.ts';
import type { Timekeeper } from './clock-evidence.ts';
import type { DenyList } from './deny-list.ts';
import type { BelievedKeys } from './health.ts';
import type { Journal } from './journal.ts';
import type { KeyPins } from './key-pins.ts';
import { answerInspector } from './neighbours/answer.ts';
import type { Peers, PeersDeps } from './neighbours/peers.ts';
import { createVehicleMemory, type VehicleMemory } from './neighbours/vehicle-memory.ts';
import type { AskMessage } from './neighbours/wire.ts';
import type {
  CardReader,
  CardVisit,
  Chance,
  Device,
  Press,
  Screen,
  ScreenView,
  Timers,
  Uplink,
} from './ports.ts';
import type { PositionFix } from './stops/find-stop.ts';
import { createTapDesk } from './tap-desk.ts';
import type { TariffBook } from './tariff-book.ts';
import { type Condition, createCondition } from './validator/condition.ts';
import { createFront, type Front } from './validator/front.ts';
import { createStaffDesk, type StaffDesk } from './validator/staff-desk.ts';
import { createTouchDesk, type TouchDesk } from './validator/touch-desk.ts';
import { createWhereDesk, type WhereDesk } from './whereabouts.ts';

export type { Agent, AgentCounters, AgentState, AnswerListener, Position } from './agent-types.ts';

export interface AgentDeps {
  readonly device: Pick<Device, 'deviceId' | 'vehicleId' | 'policy' | 'stopPlan'> & BelievedKeys;
  /** The other devices of the vehicle, where there is a way to them. */
  readonly neighbours?: (heard: Pick<PeersDeps, 'onRide' | 'onMet' | 'answer'>) => Pick<Peers, 'rode'>;
  /** The city's tariffs, for what a ride costs. */
  readonly tariffs?: TariffBook;
  /** Follows changes of the city's keys. */
  readonly pins?: KeyPins;
  readonly journal: Journal;
  readonly denyList: DenyList;
  readonly keeper: Timekeeper;
  readonly timers: Timers;
  readonly chance: Chance;
  readonly reader: CardReader;
  readonly uplink: Uplink;
  readonly screen: Screen;
  readonly probe: Probe;
  readonly log: Logger;
  readonly limits: AgentLimits;
  /** Language of the resting screen. */
  readonly language: Language;
  /** Called with the epoch whenever a new one has begun. */
  readonly onEpoch: (epoch: string) => void;
}

/** Makes an agent over its parts; nothing runs before `start`. */
export function createAgent(deps: AgentDeps): Agent {
  return new ValidatorAgent(deps);
}

class ValidatorAgent implements Agent {
  private readonly deps: AgentDeps;
  private readonly ties: CityTies;
  private readonly place: WhereDesk;
  private readonly condition: Condition;
  private readonly front: Front;
  private readonly staff: StaffDesk;
  private readonly touches: TouchDesk;
  private readonly others: VehicleMemory;
  private readonly own = { accepted: 0, refused: 0, latencyMsMax: 0, ridesHeard: 0 };
  private lane: Promise<void> = Promise.resolve();
  private running = false;
  private listening = false;
  private epoch: string;
  private touchBeganMs: number | undefined;

  constructor(deps: AgentDeps) {
    const { device, journal, keeper } = deps;
    this.deps = deps;
    this.epoch = journal.head().epoch;
    const moment = () => ({ nowMs: keeper.nowMs(), monoMs: keeper.monoMs() });
    this.place = createWhereDesk({ ...device, moment });
    this.condition = createCondition(deps);
    const desk = createTapDesk(deps);
    this.front = createFront({
      ...deps,
      nowMs: () => keeper.nowMs(),
      fault: () => this.condition.fault(),
      deaf: () => this.listening && this.condition.deaf(),
      online: () => this.ties.online(),
      notices: () => this.condition.notices(),
      listAgeMs: () => this.condition.listAgeMs(),
    });
    const { stopPlan } = device;
    const { rebuildRecordsMax } = deps.limits;
    this.staff = createStaffDesk({ journal, keeper, place: this.place, stopPlan, rebuildRecordsMax });
    this.others = createVehicleMemory({ ...deps, vehicleId: device.vehicleId });
    const neighbours = deps.neighbours?.({
      onMet: (deviceId, ageMs) => this.others.met(deviceId, ageMs),
      onRide: (ride) => {
        this.own.ridesHeard++;
        this.others.rode(ride);
        desk.rodeElsewhere(ride, this.place.now());
      },
      answer: (ask) => this.answerInspector(ask),
    });
    this.touches = createTouchDesk({
      ...deps,
      desk,
      staff: this.staff,
      place: this.place,
      front: this.front,
      usable: () => this.usable(),
      tellDoors: (ride) => neighbours?.rode(ride),
      written: () => this.ties.pump(),
    });
    this.ties = createCityTies({
      ...deps,
      counters: () => this.own,
      place: () => this.place.report(),
      moreHealth: () => ({ cardLogs: { ...this.touches.settled } }),
      onChanged: () => {
        this.condition.look();
        this.front.look();
      },
      onEpoch: (epoch) => {
        if (epoch !== this.epoch) {
          desk.forgetRides();
          this.touches.forgetQuestion();
          this.front.outages.beginAnew(deps.timers.nowMs());
        }
        this.epoch = epoch;
        deps.onEpoch(epoch);
      },
    });
    this.front.onAnswer((view) => this.count(view));
  }

  async start(): Promise<void> {
    this.running = true;
    await this.ties.start();
    await this.deps.reader.start((visit) => this.present(visit));
    // Before this nobody could be expected to be answered, and nothing is said of it.
    this.listening = true;
    this.front.outages.beginAnew(this.deps.timers.nowMs());
  }

  async stop(): Promise<void> {
    if (!this.running) return;
    await this.deps.reader.stop();
    await this.lane;
    this.running = false;
    this.front.stop();
    await this.ties.stop();
  }

  state(): AgentState {
    return this.condition.fault() === null ? this.front.state() : 'out-of-order';
  }

  /** One card or key after the other; resolves when this one has its answer. */
  private present(visit: CardVisit): Promise<void> {
    const touch = this.lane.then(() => (this.running ? this.answered(visit) : undefined));
    this.lane = touch.catch(() => {});
    return touch;
  }

  /** A rider gets an answer also from a validator with a bug; whoever presented the card gets the bug. */
  private async answered(visit: CardVisit): Promise<void> {
    this.touchBeganMs = this.deps.timers.nowMs();
    try {
      await this.touches.touch(visit);
    } catch (err) {
      this.deps.log.error({ err }, 'edge.touch.failed');
      this.front.answer({ view: { sign: 'refused', reason: 'VALIDATOR_OUT_OF_ORDER' }, id: null });
      throw err;
    } finally {
      this.touchBeganMs = undefined;
    }
  }

  press(press: Press): void {
    this.lane = this.lane
      .then(() => {
        if (this.running) this.touches.press(press);
      })
      .catch((err: unknown) => this.deps.log.error({ err }, 'edge.press.failed'));
  }

  private count({ sign }: ScreenView): void {
    if (sign === 'accepted') this.own.accepted++;
    if (sign === 'refused') this.own.refused++;
    if (this.touchBeganMs === undefined) return;
    const tookMs = this.deps.timers.nowMs() - this.touchBeganMs;
    this.own.latencyMsMax = Math.max(this.own.latencyMsMax, tookMs);
  }

  private usable(): boolean {
    return this.deps.journal.hasRoom() && this.ties.recovered();
  }

  deliver(): void {
    this.ties.deliver();
  }

  view(): ScreenView {
    return this.front.view();
  }

  onAnswer(listener: AnswerListener): () => void {
    return this.front.onAnswer(listener);
  }

  health(): DeviceHealth {
    return this.ties.health();
  }

  counters(): AgentCounters & LinkCounters {
    return { ...this.own, ...this.touches.counters, ...this.ties.counters() };
  }

  setWhereabouts(where: Whereabouts, position?: Position, nextStopId?: string): void {
    this.place.tell(where, position, nextStopId);
  }

  observe(fix: PositionFix): void {
    this.place.observe(fix);
  }

  openShift(where: Whereabouts, source: 'plan' | 'driver' = 'plan'): boolean {
    return this.pumped(this.staff.open(where, source));
  }

  closeShift(source: 'plan' | 'driver' = 'plan'): boolean {
    return this.pumped(this.staff.close(source));
  }

  private answerInspector(ask: AskMessage) {
    const { journal, keeper, timers, limits } = this.deps;
    return answerInspector(ask, {
      newest: () => journal.newest(limits.rebuildRecordsMax),
      recordsMax: limits.rebuildRecordsMax,
      outages: this.front.outages,
      others: this.others,
      now: keeper.evidence(),
      timerMs: timers.nowMs(),
    });
  }

  private pumped(written: boolean): boolean {
    if (written) this.ties.pump();
    return written;
  }
}
