/**
 * The simulated city: real edge agents in vehicles that follow the timetable, and riders who touch them. Everything it
 * decides comes from the seed and the city's time.
 */
import type { CityData, PlannedDevice } from '#platform/city-data.ts';
import type { Clock } from '#platform/clock.ts';
import type { Logger } from '#platform/logger.ts';
import type { Probe } from '#platform/probe.ts';
import type { Role } from '#platform/role.ts';
import { whileItShrinks } from '#platform/while-it-shrinks.ts';
import { createInProcessCardReader } from '../../edge-agent/adapters/in-process-card-reader.ts';
import { type EdgeRole, startEdge } from '../../edge-agent/main.ts';
import type { DesfireMasterKeys } from '../cards/desfire/issue-desfire.ts';
import type { CardIssuer } from '../cards/issue-card.ts';
import { type Radio, startRadio } from './adapters/radio.ts';
import { readCityFiles } from './adapters/read-city-files.ts';
import { createAgenda, endOfNight } from './agenda.ts';
import { createCardBox } from './card-box.ts';
import { type Clerk, createClerk } from './clerk.ts';
import { type Boarding, planDay } from './day-plan.ts';
import { createPathFinder } from './find-path.ts';
import { createFleet, type Fleet, type FleetStats } from './fleet.ts';
import { createGnssReceiver } from './gnss-receiver.ts';
import { createOfficeDesk, type OfficeCommand } from './office.ts';
import { makeRiders } from './riders.ts';
import type { Timetable } from './timetable.ts';
import { createVehicle, type Vehicle } from './vehicle.ts';

export interface FleetOptions {
  readonly cityData: CityData;
  readonly seed: number;
  /** The city's clock. */
  readonly clock: Clock;
  readonly log: Logger;
  /** Folder of an enrolled device (device.json and its keys). */
  readonly deviceFolder: (deviceId: string) => string | Promise<string>;
  /** The broker; over TCP each vehicle gets a radio of its own that can be cut. */
  readonly mqttUrl: string;
  /** Takes a command of the office; may reject, then it is brought again later. */
  readonly office: (command: OfficeCommand) => Promise<void>;
  /**
   * Resolves when what the office took so far holds. Awaited once, between the plan of devices and the first rider: a ride
   * in a vehicle without a line would cost nothing until it is priced again. Without it nobody waits.
   */
  readonly obeyed?: () => Promise<void>;
  /** Issuer whose key the devices pin, for the riders' cards. */
  readonly issuer: CardIssuer;
  /** Master keys of the city's cards of layout 2, in the generation that new cards get. */
  readonly cardKeys: DesfireMasterKeys;
  /** Secret with which the devices turn a card's number into its token. */
  readonly tokenKey: Uint8Array;
  /** Jumps the city's clock over the night; without it the nights pass at the clock's pace. */
  readonly leapTo?: (ms: number) => void;
  /** Defaults of these stand in the city's file. */
  readonly riders?: number;
  readonly tapsPerSecondMax?: number;
  /** Only the first so many vehicles drive. */
  readonly vehiclesMax?: number;
  /** Probability that a vehicle loses its network within 20 minutes of city time; 0.05 unless told. */
  readonly outageChance?: number;
  /** Real milliseconds between two health reports of an agent; they carry the position on the map. */
  readonly healthIntervalMs?: number;
  /** Real milliseconds between two steps of the simulation. */
  readonly tickMs?: number;
  /** Without any receipt for so long `stop` waits no more for journals to be receipted, real milliseconds. */
  readonly drainIdleMsMax?: number;
  readonly probe?: Probe;
  /** Hears the record of every green, for whoever reconciles them afterwards. */
  readonly onGreen?: (recordId: string) => void;
}

export interface FleetRole extends Role {
  /** Ends riding and opens all radios; agents go on uploading. Resolves when every touch has its answer. */
  quiet(): Promise<void>;
  /** Records of all vehicles that no receipt has freed yet. */
  unreceipted(): number;
  stats(): FleetStats;
}

