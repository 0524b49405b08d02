/** `kvytok import compare`: an earlier system's charges beside ours, line by line. */
import { open } from 'node:fs/promises';
import { resolve } from 'node:path';
import { formatMoney } from '#contracts/money.ts';
import { OperatorError } from '#platform/errors.ts';
import { readImportTable } from '../../fare-engine/adapters/import-table.ts';
import {
  addTo,
  type Charge,
  type ComparedRide,
  type CompareTotals,
  compareCharges,
  type Difference,
  noTotals,
} from '../../fare-engine/import/compare-charges.ts';
import { amountCell, instantCell, MEDIUM_COLUMNS, tokenCell } from '../../fare-engine/import/import-files.ts';
import { readOwnCharges } from '../../fare-engine/import/own-charges.ts';
import { formatImportProblem, type ImportProblem, ProblemList } from '../../fare-engine/import/problems.ts';
import { csvCell } from '../../fare-engine/settlement/act-page.ts';
import { openAuditDatabase } from '../audit-database.ts';
import { type CommandIo, EXIT, UsageError } from '../command.ts';
import { instantOf } from '../instants.ts';
import { type ImportCity, openImportCity } from './import-city.ts';
import { type ImportOptions, toJson } from './run.ts';
import { openTokenOf } from './token-of.ts';

export interface CompareOptions extends ImportOptions {
  readonly from?: string | undefined;
  readonly until?: string | undefined;
  readonly tolerance?: string | undefined;
  readonly out?: string | undefined;
}

/** Most charges of the earlier system that are held at once. */
const CHARGES_MAX = 2_000_000;
const COLUMNS = [...MEDIUM_COLUMNS, 'at', 'amount', 'currency?', 'ref?'];

interface Period {
  readonly fromMs: number;
  readonly untilMs: number;
}

/** Exit 0: no difference; 1: there are some; 65: the file has problems. */
export async function runCompare(file: string, options: CompareOptions, io: CommandIo): Promise<number> {
  const { from, until, tolerance = '60', out } = options;
  if (from === undefined || until === undefined)
    throw new UsageError('--from INSTANT and --until INSTANT are needed');
  if (!/^\d{1,4}$/.test(tolerance)) throw new UsageError('--tolerance takes seconds, 0 to 9999');
  const tokenOf = openTokenOf(
    options['token-key'] && resolve(io.cwd, options['token-key']),
    options['token-key-version'],
  );
  const { pool, cityDir, nowMs } = openAuditDatabase(options.data, io);
  try {
    const city = await openImportCity(cityDir, tokenOf, nowMs());
    const { zone, currency } = city.terms;
    const period = { fromMs: instantOf(from, '--from', zone), untilMs: instantOf(until, '--until', zone) };
    if (period.untilMs <= period.fromMs) throw new UsageError('--until must be after --from');
    const problems = new ProblemList();
    const { byToken: there, outside } = await readThere(resolve(io.cwd, file), period, city, problems);
    if (problems.count > 0) {
      io.stdout.write(`${problems.listed.map(formatImportProblem).join('\n')}\nNothing was compared.\n`);
      return EXIT.data;
    }
    const writer = out === undefined ? undefined : await openCsv(resolve(io.cwd, out));
    const totals = noTotals();
    const compared = async (tokenId: string, here: readonly Charge[]): Promise<void> => {
      const rides = compareCharges(there.get(tokenId) ?? [], here, Number(tolerance) * 1000);
      there.delete(tokenId);
      for (const ride of rides) {
        addTo(totals, ride);
        if (ride.difference !== 'same') await writer?.write(tokenId, ride);
      }
    };
    await readOwnCharges(pool, period, compared);
    for (const tokenId of [...there.keys()].sort()) await compared(tokenId, []);
    await writer?.end();
    io.stdout.write(
      options.json === true
        ? toJson({ ...period, currency, totals, outside })
        : totalsText(totals, currency) + outsideText(outside),
    );
    return totals['other-price'].rides + totals['missing-here'].rides + totals['missing-there'].rides === 0
      ? EXIT.ok
      : EXIT.failed;
  } finally {
    await pool.end();
  }
}

