/** `kvytok assign`: which vehicle, carrier and route hold, and the office's word on them. */
import { parseArgs } from 'node:util';
import { LANGUAGES, type Language } from '#contracts/reason-codes.ts';
import { routeByText } from '#contracts/route-by.ts';
import { type City, loadCity } from '#platform/city-data.ts';
import { createFareCalendar } from '#pricing/fare-day.ts';
import { showVehicle, type VehicleAnswer } from '../../fare-engine/show-vehicle.ts';
import { openAuditDatabase } from '../audit-database.ts';
import { type CommandIo, EXIT, UsageError } from '../command.ts';
import { type CityHere, checkPayload, handIn } from '../hand-in.ts';
import { instantOf } from '../instants.ts';
import {
  refuseUnknownCarrier,
  refuseUnknownDevice,
  refuseUnknownTrip,
  sayNewVehicle,
} from '../known-names.ts';
import { refuseUnknownRoute } from '../known-terms.ts';

export const usage = `Usage: kvytok assign show VEHICLE --at INSTANT [--lang uk|en|de|pl] [--json]
       kvytok assign device DEVICE --vehicle VEHICLE --from INSTANT [--until INSTANT]
       kvytok assign vehicle VEHICLE --carrier CARRIER --from INSTANT [--until INSTANT]
       kvytok assign plan VEHICLE --route ROUTE --from INSTANT [--until INSTANT] [--trip TRIP] [--direction 0|1]
       kvytok assign route VEHICLE --route ROUTE --from INSTANT --until INSTANT --reason TEXT --who NAME
                           [--trip TRIP] [--direction 0|1] [--device DEVICE in place of VEHICLE]
       kvytok assign clock DEVICE --from INSTANT --until INSTANT --reason TEXT --who NAME
                           --offset=SECONDS | --true-at INSTANT [--unsure SECONDS] [--act TEXT]
                           [--epoch EPOCH [--from-seq N] [--to-seq N]]
       kvytok assign station DEVICE --from INSTANT [--until INSTANT] [--withdraw]

show      which facts say carrier and route of a vehicle, and which of them holds
device    the device rides on the vehicle
vehicle   the vehicle drives for the carrier (agency_id of the feed)
plan      the vehicle is to drive the route
route     the vehicle drove another route than was recorded: open days are priced and settled anew, closed days stay
clock     taps of a validator with a wrong clock took place at another time: those whose own records say one from --from
          until --until; open days are priced and settled anew, closed days stay
station   the device may issue and replace cards: what another device says of cards has no effect; --withdraw ends it

INSTANT is local time of the city, 2025-10-14T07:30, or has a zone: 2025-10-14T04:30Z. Times are half-open. A device, carrier, route or trip
that the city does not have is refused at once; that a vehicle is new is said. All but show wait for the engine's answer where it can be
read (--no-wait: they do not); a refusal is exit code 1.

  --data   data folder of a running city; otherwise KVYTOK_POSTGRES_URL (show: role auditor_runtime; else office_runtime)
           and KVYTOK_CITY_DIR
`;

const OPTIONS = {
  at: { type: 'string' },
  from: { type: 'string' },
  until: { type: 'string' },
  vehicle: { type: 'string' },
  carrier: { type: 'string' },
  route: { type: 'string' },
  trip: { type: 'string' },
  direction: { type: 'string' },
  device: { type: 'string' },
  reason: { type: 'string' },
  who: { type: 'string' },
  offset: { type: 'string' },
  'true-at': { type: 'string' },
  unsure: { type: 'string' },
  act: { type: 'string' },
  epoch: { type: 'string' },
  'from-seq': { type: 'string' },
  'to-seq': { type: 'string' },
  withdraw: { type: 'boolean' },
  lang: { type: 'string' },
  json: { type: 'boolean' },
  'no-wait': { type: 'boolean' },
  data: { type: 'string' },
} as const;
type Options = {
  [K in keyof typeof OPTIONS]?: (K extends 'json' | 'withdraw' | 'no-wait' ? boolean : string) | undefined;
};

const KINDS = {
  device: 'assign-device',
  vehicle: 'assign-vehicle',
  plan: 'assign-route',
  route: 'correct-route',
  clock: 'correct-clock',
  station: 'say-station',
} as const;

export async function run(args: string[], io: CommandIo): Promise<number> {
  const { values, positionals } = parseArgs({ args, allowPositionals: true, options: OPTIONS });
  const [what, subject, ...rest] = positionals;
  if (rest.length > 0) throw new UsageError(`too much: ${rest.join(' ')}`);
  if (what === 'show' && subject !== undefined) return show(subject, values, io);
  if (what === undefined || !Object.hasOwn(KINDS, what)) {
    throw new UsageError('show VEHICLE, device, vehicle, plan, route, clock or station is needed');
  }
  return submit(what as keyof typeof KINDS, subject, values, io);
}

async function show(vehicleId: string, options: Options, io: CommandIo): Promise<number> {
  const language = languageOf(options.lang);
  if (options.at === undefined) throw new UsageError('--at INSTANT is needed');
  const { pool, cityDir } = openAuditDatabase(options.data, io);
  try {
    const city = cityOf(cityDir);
    const atMs = instantOf(options.at, '--at', city.zone);
    const fareDay = createFareCalendar(city.zone, city.dayStart).fareDayOf(atMs);
    const answer = await showVehicle(pool, vehicleId, atMs, fareDay);
    io.stdout.write(options.json === true ? `${JSON.stringify(answer, null, 2)}\n` : lines(answer, language));
    return answer.devices.length > 0 ? EXIT.ok : EXIT.failed;
  } finally {
    await pool.end();
  }
}