const OUTAGE_CHANCE = 0.05;
const HEALTH_INTERVAL_MS = 1000;
const TICK_MS = 250;
/**
 * A slow machine may need most of a minute until its database is back; who waits longer without one receipt waits in vain.
 * Validators would pause longer between tries (`UPLOAD_LIMITS`, `FLEET_BACKOFF`), so they are told not to.
 */
const DRAIN = { idleMsMax: 60_000, nudgeEveryMs: 5_000, everyMs: 50 };
const CARD_DAYS_BEFORE = 180;
const DAY_MS = 86_400_000;

/** Starts all agents and the simulation; resolves when every vehicle can take cards. */
export async function startFleet(options: FleetOptions): Promise<FleetRole> {
  const { cityData, seed, clock, log } = options;
  const { simulation, currency } = cityData.city;
  const { timetable, shares } = readCityFiles(cityData.dir);
  const beginMs = timetable.zone.instantMs(Date.parse(`${simulation.startsAt}Z`));
  const validFromMs = beginMs - CARD_DAYS_BEFORE * DAY_MS;
  const desk = createOfficeDesk({ seed, currency, validFromMs });
  const clerk = createClerk({
    office: options.office,
    waitingMax: 200_000,
    onFailure: (err) => log.warn({ err }, 'fleet.office.failed'),
  });
  const assignments = cityData.devices.flatMap((device) => desk.assignDevice(device));
  for (const command of assignments) clerk.bring(command);
  const paths = createPathFinder(timetable);
  const count = options.riders ?? simulation.riders;
  const riders = makeRiders({ seed, count, shares, timetable, paths });
  const fleetDevices = drivingDevices(cityData.devices, options.vehiclesMax);
  const garage = await openGarage(fleetDevices, timetable, options);
  try {
    const fleet = createFleet({
      seed,
      riders: new Map(riders.map((rider) => [rider.riderId, rider])),
      shares,
      vehicles: garage.vehicles,
      agenda: createAgenda(
        timetable,
        remembering((day) => planDay({ seed, riders, timetable, paths, day })),
        clock.nowMs(),
      ),
      desk,
      clerk,
      ...createCardBox({
        issuer: options.issuer,
        cardKeys: options.cardKeys,
        tokenKey: options.tokenKey,
        beginMs,
        validFromMs,
      }),
      setOnline: (vehicleId, online) => garage.radios.get(vehicleId)?.setOnline(online),
      outageChance: garage.radios.size > 0 ? (options.outageChance ?? OUTAGE_CHANCE) : 0,
      tapsPerSecondMax: options.tapsPerSecondMax ?? simulation.tapsPerSecondMax,
      log,
    });
    await clerk.work(assignments.length);
    await options.obeyed?.();
    log.info({ vehicles: garage.vehicles.size, riders: riders.length, seed }, 'fleet.started');
    return drive(fleet, garage, clerk, timetable, options);
  } catch (error) {
    await garage.close();
    throw error;
  }
}

/** Validators that ride: the desk's has no block. */
function drivingDevices(devices: readonly PlannedDevice[], vehiclesMax = Number.POSITIVE_INFINITY) {
  return devices
    .filter((device) => device.blockId !== undefined && device.vehicleId !== undefined)
    .slice(0, vehiclesMax);
}

/** The last few plans: two readers of the agenda ask for the same day. */
function remembering(plan: (day: number) => Boarding[]): (day: number) => Boarding[] {
  const KEPT_MAX = 3;
  const plans = new Map<number, Boarding[]>();
  return (day) => {
    const known = plans.get(day);
    if (known) return known;
    const made = plan(day);
    plans.set(day, made);
    for (const old of plans.keys()) if (plans.size > KEPT_MAX) plans.delete(old);
    return made;
  };
}

interface Garage {
  /** By block. */
  readonly vehicles: ReadonlyMap<string, Vehicle>;
  readonly edges: readonly EdgeRole[];
  /** By vehicle. */
  readonly radios: ReadonlyMap<string, Radio>;
  close(): Promise<void>;
}

