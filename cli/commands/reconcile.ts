/** `kvytok reconcile bank`: a day's money by the ledger, the acquirer, the payment provider, the tills and the city's bank. */
import { parseArgs } from 'node:util';
import { formatMoney } from '#contracts/money.ts';
import { loadCity } from '#platform/city-data.ts';
import { createFareCalendar } from '#pricing/fare-day.ts';
import { loadMoneyHolders } from '../../fare-engine/adapters/load-money-holders.ts';
import { readMoneyDay } from '../../fare-engine/bank/read-money-day.ts';
import {
  type ClearingLine,
  type DayFiles,
  type MoneyDifference,
  reconcileMoney,
} from '../../fare-engine/bank/reconcile-bank.ts';
import { openAuditDatabase } from '../audit-database.ts';
import { type CommandIo, EXIT, UsageError } from '../command.ts';
import { calendarDay } from '../instants.ts';
import { bookMoney } from '../reconcile/book.ts';
import { bookingsOf } from '../reconcile/bookings.ts';
import type { UnmatchedMoney } from '../reconcile/camt053.ts';
import { readClearing, readProvider, readStatement, readTills } from '../reconcile/money-files.ts';

export const usage = `Usage: kvytok reconcile bank DATE [--clearing FILE]… [--provider FILE] [--tills FILE] [--statement FILE]
                             [--fee-permille N] [--book --by NAME [--no-wait]] [--json] [--data DIR]

bank  holds the files of a day against the ledger and against each other, and names every difference by file, line and
      reason: missing here or there, another amount or currency, twice, another fee, a payout that the bank did not book or
      booked with another sum. A file that is not given is not missed. Exit code 1 when something differs. Nothing is changed,
      unless --book is given and nothing differs: then what acquirer and payment provider keep and pay out by their files of the day is
      posted, and, where the statement has it, that a payout has come and that a till's money was brought to the bank. Each once: with a
      later statement the same call books the rest. It waits for the engine's answers (--no-wait: it does not); a refusal is exit code 1.

--clearing      the acquirer's clearing file; several where a clearing may stand in the neighbouring day's
--provider      the payment provider's report: top-ups, passes and debts paid there
--tills         what was counted in each till
--statement     the statement of the city's bank: payouts and deposits; CSV, or XML of the form camt.053
--fee-permille  what the acquirer may keep of a clearing
  --data        data folder of a running city; otherwise KVYTOK_POSTGRES_URL (role auditor_runtime) and KVYTOK_CITY_DIR; --book also
                needs KVYTOK_OFFICE_POSTGRES_URL (role office_runtime)
`;

const text = { type: 'string' } as const;
const OPTIONS = {
  clearing: { type: 'string', multiple: true },
  ...{ provider: text, tills: text, statement: text, 'fee-permille': text, data: text },
  by: text,
  json: { type: 'boolean' },
  book: { type: 'boolean' },
  'no-wait': { type: 'boolean' },
} as const;

function parse(args: string[]) {
  return parseArgs({ args, allowPositionals: true, options: OPTIONS });
}
type Values = ReturnType<typeof parse>['values'];

