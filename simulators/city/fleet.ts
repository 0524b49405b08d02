/**
 * The fleet's day: moves the vehicles, sends the riders in, cuts radios now and then, and keeps the wallets filled.
 * It holds no clock and no timer: whoever drives it calls `tick` with the city's time and the time that has passed.
 */
import type { Logger } from '#platform/logger.ts';
import type { ScreenView } from '../../edge-agent/ports.ts';
import type { VirtualCard } from '../cards/virtual-card.ts';
import type { Agenda } from './agenda.ts';
import type { RiderCard } from './card-box.ts';
import type { Clerk } from './clerk.ts';
import type { Boarding } from './day-plan.ts';
import type { OfficeDesk } from './office.ts';
import { isCutOff } from './outages.ts';
import { randomOf } from './random.ts';
import type { Rider, RiderShares } from './riders.ts';
import type { Vehicle } from './vehicle.ts';

/** What the fleet did since its start. */
export interface FleetStats {
  readonly vehicles: number;
  /** Vehicles on a trip or waiting for one. */
  readonly inService: number;
  readonly cutOff: number;
  readonly outages: number;
  readonly riders: number;
  /** Touches at a reader, with the repeated and the unreadable ones. */
  readonly touches: number;
  readonly accepted: number;
  readonly repeated: number;
  readonly refused: number;
  /** Touches after which the screen showed nothing. */
  readonly unanswered: number;
  /** Riders whose vehicle had gone when their turn came. */
  readonly leftBehind: number;
  readonly topUps: number;
  readonly commands: { readonly waiting: number; readonly brought: number; readonly dropped: number };
}

export interface FleetParts {
  readonly seed: number;
  readonly riders: ReadonlyMap<string, Rider>;
  readonly shares: RiderShares;
  /** Vehicles by block. */
  readonly vehicles: ReadonlyMap<string, Vehicle>;
  readonly agenda: Agenda;
  readonly desk: OfficeDesk;
  readonly clerk: Clerk;
  /** The rider's card. */
  readonly cardOf: (rider: Rider) => RiderCard;
  /** A card that leaves the field too early. */
  readonly tornCardOf: (rider: Rider) => VirtualCard;
  /** Connects or cuts a vehicle's radio. */
  readonly setOnline: (vehicleId: string, online: boolean) => void;
  readonly outageChance: number;
  /** Touches per second of real time over the whole fleet. */
  readonly tapsPerSecondMax: number;
  readonly log: Logger;
}

export interface Fleet {
  /** One step. `passedMs` is real time since the last one. Touches it begins go on by themselves. */
  tick(nowMs: number, passedMs: number): void;
  /** No more riders, every radio on, shifts closed; resolves when the touches under way have their answer. */
  quiet(): Promise<void>;
  /** Riders at the doors whose touch has not begun. */
  readonly queueing: number;
  stats(): FleetStats;
}

/** Riders are made known to the city this long (city time) before their first ride. */
const REGISTER_AHEAD_MS = 30 * 60_000;
/** Commands brought per step. */
const COMMANDS_PER_TICK = 50;
/** Riders at all doors together; more come only after the machine was asleep. */
const QUEUE_MAX = 20_000;

type Counters = {
  -readonly [K in 'touches' | 'accepted' | 'repeated' | 'refused' | 'unanswered' | 'leftBehind']: number;
} & { topUps: number; outages: number };

export function createFleet(parts: FleetParts): Fleet {
  return new SimulatedFleet(parts);
}

class SimulatedFleet implements Fleet {
  private readonly parts: FleetParts;
  private readonly known = new Set<string>();
  private readonly wallets = new Map<string, bigint>();
  private readonly cutOff = new Set<string>();
  private readonly underWay = new Set<Promise<void>>();
  private readonly count: Counters = {
    touches: 0,
    accepted: 0,
    repeated: 0,
    refused: 0,
    unanswered: 0,
    leftBehind: 0,
    topUps: 0,
    outages: 0,
  };
  private queue: Boarding[] = [];
  private tokens: number;
  private inService = 0;
  private stopped = false;

  constructor(parts: FleetParts) {
    this.parts = parts;
    this.tokens = parts.tapsPerSecondMax;
  }

  get queueing(): number {
    return this.queue.length;
  }

  tick(nowMs: number, passedMs: number): void {
    if (this.stopped) return;
    this.driveAll(nowMs);
    this.registerRiders(nowMs);
    this.boardRiders(nowMs, passedMs);
    void this.parts.clerk.work(COMMANDS_PER_TICK);
  }

  private driveAll(nowMs: number): void {
    const { seed, vehicles, outageChance, setOnline } = this.parts;
    this.inService = 0;
    for (const vehicle of vehicles.values()) {
      if (vehicle.drive(nowMs).kind !== 'idle') this.inService++;
      const cut = isCutOff(seed, vehicle.vehicleId, nowMs, outageChance);
      if (cut === this.cutOff.has(vehicle.vehicleId)) continue;
      setOnline(vehicle.vehicleId, !cut);
      if (cut) {
        this.cutOff.add(vehicle.vehicleId);
        this.count.outages++;
      } else this.cutOff.delete(vehicle.vehicleId);
    }
  }

