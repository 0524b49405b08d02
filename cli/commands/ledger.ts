/** `kvytok ledger`: trial balances and single accounts, now or as they were known at an instant. */
import { parseArgs } from 'node:util';
import { formatMoney } from '#contracts/money.ts';
import { loadCity } from '#platform/city-data.ts';
import { getZone } from '#pricing/local-time.ts';
import { type AccountStatement, accountStatement } from '../../fare-engine/account-statement.ts';
import { ACCOUNT_KINDS } from '../../fare-engine/ledger/chart-of-accounts.ts';
import {
  type AccountSums,
  balanceOf,
  type KnownState,
  type TrialBalance,
  trialBalance,
} from '../../fare-engine/trial-balance.ts';
import { openAuditDatabase } from '../audit-database.ts';
import { type CommandIo, EXIT, UsageError } from '../command.ts';
import { instantOf } from '../instants.ts';

export const usage = `Usage: kvytok ledger trial-balance [--at INSTANT] [--by account|kind] [--against-log] [--json]
       kvytok ledger account NAME [--from INSTANT | --all] [--to INSTANT] [--rows N] [--json]
       kvytok ledger chart [--json]

trial-balance  debits and credits of every account; what stands for fare days that are still open is pending, the rest
               is final. Exit code 1 when debits and credits differ in a currency, or an account has no kind.
account        what was posted to one account, with the running balance; without --from since the month before began, with
               --all since its first posting, which reads all that was ever posted
chart          the kinds of accounts, their usual side, and what they mean

--at, --from, --to  what was known at an instant: the last state that the audit log had signed by then. The answer about
                    a past instant never changes. INSTANT is local time of the city, 2025-10-14T07:30, or has a zone.
--against-log       adds up the leaves of the audit log as well and compares, account by account

  --data   data folder of a running city; otherwise KVYTOK_POSTGRES_URL (role auditor_runtime) and KVYTOK_CITY_DIR
`;

const OPTIONS = {
  at: { type: 'string' },
  by: { type: 'string' },
  'against-log': { type: 'boolean' },
  from: { type: 'string' },
  to: { type: 'string' },
  rows: { type: 'string' },
  all: { type: 'boolean' },
  json: { type: 'boolean' },
  data: { type: 'string' },
} as const;
const ROWS_MAX = 100_000;

function parse(args: string[]) {
  return parseArgs({ args, allowPositionals: true, options: OPTIONS });
}
type Values = ReturnType<typeof parse>['values'];

export async function run(args: string[], io: CommandIo): Promise<number> {
  const { values, positionals } = parse(args);
  const [what, name, ...rest] = positionals;
  if (rest.length > 0) throw new UsageError(`too much: ${rest.join(' ')}`);
  if (what === 'chart') return chart(values, io);
  if (what === 'trial-balance' && name === undefined) return balance(values, io);
  if (what === 'account' && name !== undefined) return account(name, values, io);
  throw new UsageError('trial-balance, account NAME or chart is needed');
}

function chart({ json }: Values, io: CommandIo): number {
  const lines = ACCOUNT_KINDS.map(
    ({ kind, normalSide, meaning }) => `${kind.padEnd(10)} ${normalSide.padEnd(7)} ${meaning}\n`,
  );
  io.stdout.write(json === true ? `${JSON.stringify(ACCOUNT_KINDS, null, 2)}\n` : lines.join(''));
  return EXIT.ok;
}

async function balance(values: Values, io: CommandIo): Promise<number> {
  const { by = 'account', at } = values;
  if (by !== 'account' && by !== 'kind') throw new UsageError('--by takes account or kind');
  const { pool, cityDir } = openAuditDatabase(values.data, io);
  try {
    const atMs = at === undefined ? {} : { atMs: instantOf(at, '--at', zoneOf(cityDir)) };
    const againstLog = values['against-log'] === true;
    const found = await trialBalance(pool, { ...atMs, byKind: by === 'kind', againstLog });
    io.stdout.write(values.json === true ? toJson(found) : balanceText(found, againstLog));
    return found.problems.length === 0 ? EXIT.ok : EXIT.failed;
  } finally {
    await pool.end();
  }
}

function balanceText({ known, closedUntil, accounts, problems }: TrialBalance, againstLog: boolean): string {
  const width = Math.max(9, ...accounts.map((row) => row.account.length));
  const lines = [...accounts, ...totalsOf(accounts)].map((row) => {
    const cells = [
      row.pendingDebitMinor,
      row.pendingCreditMinor,
      row.postedDebitMinor,
      row.postedCreditMinor,
      balanceOf(row),
    ].map((minor) => money(minor, row.currency).padStart(16));
    return `${row.account.padEnd(width)} ${cells.join('')}\n`;
  });
  const heads = ['pending debit', 'credit', 'posted debit', 'credit', 'balance'];
  return (
    `${knownText(known)}; closed until ${closedUntil ?? 'no day'}\n` +
    `${'account'.padEnd(width)} ${heads.map((head) => head.padStart(16)).join('')}\n${lines.join('')}` +
    (againstLog && problems.length === 0
      ? 'The sealed leaves of the audit log say the same, account by account.\n'
      : '') +
    problems.map((problem) => `! ${problem}\n`).join('')
  );
}