function lines({ vehicleId, devices, facts }: VehicleAnswer, language: Language): string {
  if (devices.length === 0) return `No device is assigned to ${vehicleId} at this instant.\n`;
  const said = devices.map(
    ({ deviceId, carrierId, routeId, tripId, directionId, routeBy, routeFactId }) =>
      `${deviceId}: carrier ${carrierId ?? '–'}, route ${routeId ?? '–'}, trip ${tripId ?? '–'}, direction ${directionId ?? '–'}\n` +
      `  ${routeByText(routeBy, language)}${routeFactId === null ? '' : ` (${routeFactId})`}\n`,
  );
  const known = Object.entries(facts).flatMap(([sort, list]) =>
    (list as readonly object[]).map((fact) => `  ${sort}: ${JSON.stringify(fact)}\n`),
  );
  return `${said.join('')}Facts at this instant:\n${known.join('')}`;
}

async function submit(
  what: keyof typeof KINDS,
  subject: string | undefined,
  options: Options,
  io: CommandIo,
): Promise<number> {
  if (what === 'clock' && (options.who === undefined || (options.offset ?? options['true-at']) === undefined))
    throw new UsageError(
      '--who NAME, and --offset=SECONDS (e.g. --offset=-150) or --true-at INSTANT are needed',
    );
  const payload = async ({ cityDir }: CityHere): Promise<object> => {
    const said = checkPayload(KINDS[what], payloadOf(what, subject, options, cityOf(cityDir)));
    await checkNames(said, cityDir, options, io);
    return said;
  };
  return handIn(KINDS[what], payload, options, io, {
    by: options.who ?? 'kvytok assign',
    showsPayload: true,
  });
}

/** @throws UsageError for a name that the city does not have */
async function checkNames(
  said: NamesSaid,
  cityDir: string | null,
  options: Options,
  io: CommandIo,
): Promise<void> {
  await refuseUnknownRoute(said.routeId, cityDir);
  refuseUnknownTrip(said.tripId, said.routeId, cityDir);
  refuseUnknownCarrier(said.carrierId, cityDir);
  await refuseUnknownDevice(said.deviceId, options, io);
  await sayNewVehicle(said.vehicleId, options, io);
}

/** The names in a payload of any kind. */
interface NamesSaid {
  readonly deviceId?: string;
  readonly vehicleId?: string;
  readonly carrierId?: string;
  readonly routeId?: string;
  readonly tripId?: string;
}

function payloadOf(
  what: keyof typeof KINDS,
  subject: string | undefined,
  options: Options,
  city: City,
): object {
  const interval = {
    validFromMs: options.from === undefined ? undefined : instantOf(options.from, '--from', city.zone),
    validUntilMs: options.until === undefined ? undefined : instantOf(options.until, '--until', city.zone),
  };
  const driven = {
    routeId: options.route,
    tripId: options.trip,
    directionId: options.direction === undefined ? undefined : Number(options.direction),
  };
  const fields = {
    device: { deviceId: subject, vehicleId: options.vehicle },
    vehicle: { vehicleId: subject, carrierId: options.carrier },
    plan: { vehicleId: subject, ...driven },
    route: {
      vehicleId: subject,
      deviceId: options.device,
      ...driven,
      reason: options.reason,
      who: options.who,
    },
    clock: clockFields(subject, options, city),
    station: { deviceId: subject, allowed: options.withdraw !== true },
  }[what];
  return { ...fields, ...interval };
}

function clockFields(deviceId: string | undefined, options: Options, city: City): object {
  const trueAt = options['true-at'];
  return {
    deviceId,
    offsetMs: millisecondsOf(options.offset, '--offset'),
    trueAtMs: trueAt === undefined ? undefined : instantOf(trueAt, '--true-at', city.zone),
    uncertaintyMs: millisecondsOf(options.unsure, '--unsure'),
    epoch: options.epoch,
    fromSeq: options['from-seq'] === undefined ? undefined : Number(options['from-seq']),
    toSeq: options['to-seq'] === undefined ? undefined : Number(options['to-seq']),
    reason: options.reason,
    act: options.act,
  };
}

function millisecondsOf(text: string | undefined, name: string): number | undefined {
  if (text === undefined) return undefined;
  if (!/^[+-]?\d{1,12}(\.\d{1,3})?$/.test(text))
    throw new UsageError(`${name} takes seconds, like -150 or 0.5`);
  return Math.round(Number(text) * 1000);
}

function cityOf(cityDir: string | null): City {
  if (cityDir === null) throw new UsageError("KVYTOK_CITY_DIR is needed: times are the city's");
  return loadCity(cityDir).city;
}

function languageOf(text: string | undefined): Language {
  if (text === undefined) return 'uk';
  if ((LANGUAGES as readonly string[]).includes(text)) return text as Language;
  throw new UsageError(`--lang takes ${LANGUAGES.join(', ')}`);
}