export async function run(args: string[], io: CommandIo): Promise<number> {
  const { values, positionals } = parse(args);
  const [what, day, ...rest] = positionals;
  if (what !== 'bank' || day === undefined || rest.length > 0) throw new UsageError('bank DATE is needed');
  calendarDay(day, 'bank');
  const fee = values['fee-permille'];
  if (fee !== undefined && !/^\d{1,3}$/.test(fee)) throw new UsageError('--fee-permille takes 0 to 999');
  const { book = false, by } = values;
  if (book && by === undefined) throw new UsageError('--book needs --by');
  const { files, unmatched } = filesOf(values);
  if (Object.keys(files).length === 0) throw new UsageError('at least one file is needed');
  if (book && files.clearing === undefined && files.provider === undefined && files.tills === undefined)
    throw new UsageError(
      '--book needs --clearing, --provider or --tills: what the bank booked is held against them first',
    );
  const { pool, cityDir } = openAuditDatabase(values.data, io);
  try {
    if (cityDir === null) throw new UsageError("KVYTOK_CITY_DIR is needed: the day is the city's");
    const holders = loadMoneyHolders(cityDir);
    if (holders === null) throw new UsageError('bank-cards.yaml of this city says nothing of an acquirer');
    const { acquirerId, providerId } = holders;
    const rules = { day, acquirerId, providerId, ...(fee !== undefined && { feePermille: BigInt(fee) }) };
    const { city } = loadCity(cityDir);
    const calendar = createFareCalendar(city.zone, '00:00');
    const before = new Date(Date.parse(day) - 86_400_000).toISOString().slice(0, 10);
    const named = [...(files.clearing ?? []), ...(files.provider ?? [])].map(({ reference }) => reference);
    const span = { fromMs: calendar.endOfMs(before), untilMs: calendar.endOfMs(day), named };
    const found = reconcileMoney(await readMoneyDay(pool, rules, span), files, rules);
    io.stdout.write(values.json === true ? toJson(day, found, unmatched) : toText(day, found, city.currency));
    if (values.json !== true) io.stdout.write(unmatched.map(unmatchedLine).join(''));
    if (found.length > 0) return EXIT.failed;
    if (!book || by === undefined) return EXIT.ok;
    return await bookMoney(pool, bookingsOf(files, rules), by, values, io);
  } finally {
    await pool.end();
  }
}

function filesOf({ clearing, provider, tills, statement }: Values): {
  readonly files: DayFiles;
  readonly unmatched: readonly UnmatchedMoney[];
} {
  const booked = statement === undefined ? undefined : readStatement(statement);
  const files = {
    ...(clearing !== undefined && { clearing: clearingOf(clearing) }),
    ...(provider !== undefined && { provider: readProvider(provider) }),
    ...(tills !== undefined && { tills: readTills(tills) }),
    ...(booked !== undefined && { statement: booked.lines }),
  };
  return { files, unmatched: booked?.unmatched ?? [] };
}

/** Lines of several files say in which of them they stand. */
function clearingOf(files: readonly string[]): ClearingLine[] {
  if (new Set(files).size < files.length) throw new UsageError('--clearing names a file twice');
  return files.flatMap((file) =>
    readClearing(file).map((line) => (files.length === 1 ? line : { ...line, file })),
  );
}

function toText(day: string, found: readonly MoneyDifference[], currency: string): string {
  if (found.length === 0) return `${day}: everything agrees\n`;
  const money = (minor: bigint | null): string =>
    minor === null ? 'nothing' : formatMoney({ amountMinor: minor, currency }, 'en');
  const lines = found.map(
    ({ book, file, line, reference, reason, expectedMinor, foundMinor }) =>
      `${book}${file === undefined ? '' : ` ${file}`}${line === null ? '' : `:${line}`}  ${reason}  ${reference}  expected ${money(expectedMinor)}, found ${money(foundMinor)}\n`,
  );
  return `${day}: ${found.length} differences\n${lines.join('')}`;
}

/** Money that is held against nothing; where it was some payout, that one is missing. */
function unmatchedLine({ line, amountMinor, currency, references, reason }: UnmatchedMoney): string {
  const money = formatMoney({ amountMinor, currency }, 'en');
  return `statement:${line}  not matched: ${reason}  ${money}  ${references.join(' ')}\n`;
}

function toJson(
  day: string,
  differences: readonly MoneyDifference[],
  unmatched: readonly UnmatchedMoney[],
): string {
  const digits = (_key: string, value: unknown): unknown =>
    typeof value === 'bigint' ? value.toString() : value;
  return `${JSON.stringify({ day, differences, unmatched }, digits, 2)}\n`;
}
