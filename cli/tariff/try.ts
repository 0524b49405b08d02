/** `kvytok tariff try`: an officer's cases, priced under packages that need not be signed; says which did not come out as expected. */
import { dirname, isAbsolute, join, relative, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { LANGUAGES } from '#contracts/reason-codes.ts';
import { City, readYaml } from '#platform/city-data.ts';
import { type FileProblem, formatFileProblem } from '#pricing/file-problem.ts';
import type { TariffPackage } from '#pricing/tariff-package.ts';
import { createTariffTimeline, type TariffTimeline } from '#pricing/tariff-timeline.ts';
import { type TriedCase, tryCase } from '../../fare-engine/tariff-cases/try-case.ts';
import { caseLines, caseObject, summaryLine, summaryOf } from '../../fare-engine/tariff-cases/try-text.ts';
import { loadTariffFolder, loadTariffTimeline } from '../../fare-engine/tariffs/load-tariff.ts';
import { type CommandIo, EXIT, UsageError } from '../command.ts';
import { loadCases } from './load-cases.ts';
import { exists, packagesOf } from './package-folders.ts';

const OPTIONS = {
  cases: { type: 'string', multiple: true },
  'day-start': { type: 'string' },
  lang: { type: 'string', default: 'uk' },
  json: { type: 'boolean', default: false },
} as const;

/** Problems told at most. */
const PROBLEMS_MAX = 200;

/** Exit code 0 when every case came out as expected, 1 when one did not, 65 when nothing could be tried. */
export async function tariffTry(args: string[], io: CommandIo): Promise<number> {
  const { values, tokens } = parseArgs({ args, allowPositionals: true, options: OPTIONS, tokens: true });
  // Packages come first; what follows --cases are files of cases, so that a shell may write out a pattern.
  const first =
    tokens.find((token) => token.kind === 'option' && token.name === 'cases')?.index ?? args.length;
  const words = tokens.filter((token) => token.kind === 'positional');
  const folders = words.filter(({ index }) => index < first).map(({ value }) => value);
  const files = [
    ...(values.cases ?? []),
    ...words.filter(({ index }) => index > first).map(({ value }) => value),
  ];
  const language = LANGUAGES.find((known) => known === values.lang);
  if (language === undefined) throw new UsageError(`--lang takes ${LANGUAGES.join(', ')}`);
  if (folders.length === 0 || files.length === 0)
    throw new UsageError('write: kvytok tariff try DIR… --cases FILE…');
  const given = values['day-start'];
  if (given !== undefined && !/^([01]\d|2[0-3]):[0-5]\d$/.test(given))
    throw new UsageError('--day-start takes a time, HH:MM');
  const dirs = folders.map((dir) => resolve(io.cwd, dir));
  const dayStart = given ?? (await dayStartOf(dirs));
  const packages = await packagesIn(dirs, folders);
  const read = await loadCases(files, io.cwd);
  const problems = [...packages.problems, ...read.problems];
  const tried: TriedCase[] = [];
  if (packages.tariffs !== null)
    for (const placed of read.cases) {
      const attempt = tryCase(placed, packages.tariffs, dayStart);
      if (attempt.ok) tried.push(attempt.tried);
      else for (const problem of attempt.problems) problems.push(problem);
    }
  if (problems.length > 0 || packages.tariffs === null) return refuse(problems, values.json, io);
  const { tariffs } = packages;
  const lines = values.json
    ? [...tried.map((one) => caseObject(one, tariffs)), summaryOf(tried)].map(toJson)
    : [...tried.flatMap((one) => caseLines(one, tariffs, language)), summaryLine(tried, language)];
  io.stdout.write(`${lines.join('\n')}\n`);
  return tried.every((one) => one.asExpected) ? EXIT.ok : EXIT.failed;
}

function refuse(problems: readonly FileProblem[], json: boolean, io: CommandIo): number {
  // One case with `each` may be told of its place more than once.
  const told = [...new Set(problems.map((problem) => (json ? toJson(problem) : formatFileProblem(problem))))];
  for (const line of told.slice(0, PROBLEMS_MAX)) (json ? io.stdout : io.stderr).write(`${line}\n`);
  if (told.length > PROBLEMS_MAX) io.stderr.write(`… and ${told.length - PROBLEMS_MAX} more\n`);
  io.stderr.write('No case was tried.\n');
  return EXIT.data;
}

interface Found {
  /** `null` = there are problems. */
  readonly tariffs: TariffTimeline | null;
  readonly problems: FileProblem[];
}

/** The packages of these folders together; one that is named itself supersedes what was named before it. */
async function packagesIn(dirs: readonly string[], names: readonly string[]): Promise<Found> {
  const found = new Map<string, TariffPackage>();
  const activations = new Map<string, number>();
  const problems: FileProblem[] = [];
  for (const [i, dir] of dirs.entries()) {
    const named = await exists(join(dir, 'tariff.yaml'));
    const place = named ? dir : await packagesOf(dir);
    const read = named ? await loadTariffFolder(place) : await loadTariffTimeline(place);
    if (!read.ok) {
      const shown = join(names[i] ?? '', relative(dir, place));
      const errors = read.problems.filter(({ severity }) => severity === 'error');
      for (const problem of errors) problems.push(inFolder(problem, shown));
      continue;
    }
    const packages = 'package' in read ? [inForce(read.package)] : read.timeline.packages;
    for (const one of packages) found.set(one.hash, one);
    if ('package' in read) activations.set(read.package.hash, i + 1);
  }
  const { timeline } = createTariffTimeline([...found.values()], activations);
  if (problems.length === 0) problems.push(...misfits(timeline.packages, names.join(', ')));
  return { tariffs: problems.length === 0 ? timeline : null, problems };
}

/** A draft prices nothing in a city; here it is what is tried. */
function inForce(one: TariffPackage): TariffPackage {
  return { ...one, tariff: { ...one.tariff, status: 'in-force' } };
}

function misfits([first, ...others]: readonly TariffPackage[], file: string): FileProblem[] {
  const at = { file, line: 1, column: 1, severity: 'error' } as const;
  if (first === undefined)
    return [
      {
        ...at,
        code: 'TARIFF_NO_PACKAGES',
        message: 'all packages of the city are drafts',
        howToMend: 'Name the folder of the draft itself.',
      },
    ];
  const { zone, currency } = first.tariff;
  const other = others.find(({ tariff }) => tariff.zone !== zone || tariff.currency !== currency);
  if (other === undefined) return [];
  const message = `${first.tariff.version_id} and ${other.tariff.version_id} have not one zone and currency`;
  return [{ ...at, code: 'TARIFF_CURRENCY', message, howToMend: 'Try them apart.' }];
}

/** Problems of a package's file are told by its name alone, those of a folder by its path. */
function inFolder(problem: FileProblem, folder: string): FileProblem {
  return isAbsolute(problem.file) ? problem : { ...problem, file: join(folder, problem.file) };
}

/** As the city has it in whose folder the packages lie. @throws UsageError where there is none */
async function dayStartOf(dirs: readonly string[]): Promise<string> {
  for (const dir of dirs)
    for (const place of [dir, dirname(dir), dirname(dirname(dir))]) {
      const file = join(place, 'city.yaml');
      if (await exists(file)) return readYaml(file, City).dayStart;
    }
  throw new UsageError('no city.yaml lies beside the packages: --day-start HH:MM says when a day begins');
}

function toJson(value: object): string {
  return JSON.stringify(value, (_key, item: unknown) => (typeof item === 'bigint' ? item.toString() : item));
}
