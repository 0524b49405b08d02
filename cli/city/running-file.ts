/** `city.json` in the data folder: where a running city can be reached, for the commands beside it. */
import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { Type } from 'typebox';
import { decodeJson, parserOf } from '#contracts/parse.ts';
import { writeFileAtomic } from '#platform/atomic-file.ts';
import { OperatorError } from '#platform/errors.ts';

const RunningCity = Type.Object({
  v: Type.Literal(1),
  pid: Type.Integer({ minimum: 1 }),
  cityDir: Type.String(),
  pageUrl: Type.String(),
  mqttUrl: Type.String(),
  enrolmentUrl: Type.String(),
  caSha256: Type.String(),
  postgresPort: Type.Integer({ minimum: 1, maximum: 65535 }),
  /** City instant minus machine instant is not constant (speed); these two tie them together. */
  speed: Type.Number(),
});

/** What is known of a running city. Holds no secret. */
export interface RunningCity {
  readonly v: 1;
  readonly pid: number;
  readonly cityDir: string;
  readonly pageUrl: string;
  readonly mqttUrl: string;
  /** Where a device is enrolled, and the hash of the authority that it compares. */
  readonly enrolmentUrl: string;
  readonly caSha256: string;
  readonly postgresPort: number;
  readonly speed: number;
}

const fileOf = (dataFolder: string) => join(dataFolder, 'city.json');
const parse = parserOf(RunningCity);

/** Announces a running city. */
export function announceCity(dataFolder: string, city: RunningCity): void {
  writeFileAtomic(fileOf(dataFolder), `${JSON.stringify(city, null, 2)}\n`);
}

/** Takes the announcement back. */
export function withdrawCity(dataFolder: string): void {
  rmSync(fileOf(dataFolder), { force: true });
}

/**
 * Finds the city that runs on a data folder.
 * @throws OperatorError CITY_NOT_RUNNING when none does.
 */
export function findRunningCity(dataFolder: string): RunningCity {
  let bytes: Buffer;
  try {
    bytes = readFileSync(fileOf(dataFolder));
  } catch {
    throw notRunning(dataFolder);
  }
  const json = decodeJson(bytes, 8192);
  const city = json.ok ? parse(json.value) : json;
  if (!city.ok || !isAlive(city.value.pid)) throw notRunning(dataFolder);
  return city.value;
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

function notRunning(dataFolder: string): OperatorError {
  return new OperatorError({
    code: 'CITY_NOT_RUNNING',
    happened: `No city runs on ${dataFolder}.`,
    kept: 'Nothing was changed.',
    todo: 'Start one in another terminal with: npm start',
  });
}
