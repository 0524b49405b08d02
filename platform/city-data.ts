/**
 * A city is data: its `city.yaml` and `devices/devices.yaml`, read once at the start. No code knows a city's name.
 */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Static, type TSchema, Type } from 'typebox';
import { LineCounter, parseDocument } from 'yaml';
import { CardMediaFile } from '#contracts/card-media.ts';
import { DeviceId, FeedId } from '#contracts/ids.ts';
import { keyed } from '#contracts/keyed.ts';
import { Currency } from '#contracts/money.ts';
import { parserOf } from '#contracts/parse.ts';
import { MediumKind } from '#contracts/record.ts';
import { OperatorError } from './errors.ts';

const seconds = Type.Integer({ minimum: 0 });
const percent = Type.Integer({ minimum: 0, maximum: 100 });
const names = Type.Object({
  uk: Type.String(),
  en: Type.String(),
  de: Type.String(),
  pl: Type.String(),
});

/** A side that signs: what it is called, and whose signature counts. */
const party = Type.Object({ names, signs: names });

/** What the platform must know of a city (`cities/<city>/city.yaml`). */
export const City = Type.Object({
  id: Type.String({ pattern: '^[a-z][a-z0-9-]*$' }),
  names,
  /** IANA zone in which the city's days and wall times are read. */
  zone: Type.String(),
  currency: Currency,
  /** Local time at which a fare day begins. */
  dayStart: Type.String({ pattern: '^([01][0-9]|2[0-3]):[0-5][0-9]$' }),
  center: Type.Object({ lat: Type.Number(), lon: Type.Number() }),
  clock: Type.Object({
    /** Drift of a device's clock, parts per million. */
    driftPpm: Type.Number({ minimum: 0 }),
    /** Uncertainty of a record whose device was never synced in its boot. */
    unsyncedUncertaintyS: seconds,
    /** Own uncertainty of a tap beyond which later syncs of its validator settle its time. */
    settleBeyondS: seconds,
    /** Records further from their receipt than this are flagged. */
    farFromReceiptS: seconds,
  }),
  validator: Type.Object({
    passBackS: seconds,
    journalRecordsMax: Type.Integer({ minimum: 100 }),
    direction: Type.Optional(Type.Union([Type.Literal('in'), Type.Literal('out'), Type.Literal('both')])),
    /** Kinds of media that this city's validators take. */
    mediumKinds: Type.Optional(Type.Array(MediumKind, { minItems: 1 })),
  }),
  /** From when on the city page asks for a person's attention; each may be left out (portal/attention.ts). */
  attention: Type.Optional(
    Type.Object({
      silentS: Type.Optional(seconds),
      denyListOldS: Type.Optional(seconds),
      clockAloneS: Type.Optional(seconds),
      journalFullPct: Type.Optional(Type.Integer({ minimum: 1, maximum: 100 })),
      backlogRows: Type.Optional(Type.Integer({ minimum: 1 })),
      backupOldS: Type.Optional(seconds),
      tariffGraceS: Type.Optional(seconds),
      signShownS: Type.Optional(seconds),
    }),
  ),
  /** How a stop is found and when it counts; without it devices find none, and a stop that is told counts. */
  stops: Type.Optional(
    Type.Object({
      reachM: Type.Number({ exclusiveMinimum: 0, maximum: 1000 }),
      hysteresisM: Type.Number({ minimum: 0, maximum: 1000 }),
      freshS: Type.Number({ minimum: 0, maximum: 3600 }),
      halfLifeS: Type.Number({ exclusiveMinimum: 0, maximum: 86_400 }),
      timetablePct: percent,
      driverPct: percent,
      dropPct: percent,
      /** A stop less sure than this makes no price higher. */
      countsFromPct: percent,
    }),
  ),
  /** Months are settled with carriers: when their books are due, and who signs. Without it no month is closed. */
  settlement: Type.Optional(
    Type.Object({
      /** Days after the last fare day of the month. */
      closeAfterDays: Type.Integer({ minimum: 1, maximum: 60 }),
      /** Local time of that day. */
      closeAt: Type.String({ pattern: '^([01][0-9]|2[0-3]):[0-5][0-9]$' }),
      department: party,
      /** By `agency_id`. */
      carriers: keyed('^.{1,128}$', party, { maxProperties: 1000 }),
    }),
  ),
  /** The audit log: the name under which it signs, like an address without a scheme. */
  audit: Type.Optional(Type.Object({ origin: Type.String({ pattern: '^[a-z0-9][a-z0-9./-]{2,199}$' }) })),
  /** For the simulated city only. */
  simulation: Type.Object({
    startsAt: Type.String({ pattern: '^\\d{4}-\\d{2}-\\d{2}T\\d{2}:\\d{2}$' }),
    speed: Type.Number({ exclusiveMinimum: 0, maximum: 600 }),
    seed: Type.Integer({ minimum: 0 }),
    riders: Type.Integer({ minimum: 1 }),
    tapsPerSecondMax: Type.Number({ exclusiveMinimum: 0 }),
  }),
});
export type City = Static<typeof City>;