async function openGarage(
  devices: readonly PlannedDevice[],
  timetable: Timetable,
  options: FleetOptions,
): Promise<Garage> {
  const vehicles = new Map<string, Vehicle>();
  const radios = new Map<string, Radio>();
  const edges: EdgeRole[] = [];
  const close = async () => {
    await Promise.allSettled(edges.map((edge) => edge.stop()));
    await Promise.allSettled([...radios.values()].map((radio) => radio.stop()));
  };
  const withRadio = /^mqtts?:/.test(options.mqttUrl);
  try {
    for (const { deviceId, vehicleId, blockId } of devices) {
      if (vehicleId === undefined || blockId === undefined) continue;
      const radio = withRadio ? await startRadio(options.mqttUrl) : undefined;
      if (radio) radios.set(vehicleId, radio);
      const deviceDir = await options.deviceFolder(deviceId);
      const reader = createInProcessCardReader(deviceDir, () => options.clock.nowMs());
      const edge = await startEdge(
        {
          deviceDir,
          mqttUrl: radio?.url ?? options.mqttUrl,
          healthIntervalMs: options.healthIntervalMs ?? HEALTH_INTERVAL_MS,
        },
        {
          clock: options.clock,
          log: options.log,
          reader,
          ...(options.probe !== undefined && { probe: options.probe }),
        },
      );
      edges.push(edge);
      edge.agent.onAnswer((view, recordId) => {
        if (view.sign === 'accepted' && recordId !== null) options.onGreen?.(recordId);
      });
      const receiver = createGnssReceiver(options.seed, vehicleId);
      vehicles.set(
        blockId,
        createVehicle({ vehicleId, blockId, agent: edge.agent, reader, timetable, receiver }),
      );
    }
    return { vehicles, edges, radios, close };
  } catch (error) {
    await close();
    throw error;
  }
}

/** Runs the steps until the role is stopped. */
function drive(
  fleet: Fleet,
  garage: Garage,
  clerk: Clerk,
  timetable: Timetable,
  options: FleetOptions,
): FleetRole {
  const { clock, leapTo, log } = options;
  let lastMs = performance.now();
  const step = () => {
    const nowMs = performance.now();
    const cityMs = clock.nowMs();
    fleet.tick(cityMs, nowMs - lastMs);
    lastMs = nowMs;
    const morningMs = leapTo && fleet.queueing === 0 ? endOfNight(timetable, cityMs) : null;
    if (leapTo && morningMs !== null) {
      log.info({ fromMs: cityMs, toMs: morningMs }, 'fleet.night.skipped');
      leapTo(morningMs);
    }
  };
  step();
  const timer = setInterval(step, options.tickMs ?? TICK_MS);
  const unreceipted = () =>
    garage.edges.reduce((sum, edge) => sum + edge.agent.health().journal.unreceipted, 0);
  let quieting: Promise<void> | undefined;
  const quiet = () => {
    clearInterval(timer);
    quieting ??= fleet.quiet();
    return quieting;
  };
  let stopping: Promise<void> | undefined;
  const stop = async () => {
    await quiet();
    // The journals' last records; what does not get through stays in them. Riders who still wait to top up come again
    // after the next start: they need not keep the city open.
    const recordsLeft = await whileItShrinks(unreceipted, {
      ...DRAIN,
      idleMsMax: options.drainIdleMsMax ?? DRAIN.idleMsMax,
      nudge: () => {
        for (const { agent } of garage.edges) if (agent.health().journal.unreceipted > 0) agent.deliver();
      },
    });
    await garage.close();
    log.info({ ...fleet.stats(), recordsLeft, commandsLeft: clerk.waiting }, 'fleet.stopped');
  };
  return {
    name: 'fleet',
    quiet,
    unreceipted,
    stats: () => fleet.stats(),
    stop: () => {
      stopping ??= stop();
      return stopping;
    },
  };
}