/** Charges of the period by token, and how many of the file are of other times. */
async function readThere(
  path: string,
  { fromMs, untilMs }: Period,
  { terms }: ImportCity,
  problems: ProblemList,
): Promise<{ byToken: Map<string, Charge[]>; outside: number }> {
  const file = path.slice(path.lastIndexOf('/') + 1);
  const byToken = new Map<string, Charge[]>();
  let count = 0;
  let outside = 0;
  await readImportTable(
    path,
    { file, columns: COLUMNS },
    (line, cells) => {
      const read = chargeOf(line, cells, terms);
      if ('problems' in read) problems.add(...read.problems.map((one) => ({ ...one, file, line })));
      else if (read.charge.atMs < fromMs || read.charge.atMs >= untilMs) outside++;
      else {
        if (++count > CHARGES_MAX) throw tooMany(file);
        const known = byToken.get(read.tokenId);
        if (known) known.push(read.charge);
        else byToken.set(read.tokenId, [read.charge]);
      }
    },
    (problem) => problems.add(problem),
  );
  return { byToken, outside };
}

type CellProblem = Omit<ImportProblem, 'file' | 'line'>;

function chargeOf(
  line: number,
  cells: Readonly<Record<string, string>>,
  { zone, currency, tokenOf }: ImportCity['terms'],
): { tokenId: string; charge: Charge } | { problems: CellProblem[] } {
  const problems: CellProblem[] = [];
  const bad = (column: string, message: string, howToMend: string) =>
    problems.push({ code: 'IMPORT_VALUE', column, message, howToMend });
  const { at = '', amount = '', ref = '' } = cells;
  const token = tokenCell(cells, tokenOf);
  if (typeof token !== 'string') bad(token.column, token.message, token.howToMend);
  const atMs = instantCell(at, zone);
  if (atMs === undefined)
    bad('at', 'no instant', 'Write 2026-12-01 07:30:05 (local time), or a time with a zone.');
  const amountMinor = amountCell(amount, currency);
  if (amountMinor === undefined) bad('amount', 'no amount', `Write ${currency} like 12.00.`);
  if ((cells['currency'] ?? currency) !== currency && cells['currency'] !== '')
    bad('currency', 'not the city’s currency', `Write ${currency}, or leave it out.`);
  if (problems.length > 0) return { problems };
  const charge = { atMs: atMs as number, amountMinor: amountMinor as bigint, ref: ref || `line ${line}` };
  return { tokenId: token as string, charge };
}

function tooMany(file: string): OperatorError {
  return new OperatorError({
    code: 'IMPORT_COMPARE_TOO_MANY',
    happened: `${file} has more than ${CHARGES_MAX} charges in this period.`,
    kept: 'Nothing was changed.',
    todo: 'Compare it in parts: narrow --from and --until.',
  });
}

/** One line for each difference; whoever reads waits for the disk. @throws OperatorError IMPORT_COMPARE_UNWRITABLE */
async function openCsv(path: string) {
  const file = await open(path, 'w', 0o600).catch((error: Error) => {
    throw unwritable(path, error);
  });
  const put = async (text: string): Promise<void> => {
    await file.write(text).catch((error: Error) => {
      throw unwritable(path, error);
    });
  };
  await put('difference,token_id,there_at,there_amount_minor,there_ref,here_at,here_amount_minor,here_tap\n');
  const iso = (charge: Charge | null) => (charge === null ? '' : new Date(charge.atMs).toISOString());
  return {
    async write(tokenId: string, { difference, there, here }: ComparedRide): Promise<void> {
      const cells = [
        difference,
        tokenId,
        iso(there),
        there?.amountMinor.toString() ?? '',
        there?.ref ?? '',
        iso(here),
        here?.amountMinor.toString() ?? '',
        here?.ref ?? '',
      ];
      await put(`${cells.map(csvCell).join(',')}\n`);
    },
    end: () => file.close(),
  };
}

function unwritable(path: string, { message }: Error): OperatorError {
  return new OperatorError({
    code: 'IMPORT_COMPARE_UNWRITABLE',
    happened: `${path} cannot be written: ${message}.`,
    kept: 'Nothing in the database was changed; the file is not whole.',
    todo: 'Name a file in a folder that is there, on a disk with room.',
  });
}

const WORDS: Readonly<Record<Difference, string>> = {
  same: 'the same',
  'other-price': 'another price',
  'missing-there': 'missing there',
  'missing-here': 'missing here',
};

/** Many of them may mean a wrong period, or times without their zone. */
function outsideText(outside: number): string {
  return outside === 0
    ? ''
    : `Not compared: ${outside} charges of the file are of other times than the period\n`;
}

function totalsText(totals: CompareTotals, currency: string): string {
  const money = (amountMinor: bigint) => formatMoney({ amountMinor, currency }, 'en').padStart(16);
  const lines = (Object.keys(WORDS) as Difference[]).map((difference) => {
    const { rides, thereMinor, hereMinor } = totals[difference];
    return `${WORDS[difference].padEnd(15)} ${String(rides).padStart(9)} rides ${money(thereMinor)} there ${money(hereMinor)} here\n`;
  });
  return lines.join('');
}