/** Debits and credits of all accounts, for each currency: that they agree is what the balance is made for. */
function totalsOf(accounts: readonly AccountSums[]): AccountSums[] {
  const total = (rows: readonly AccountSums[], of: (row: AccountSums) => bigint) =>
    rows.reduce((sum, row) => sum + of(row), 0n);
  return [...Map.groupBy(accounts, (row) => row.currency)].map(([currency, rows]) => ({
    account: `total ${currency}`,
    currency,
    pendingDebitMinor: total(rows, (row) => row.pendingDebitMinor),
    pendingCreditMinor: total(rows, (row) => row.pendingCreditMinor),
    postedDebitMinor: total(rows, (row) => row.postedDebitMinor),
    postedCreditMinor: total(rows, (row) => row.postedCreditMinor),
  }));
}

function knownText(known: KnownState | null): string {
  if (known === null) return 'As it stands now';
  const signed = new Date(known.signedAtMs).toISOString();
  return `As known by state ${known.size} of ${known.origin}, signed ${signed}${known.final ? '' : ' (the newest: a later one may still count)'}`;
}

async function account(name: string, values: Values, io: CommandIo): Promise<number> {
  const rowsMax = Number(values.rows ?? 1000);
  if (!Number.isInteger(rowsMax) || rowsMax < 1 || rowsMax > ROWS_MAX)
    throw new UsageError(`--rows takes 1 to ${ROWS_MAX}`);
  if (values.all === true && values.from !== undefined)
    throw new UsageError('--from INSTANT or --all, one of them');
  const { pool, cityDir } = openAuditDatabase(values.data, io);
  try {
    const instant = (text: string | undefined, option: string) =>
      text === undefined ? undefined : instantOf(text, option, zoneOf(cityDir));
    const fromMs = instant(values.from, '--from');
    const untilMs = instant(values.to, '--to');
    const found = await accountStatement(pool, {
      account: name,
      rowsMax,
      ...(fromMs === undefined ? {} : { fromMs }),
      ...(values.all === true ? {} : { beginOf: (endMs) => monthBefore(endMs, cityDir) }),
      ...(untilMs === undefined ? {} : { untilMs }),
    });
    io.stdout.write(values.json === true ? toJson(found) : statementText(found));
    return EXIT.ok;
  } finally {
    await pool.end();
  }
}

/** The first instant of the month before the one in which an instant lies, in the city's time where that is known. */
function monthBefore(endMs: number, cityDir: string | null): number {
  const zone = getZone(cityDir === null ? 'UTC' : zoneOf(cityDir));
  const wall = new Date(zone.wallMs(endMs));
  return zone.instantMs(Date.UTC(wall.getUTCFullYear(), wall.getUTCMonth() - 1));
}

function statementText({
  account: name,
  from,
  sinceMs,
  until,
  opening,
  closing,
  rows,
  count,
}: AccountStatement): string {
  const sums = (of: Readonly<Record<string, bigint>>) =>
    Object.entries(of)
      .map(([currency, minor]) => money(minor, currency))
      .join(', ') || '0';
  const lines = rows.map(
    (row) =>
      `${new Date(row.postedAtMs).toISOString()} ${money(row.amountMinor, row.currency).padStart(14)}` +
      ` ${money(row.balanceMinor, row.currency).padStart(14)} ${row.state.padEnd(7)}` +
      ` ${row.otherAccount}  ${row.postingId}${row.reverses === null ? '' : `  undoes ${row.reverses}`}\n`,
  );
  const more =
    count > rows.length ? `… ${count - rows.length} more: narrow --from and --to, or give --rows\n` : '';
  const isNobody = count === 0 && Object.keys(opening).length === 0;
  const nobody = isNobody
    ? 'Nothing had been posted to an account of this name: trial-balance names those that there are\n'
    : '';
  const start = from === null ? 'From the first posting' : knownText(from);
  const since =
    sinceMs === null
      ? ''
      : `Since the month before began, ${new Date(sinceMs).toISOString()}: --from says another instant, --all shows all that was ever posted\n`;
  return `${name}\n${since}${start}: ${sums(opening)}\n${lines.join('')}${more}${nobody}${knownText(until)}: ${sums(closing)}\n`;
}

function money(amountMinor: bigint, currency: string): string {
  return formatMoney({ amountMinor, currency }, 'en');
}

function zoneOf(cityDir: string | null): string {
  if (cityDir === null) throw new UsageError("KVYTOK_CITY_DIR is needed: times are the city's");
  return loadCity(cityDir).city.zone;
}

function toJson(value: unknown): string {
  return `${JSON.stringify(value, (_key, v: unknown) => (typeof v === 'bigint' ? v.toString() : v), 2)}\n`;
}
