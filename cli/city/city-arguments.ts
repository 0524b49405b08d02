/** Options of `kvytok city`, from the command line and the environment. */
import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { Type } from 'typebox';
import { readEnvironment } from '#platform/config.ts';
import { type CommandIo, UsageError } from '../command.ts';

/** The checkout's own folder. */
export const HOME = fileURLToPath(new URL('../../', import.meta.url));

const listen = Type.Optional(
  Type.String({ pattern: '^[^\\s:]+:[0-9]{1,5}$', description: 'address:port, port 0 takes a free one' }),
);

const CityEnvironment = Type.Object({
  KVYTOK_DATA_DIR: Type.Optional(Type.String({ minLength: 1, description: 'folder that holds all data' })),
  KVYTOK_CITY_DIR: Type.Optional(Type.String({ minLength: 1, description: "the city's data" })),
  KVYTOK_PORTAL_LISTEN: listen,
  KVYTOK_BROKER_LISTEN: listen,
  KVYTOK_OPS_LISTEN: listen,
  KVYTOK_BACKUP_DIR: Type.Optional(Type.String({ minLength: 1, description: 'folder of a running backup' })),
  KVYTOK_LOG_LEVEL: Type.Optional(
    Type.Union(['debug', 'info', 'warn', 'error', 'silent'].map((level) => Type.Literal(level))),
  ),
});

export interface CityArguments {
  readonly dataFolder: string;
  readonly cityDir: string;
  readonly portalListen: string;
  readonly brokerListen?: string;
  readonly opsListen: string;
  readonly logLevel: string;
  /** Run so long, then drain, stop and reconcile; absent = until Ctrl-C. */
  readonly seconds?: number;
  readonly seed?: number;
  readonly speed?: number;
  /** Folder into which the city is backed up while it runs. */
  readonly backupFolder?: string;
}

const SECONDS_MAX = 86_400;
const SEED_MAX = 0xffff_ffff;
const SPEED_MAX = 600;

/**
 * Reads the options.
 * @throws UsageError or OperatorError CONFIG_INVALID naming what is wrong.
 */
export function cityArguments(args: string[], io: Pick<CommandIo, 'env' | 'cwd'>): CityArguments {
  const { values } = parseArgs({
    args,
    options: {
      seconds: { type: 'string' },
      seed: { type: 'string' },
      speed: { type: 'string' },
      data: { type: 'string' },
      city: { type: 'string' },
      port: { type: 'string' },
      'mqtt-port': { type: 'string' },
      backup: { type: 'string' },
    },
  });
  const env = readEnvironment(CityEnvironment, io.env);
  const brokerListen = portOf('mqtt-port', values['mqtt-port']) ?? env.KVYTOK_BROKER_LISTEN;
  const backup = values.backup ?? env.KVYTOK_BACKUP_DIR;
  const seconds = numberOf('seconds', values.seconds, { min: 1, max: SECONDS_MAX, whole: true });
  const seed = numberOf('seed', values.seed, { min: 0, max: SEED_MAX, whole: true });
  const speed = numberOf('speed', values.speed, { min: 0.1, max: SPEED_MAX, whole: false });
  return {
    dataFolder: dataFolderOf(values.data, io),
    cityDir: resolve(io.cwd, values.city ?? env.KVYTOK_CITY_DIR ?? `${HOME}cities/ternopil`),
    portalListen: portOf('port', values.port) ?? env.KVYTOK_PORTAL_LISTEN ?? '127.0.0.1:8080',
    ...(brokerListen === undefined ? {} : { brokerListen }),
    opsListen: env.KVYTOK_OPS_LISTEN ?? '127.0.0.1:0',
    logLevel: env.KVYTOK_LOG_LEVEL ?? 'warn',
    ...(seconds === undefined ? {} : { seconds }),
    ...(seed === undefined ? {} : { seed }),
    ...(speed === undefined ? {} : { speed }),
    ...(backup === undefined ? {} : { backupFolder: resolve(io.cwd, backup) }),
  };
}

/** The data folder of the embedded city: named, or `.kvytok` in the checkout. */
export function dataFolderOf(option: string | undefined, io: Pick<CommandIo, 'env' | 'cwd'>): string {
  return resolve(io.cwd, option ?? io.env['KVYTOK_DATA_DIR'] ?? `${HOME}.kvytok`);
}

function portOf(name: string, text: string | undefined): string | undefined {
  const port = numberOf(name, text, { min: 0, max: 65_535, whole: true });
  return port === undefined ? undefined : `127.0.0.1:${port}`;
}

function numberOf(
  name: string,
  text: string | undefined,
  bounds: { min: number; max: number; whole: boolean },
): number | undefined {
  if (text === undefined) return undefined;
  const value = /^\d{1,12}(\.\d{1,6})?$/.test(text) ? Number(text) : Number.NaN;
  const fits = value >= bounds.min && value <= bounds.max && (!bounds.whole || Number.isInteger(value));
  if (fits) return value;
  const kind = bounds.whole ? 'a whole number' : 'a number';
  throw new UsageError(`--${name} takes ${kind} from ${bounds.min} to ${bounds.max}`);
}