  private registerRiders(nowMs: number): void {
    const { agenda, riders, desk, clerk, cardOf, vehicles } = this.parts;
    for (const { riderId, blockId } of agenda.soon(nowMs + REGISTER_AHEAD_MS)) {
      const rider = riders.get(riderId);
      if (!rider || this.known.has(riderId) || !vehicles.has(blockId)) continue;
      this.known.add(riderId);
      for (const command of desk.registerRider(rider, cardOf(rider).tokenId)) clerk.bring(command);
    }
  }

  /** Due riders step in as the rate allows; whose vehicle has gone stays behind. */
  private boardRiders(nowMs: number, passedMs: number): void {
    const { agenda, vehicles, tapsPerSecondMax } = this.parts;
    this.queue.push(...agenda.due(nowMs).filter((boarding) => vehicles.has(boarding.blockId)));
    const late = (boarding: Boarding) => boarding.untilMs <= nowMs;
    const inTime = this.queue.filter((boarding) => !late(boarding)).slice(0, QUEUE_MAX);
    this.count.leftBehind += this.queue.length - inTime.length;
    this.queue = inTime;
    // At most a second's worth is saved up, and never less than one: slow rates must still let riders in.
    const savedMax = Math.max(1, tapsPerSecondMax);
    this.tokens = Math.min(savedMax, this.tokens + (tapsPerSecondMax * passedMs) / 1000);
    while (this.tokens >= 1 && this.queue.length > 0) {
      this.tokens--;
      this.begin(this.queue.shift() as Boarding);
    }
  }

  private begin(boarding: Boarding): void {
    const touch = this.board(boarding).catch((err: unknown) => {
      this.parts.log.warn({ err, blockId: boarding.blockId }, 'fleet.touch.failed');
    });
    this.underWay.add(touch);
    void touch.finally(() => this.underWay.delete(touch));
  }

  /** One rider steps in: perhaps the card is not held long enough, perhaps it is held twice. */
  private async board(boarding: Boarding): Promise<void> {
    const { seed, shares, riders, vehicles, cardOf, tornCardOf } = this.parts;
    const vehicle = vehicles.get(boarding.blockId);
    const rider = riders.get(boarding.riderId);
    if (!vehicle || !rider) return;
    const random = randomOf(seed, 'touch', rider.riderId, boarding.atMs);
    if (rider.pays) this.fillWallet(rider, boarding);
    if (random.chance(shares.faults.unreadableShare)) await this.touch(vehicle, tornCardOf(rider));
    const { card } = cardOf(rider);
    const view = await this.touch(vehicle, card);
    if (view?.sign !== 'accepted') return;
    if (rider.pays) this.payFrom(rider);
    if (random.chance(shares.faults.doubleTouchShare)) await this.touch(vehicle, card);
  }

  private async touch(vehicle: Vehicle, card: VirtualCard): Promise<ScreenView | null> {
    this.count.touches++;
    const view = await vehicle.touch(card);
    if (view === null) this.count.unanswered++;
    else if (view.sign !== 'accepted') this.count.refused++;
    else if (view.repeated) this.count.repeated++;
    else this.count.accepted++;
    return view;
  }

  /**
   * Tops up a wallet that would run low. The rider guesses the balance from the rides of this run; a new start begins
   * at nothing, and the payment is named by the ride before which it is made.
   */
  private fillWallet(rider: Rider, boarding: Boarding): void {
    const { lowMinor, topUpMinor } = this.parts.shares.wallet;
    const balance = this.wallets.get(rider.riderId) ?? 0n;
    if (balance >= BigInt(lowMinor)) return;
    this.parts.clerk.bring(this.parts.desk.topUp(rider, topUpMinor, String(boarding.atMs)));
    this.wallets.set(rider.riderId, balance + BigInt(topUpMinor));
    this.count.topUps++;
  }

  private payFrom(rider: Rider): void {
    const balance = this.wallets.get(rider.riderId) ?? 0n;
    this.wallets.set(rider.riderId, balance - BigInt(this.parts.shares.wallet.rideMinorMax));
  }

  async quiet(): Promise<void> {
    this.stopped = true;
    this.queue = [];
    await Promise.all(this.underWay);
    for (const vehicle of this.parts.vehicles.values()) vehicle.park();
    for (const vehicleId of this.cutOff) this.parts.setOnline(vehicleId, true);
    this.cutOff.clear();
  }

  stats(): FleetStats {
    const { clerk, vehicles, riders } = this.parts;
    return {
      ...this.count,
      vehicles: vehicles.size,
      inService: this.inService,
      cutOff: this.cutOff.size,
      riders: riders.size,
      commands: { waiting: clerk.waiting, brought: clerk.brought, dropped: clerk.dropped },
    };
  }
}
