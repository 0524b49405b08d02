/** `kvytok reconcile bank`: a day's money by the ledger, the acquirer, the payment provider, the tills and the city's bank. */
import { parseArgs } from 'node:util';
import { formatMoney } from '#contracts/money.ts';
import { loadCity } from '#platform/city-data.ts';
import { createFareCalendar } from '#pricing/fare-day.ts';
import { loadBankTerms } from '../../fare-engine/adapters/load-bank-terms.ts';
import { readMoneyDay } from '../../fare-engine/bank/read-money-day.ts';
import {
  type DayFiles,
  type MoneyDifference,
  reconcileMoney,
} from '../../fare-engine/bank/reconcile-bank.ts';
import { openAuditDatabase } from '../audit-database.ts';
import { type CommandIo, EXIT, UsageError } from '../command.ts';
import { readClearing, readProvider, readStatement, readTills } from '../reconcile/money-files.ts';

export const usage = `Usage: kvytok reconcile bank DATE [--clearing FILE]… [--provider FILE] [--tills FILE] [--statement FILE]
                             [--fee-permille N] [--json] [--data DIR]

bank  holds the files of a day against the ledger and against each other, and names every difference by file, line and
      reason: missing here or there, another amount or currency, twice, another fee, a payout that the bank did not book or
      booked with another sum. A file that is not given is not missed. Exit code 1 when something differs. Nothing is changed.

--clearing      the acquirer's clearing file; several where a clearing may stand in the neighbouring day's
--provider      the payment provider's report: top-ups, passes and debts paid there
--tills         what was counted in each till
--statement     the statement of the city's bank: payouts and deposits
--fee-permille  what the acquirer may keep of a clearing
  --data        data folder of a running city; otherwise KVYTOK_POSTGRES_URL (role auditor_runtime) and KVYTOK_CITY_DIR
`;

const text = { type: 'string' } as const;
const OPTIONS = {
  clearing: { type: 'string', multiple: true },
  ...{ provider: text, tills: text, statement: text, 'fee-permille': text, data: text },
  json: { type: 'boolean' },
} as const;

function parse(args: string[]) {
  return parseArgs({ args, allowPositionals: true, options: OPTIONS });
}
type Values = ReturnType<typeof parse>['values'];

export async function run(args: string[], io: CommandIo): Promise<number> {
  const { values, positionals } = parse(args);
  const [what, day, ...rest] = positionals;
  if (what !== 'bank' || day === undefined || rest.length > 0) throw new UsageError('bank DATE is needed');
  if (!/^\d{4}-\d{2}-\d{2}$/.test(day) || Number.isNaN(Date.parse(day)))
    throw new UsageError(`${day} is no date`);
  const fee = values['fee-permille'];
  if (fee !== undefined && !/^\d{1,3}$/.test(fee)) throw new UsageError('--fee-permille takes 0 to 999');
  const files = filesOf(values);
  if (Object.keys(files).length === 0) throw new UsageError('at least one file is needed');
  const { pool, cityDir } = openAuditDatabase(values.data, io);
  try {
    if (cityDir === null) throw new UsageError("KVYTOK_CITY_DIR is needed: the day is the city's");
    const terms = loadBankTerms(cityDir);
    if (terms === null) throw new UsageError('bank-cards.yaml of this city says nothing of an acquirer');
    const { acquirerId, providerId } = terms;
    const rules = { day, acquirerId, providerId, ...(fee !== undefined && { feePermille: BigInt(fee) }) };
    const calendar = createFareCalendar(loadCity(cityDir).city.zone, '00:00');
    const before = new Date(Date.parse(day) - 86_400_000).toISOString().slice(0, 10);
    const named = [...(files.clearing ?? []), ...(files.provider ?? [])].map(({ reference }) => reference);
    const span = { fromMs: calendar.endOfMs(before), untilMs: calendar.endOfMs(day), named };
    const found = reconcileMoney(await readMoneyDay(pool, rules, span), files, rules);
    io.stdout.write(values.json === true ? toJson(day, found) : toText(day, found, terms.currency));
    return found.length === 0 ? EXIT.ok : EXIT.failed;
  } finally {
    await pool.end();
  }
}

function filesOf({ clearing, provider, tills, statement }: Values): DayFiles {
  return {
    ...(clearing !== undefined && { clearing: clearing.flatMap(readClearing) }),
    ...(provider !== undefined && { provider: readProvider(provider) }),
    ...(tills !== undefined && { tills: readTills(tills) }),
    ...(statement !== undefined && { statement: readStatement(statement) }),
  };
}

function toText(day: string, found: readonly MoneyDifference[], currency: string): string {
  if (found.length === 0) return `${day}: everything agrees\n`;
  const money = (minor: bigint | null): string =>
    minor === null ? 'nothing' : formatMoney({ amountMinor: minor, currency }, 'en');
  const lines = found.map(
    ({ book, line, reference, reason, expectedMinor, foundMinor }) =>
      `${book}${line === null ? '' : `:${line}`}  ${reason}  ${reference}  expected ${money(expectedMinor)}, found ${money(foundMinor)}\n`,
  );
  return `${day}: ${found.length} differences\n${lines.join('')}`;
}

function toJson(day: string, differences: readonly MoneyDifference[]): string {
  const digits = (_key: string, value: unknown): unknown =>
    typeof value === 'bigint' ? value.toString() : value;
  return `${JSON.stringify({ day, differences }, digits, 2)}\n`;
}
