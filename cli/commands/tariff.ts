/** `kvytok tariff`: what is wrong with a package, what differs between two, whether cases come out, what a draft would do, what devices are told. */
import { stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { LANGUAGES, type Language } from '#contracts/reason-codes.ts';
import { sealEnvelope } from '#contracts/signed-envelope.ts';
import { readPrivateKeyFile } from '#platform/secret-files.ts';
import { parseIsoDate } from '#pricing/gtfs/cells.ts';
import { companionRules } from '../../fare-engine/pricing/companion-rules.ts';
import { type FileProblem, formatFileProblem, hasErrors } from '../../fare-engine/pricing/file-problem.ts';
import { inspectionRules } from '../../fare-engine/pricing/inspection.ts';
import { extractTariffs } from '../../fare-engine/pricing/tariff-extract.ts';
import type { TariffPackage } from '../../fare-engine/pricing/tariff-package.ts';
import { loadFeed } from '../../fare-engine/tariffs/load-feed.ts';
import { loadTariffFolder, loadTariffTimeline } from '../../fare-engine/tariffs/load-tariff.ts';
import { type CommandIo, EXIT, UsageError } from '../command.ts';
import { tariffApprovals } from '../tariff/approvals.ts';
import { tariffDevices } from '../tariff/devices.ts';
import { diffTariffs } from '../tariff/diff.ts';
import { tariffGenerate } from '../tariff/generate.ts';
import { tariffOfficers } from '../tariff/officers.ts';
import { exists, packagesOf } from '../tariff/package-folders.ts';
import { tariffActivate, tariffSign, tariffWithdraw } from '../tariff/sign.ts';
import { simulateTariff } from '../tariff/simulate.ts';
import { tariffTry } from '../tariff/try.ts';

export const usage = `Usage: kvytok tariff check DIR [--json]
       kvytok tariff diff OLD NEW [--lang uk|en|de|pl] [--json]
       kvytok tariff try DIR… --cases FILE… [--day-start HH:MM] [--lang uk|en|de|pl] [--json]
       kvytok tariff simulate --draft DIR --facts BUNDLE [--from DATE] [--until DATE] [--public] [--report FILE] [--picture FILE] [--lang …] [--json]
       kvytok tariff simulate --draft DIR --from DATE --until DATE [--data DIR] [--city DIR] […]
       kvytok tariff generate DIR [--write]
       kvytok tariff officers add ID --person NAME --role author|approver… --key FILE|--public-key FILE [--from T] [--until T] --city DIR
       kvytok tariff officers list|revoke ID [--from T] --city DIR
       kvytok tariff sign DIR… --as OFFICER --role author|approver --key FILE [--reason TEXT] [--withdraw] [CITY]
       kvytok tariff activate DIR --date DATE [CITY]
       kvytok tariff withdraw DIR [CITY]
       kvytok tariff approvals CITY [--facts BUNDLE] [--json]
       kvytok tariff devices [--json] [--data DIR]
       kvytok tariff inspection DIR
       kvytok tariff companions DIR
       kvytok tariff extract DIR --key FILE --key-id ID --day-start HH:MM

Checks a tariff package (a folder with tariff.yaml), all packages of a city (its folder, or the one of such folders; also for
overlaps and gaps in time), or a GTFS feed with Fares v2 (a folder or a zip archive). Prints every problem at once as file:line:column with how to mend it and
its code (docs/REASON-CODES.md); with --json an object a line.
Exit code 0 without errors (warnings do not fail), 1 with errors.

diff says what a rider meets when the package NEW follows OLD: prices by medium and category, rules, policy, caps,
concessions with act and article, dates. An id that only has another name is named as such.

try prices cases that an officer has written, rides with what each must cost and why, by the engine itself under these packages, signed or not: a
package alone, all of a city (its folder), or a city and then drafts, each of which takes the place of what it supersedes. FILE is a file of cases
or a folder of them (fare-engine/tariff-cases/README.md). It says case by case what came out as expected, and what did not: expected, computed, by
which rule, act and article. A day begins as city.yaml beside the packages has it, else as --day-start says. Exit code 1 when a case differs, 65 when
a package or file cannot be used: then no case was tried.

simulate prices past taps (a bundle as kvytok price takes it, or straight out of the database of a running city) under a draft and
shows who pays more or less and by how much, by category, route and carrier, and what each budget owes; --from and --until are fare days,
the second no longer counted. A page with a picture and all tables is written beside the bundle (--report FILE; --picture FILE for
the SVG alone). It is for the department and shows every group; --public makes one to hand out, in which groups of fewer than
10 riders do not stand alone. Nothing is written to a database.

generate adds to fare_products.txt the category rows that follow from the rows of law, for plain readers of GTFS; check fails
where a row that stands there disagrees with the law.

officers writes who may sign into officers.yaml of the city: add makes the officer's key, if FILE is not there, and takes its public half
alone; revoke ends what a key may sign. Each officer keeps the private key, outside of every checkout.

sign makes an officer's statement about each of these packages, its date and its city; officers.yaml of the city says whose count. activate
checks the package and needs an author and an approver, two people with two keys, and the city's lead before the date
(lead_hours) or a --reason in both statements; every running engine takes it within seconds. withdraw takes it back before its date,
with two signatures made by sign --withdraw. approvals checks what was signed, in the database or in an export alone.
CITY: --data DIR of a running simulated city (its test officers' keys: secrets/officers), or --city DIR (default: where the package
lies) with [--officers FILE] [--approvals DIR].

devices lists which validators have the extract that was published last, since when, and which lack it; --json is the proof
to be kept. --data: data folder of a running city; otherwise KVYTOK_POSTGRES_URL (role auditor_runtime or office_runtime).
Exit code 1 when a validator lacks it.

inspection prints what inspectors' devices are told from all packages of a city: how long a ride stands, and the penalty
with its act and article. It is the file that KVYTOK_ENROLMENT_INSPECTION_FILE names.
companions prints how many companions, escorts and bags a card may have beside its holder, for
KVYTOK_ENROLMENT_COMPANIONS_FILE.
extract prints full prices and transfers of all packages, signed with the key that signs lists, for validators' previews:
the file that KVYTOK_ENROLMENT_TARIFF_FILE names. --day-start is the city's (city.yaml).
`;

interface Checked {
  readonly problems: readonly FileProblem[];
  /** What was found to be whole, one line each. */
  readonly good: readonly string[];
}

const OPTIONS = {
  json: { type: 'boolean', default: false },
  key: { type: 'string' },
  'key-id': { type: 'string' },
  'day-start': { type: 'string' },
  lang: { type: 'string', default: 'uk' },
  draft: { type: 'string' },
  facts: { type: 'string' },
  picture: { type: 'string' },
  report: { type: 'string' },
  public: { type: 'boolean', default: false },
  data: { type: 'string' },
  city: { type: 'string' },
  from: { type: 'string' },
  until: { type: 'string' },
} as const;

/** Verbs with options of their own. */
const VERBS: Readonly<Record<string, (args: string[], io: CommandIo) => Promise<number>>> = {
  generate: tariffGenerate,
  officers: tariffOfficers,
  sign: tariffSign,
  activate: tariffActivate,
  withdraw: tariffWithdraw,
  approvals: tariffApprovals,
  devices: tariffDevices,
  try: tariffTry,
};

export async function run(args: string[], io: CommandIo): Promise<number> {
  const own = args[0] === undefined ? undefined : VERBS[args[0]];
  if (own !== undefined) return own(args.slice(1), io);
  const { values, positionals } = parseArgs({ args, allowPositionals: true, options: OPTIONS });
  const [verb, folder, ...rest] = positionals;
  if (verb === 'diff') {
    const [newer, ...more] = rest;
    if (folder === undefined || newer === undefined || more.length > 0)
      throw new UsageError('write: kvytok tariff diff OLD NEW');
    const how = { language: languageOf(values.lang), json: values.json };
    return diffTariffs({ older: folder, newer }, how, io);
  }
  if (verb === 'simulate') {
    const { draft, facts, picture, report, data, city, json, public: forPublic } = values;
    const days = values.from !== undefined && values.until !== undefined;
    if (draft === undefined || (facts === undefined && !days) || folder !== undefined)
      throw new UsageError('write: kvytok tariff simulate --draft DIR --facts BUNDLE, or --from and --until');
    const scope = { fromDay: dayOf('--from', values.from), untilDay: dayOf('--until', values.until) };
    if (scope.fromDay !== null && scope.untilDay !== null && scope.fromDay >= scope.untilDay)
      throw new UsageError('--until is the first day no longer counted: it comes after --from');
    const language = languageOf(values.lang);
    const from = { draft, facts, data, city, picture, report, scope };
    return simulateTariff({ ...from, language, json, forPublic }, io);
  }
  if (verb === 'extract' && folder !== undefined && rest.length === 0)
    return printExtract(resolve(io.cwd, folder), values, io);
  const known = verb === 'check' || verb === 'inspection' || verb === 'companions';
  if (!known || folder === undefined || rest.length > 0)
    throw new UsageError(
      'write: kvytok tariff check|inspection|companions|extract DIR, or diff OLD NEW, try, or simulate',
    );
  if (verb !== 'check') return printRules(verb, resolve(io.cwd, folder), io);
  const { problems, good } = await check(resolve(io.cwd, folder));
  const failed = hasErrors(problems);
  if (values.json) {
    for (const problem of problems) io.stdout.write(`${JSON.stringify(problem)}\n`);
  } else {
    for (const problem of problems) io.stdout.write(`${formatFileProblem(problem)}\n`);
    for (const line of failed ? [] : good) io.stdout.write(`${line}\n`);
  }
  return failed ? EXIT.failed : EXIT.ok;
}

function dayOf(option: string, text: string | undefined): string | null {
  if (text === undefined) return null;
  if (parseIsoDate(text) === undefined) throw new UsageError(`${option} takes a date, YYYY-MM-DD`);
  return text;
}

function languageOf(text: string): Language {
  const known = LANGUAGES.find((language) => language === text);
  if (known === undefined) throw new UsageError(`--lang takes ${LANGUAGES.join(', ')}`);
  return known;
}

async function printRules(what: 'inspection' | 'companions', dir: string, io: CommandIo): Promise<number> {
  const loaded = await loadTariffTimeline(dir);
  if (loaded.ok) {
    const { packages } = loaded.timeline;
    const rules = what === 'inspection' ? inspectionRules(packages) : companionRules(packages);
    io.stdout.write(`${JSON.stringify(rules)}\n`);
    return EXIT.ok;
  }
  for (const problem of loaded.problems) io.stderr.write(`${formatFileProblem(problem)}\n`);
  return EXIT.failed;
}

async function printExtract(
  dir: string,
  { key, 'key-id': keyId, 'day-start': dayStart }: { key?: string; 'key-id'?: string; 'day-start'?: string },
  io: CommandIo,
): Promise<number> {
  if (key === undefined || keyId === undefined || !/^([01]\d|2[0-3]):[0-5]\d$/.test(dayStart ?? ''))
    throw new UsageError('write: kvytok tariff extract DIR --key FILE --key-id ID --day-start HH:MM');
  const privateKey = readPrivateKeyFile(resolve(io.cwd, key));
  const loaded = await loadTariffTimeline(dir);
  if (loaded.ok) {
    const { packages } = loaded.timeline;
    const calendar = { zone: packages[0]?.tariff.zone ?? 'UTC', dayStart: dayStart as string };
    const extract = extractTariffs(packages, calendar);
    io.stdout.write(sealEnvelope('tariff-extract', extract, { keyId, privateKey }).toString('utf8'));
    return EXIT.ok;
  }
  for (const problem of loaded.problems) io.stderr.write(`${formatFileProblem(problem)}\n`);
  return EXIT.failed;
}

async function check(dir: string): Promise<Checked> {
  if (await exists(join(dir, 'tariff.yaml'))) {
    const read = await loadTariffFolder(dir);
    return {
      problems: read.problems,
      good: read.ok ? [wordOn(read.package, read.problems)] : [],
    };
  }
  if (await isFeed(dir)) {
    const feed = await loadFeed(dir);
    const priced = feed.ok && feed.feed.legRules.length > 0;
    const found = priced
      ? 'GTFS feed with Fares v2, no errors'
      : 'GTFS feed without Fares v2: no ride has a price';
    return { problems: feed.problems, good: feed.ok ? [found] : [] };
  }
  const read = await loadTariffTimeline(await packagesOf(dir));
  const good = read.ok ? read.timeline.packages.map((p) => wordOn(p, read.problems)) : [];
  return { problems: read.problems, good };
}

/** Warnings are problems too: whoever reads only the last line is not told that there are none. */
function wordOn({ tariff, hash }: TariffPackage, problems: readonly FileProblem[]): string {
  const word = problems.length === 0 ? 'no problems' : 'no errors, see the warnings';
  return `${tariff.version_id} ${hash} ${tariff.status}: ${word}`;
}

/** An archive, or a folder with a file that feeds have. */
async function isFeed(path: string): Promise<boolean> {
  const found = await stat(path).catch(() => undefined);
  if (found?.isFile()) return true;
  const there = await Promise.all(
    ['fare_leg_rules.txt', 'fare_products.txt', 'agency.txt'].map((name) => exists(join(path, name))),
  );
  return there.includes(true);
}