/** A device of the plan (`devices/devices.yaml`). A desk validator has no vehicle. */
export const PlannedDevice = Type.Object({
  deviceId: DeviceId,
  vehicleId: Type.Optional(FeedId),
  carrierId: FeedId,
  /** Route on which taps are priced: of the block, or of a desk that rides in no vehicle. */
  routeId: Type.Optional(FeedId),
  blockId: Type.Optional(FeedId),
});
export type PlannedDevice = Static<typeof PlannedDevice>;

const DeviceFile = Type.Object({ devices: Type.Array(PlannedDevice, { minItems: 1, maxItems: 20_000 }) });

/** A city with the folder it was read from. */
export interface CityData {
  readonly dir: string;
  readonly city: City;
  readonly devices: readonly PlannedDevice[];
  /** `card-media.yaml`: which cards validators take; absent = the default of contracts/card-media.ts. */
  readonly cardMedia?: CardMediaFile;
}

/**
 * Reads a city's folder.
 * @throws OperatorError CITY_DATA_INVALID naming file, line and what is wrong.
 */
export function loadCity(dir: string): CityData {
  const city = readYaml(join(dir, 'city.yaml'), City);
  const { devices } = readYaml(join(dir, 'devices', 'devices.yaml'), DeviceFile);
  const ids = new Set<string>();
  for (const { deviceId } of devices) {
    if (ids.has(deviceId))
      throw cityDataInvalid(join(dir, 'devices', 'devices.yaml'), `device ${deviceId} stands twice`);
    ids.add(deviceId);
  }
  const cardMedia = join(dir, 'card-media.yaml');
  return existsSync(cardMedia)
    ? { dir, city, devices, cardMedia: readYaml(cardMedia, CardMediaFile) }
    : { dir, city, devices };
}

/**
 * A YAML file of a city's data, checked.
 * @throws OperatorError CITY_DATA_INVALID naming file, line and what is wrong.
 */
export function readYaml<S extends TSchema>(file: string, schema: S): Static<S> {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    throw cityDataInvalid(file, `cannot be read (${(error as NodeJS.ErrnoException).code})`);
  }
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines });
  const first = document.errors[0];
  if (first)
    throw cityDataInvalid(`${file}:${lines.linePos(first.pos[0]).line}`, first.message.split('\n')[0] ?? '');
  const parsed = parserOf(schema)(document.toJS());
  if (parsed.ok) return parsed.value;
  const problems = parsed.problems.map(({ path, message }) => {
    const node = document.getIn(path.split('/').slice(1), true) as
      | { range?: [number, number, number] }
      | undefined;
    const line = node?.range ? `line ${lines.linePos(node.range[0]).line}, ` : '';
    return `${line}${path}: ${message}`;
  });
  throw cityDataInvalid(file, problems.join('; '));
}

/** The refusal of a file of a city's folder. */
export function cityDataInvalid(file: string, problem: string): OperatorError {
  return new OperatorError({
    code: 'CITY_DATA_INVALID',
    happened: `${file}: ${problem}.`,
    kept: 'Nothing was started and nothing was changed.',
    todo: 'Mend the file and start again; cities/README.md describes its fields.',
  });
}
