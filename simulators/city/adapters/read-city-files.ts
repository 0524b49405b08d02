/** Reads what the simulation needs from a city's folder. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';
import { describeProblems, parserOf } from '#contracts/parse.ts';
import { OperatorError } from '#platform/errors.ts';
import { RiderShares } from '../riders.ts';
import { parseTimetable, type Timetable } from '../timetable.ts';

const FEED_FILES = [
  'agency.txt',
  'stops.txt',
  'routes.txt',
  'trips.txt',
  'stop_times.txt',
  'shapes.txt',
  'calendar.txt',
];

/**
 * Reads timetable and riders' shares.
 * @throws OperatorError SIMULATION_DATA_INVALID naming the file and what is wrong.
 */
export function readCityFiles(dir: string): { timetable: Timetable; shares: RiderShares } {
  const timetable = named(join(dir, 'gtfs'), () =>
    parseTimetable(
      Object.fromEntries(FEED_FILES.map((name) => [name, readFileSync(join(dir, 'gtfs', name), 'utf8')])),
    ),
  );
  const file = join(dir, 'riders.yaml');
  const read = named(file, () => parserOf(RiderShares)(parse(readFileSync(file, 'utf8'))));
  if (!read.ok) throw invalid(file, describeProblems(read.problems));
  return { timetable, shares: read.value };
}

function named<T>(file: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    throw invalid(file, (error as Error).message);
  }
}

function invalid(file: string, problem: string): OperatorError {
  return new OperatorError({
    code: 'SIMULATION_DATA_INVALID',
    happened: `${file}: ${problem}.`,
    kept: 'Nothing was started.',
    todo: 'Mend the file and start again; cities/README.md describes a city.',
  });
}
