/** `kvytok bank`: what bank cards owe, and that somebody has paid it. */
import { randomUUID } from 'node:crypto';
import { parseArgs } from 'node:util';
import { formatMoney } from '#contracts/money.ts';
import { parsePayload } from '../../fare-engine/command-kinds.ts';
import { type ShownDebt, showDebts } from '../../fare-engine/show-debts.ts';
import { openAuditDatabase } from '../audit-database.ts';
import { createOffice } from '../city/office.ts';
import { type CommandIo, EXIT, UsageError } from '../command.ts';

export const usage = `Usage: kvytok bank debts [TOKEN] [--rows N] [--json] [--data DIR]
       kvytok bank pay PAYMENT --till NAME --reference TEXT --by NAME [--data DIR]

debts  charges that the banks of cards have refused or taken back, the oldest first: what is owed, for which days, since when,
       and the bank's last word (codes: bank-cards.yaml of the city)
pay    the whole of a debt was paid at a till, under the till's own reference: the card is taken again within a minute, unless
       it is denied for another reason or owes more. It is refused while the card's bank is being asked for it.

PAYMENT is the debt's id (bp-…), TOKEN the card's (k2.…).

  --data   data folder of a running city; otherwise KVYTOK_POSTGRES_URL (debts: role auditor_runtime; pay: office_runtime, by
           KVYTOK_OFFICE_POSTGRES_URL where both are needed)
`;

const text = { type: 'string' } as const;
const OPTIONS = {
  ...{ till: text, reference: text, by: text, rows: text, data: text },
  json: { type: 'boolean' },
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
  if (what === 'debts') return debts(name, values, io);
  if (what === 'pay' && name !== undefined) return pay(name, values, io);
  throw new UsageError('debts or pay PAYMENT is needed');
}

async function debts(tokenId: string | undefined, values: Values, io: CommandIo): Promise<number> {
  const rowsMax = Number(values.rows ?? 1000);
  if (!Number.isInteger(rowsMax) || rowsMax < 1 || rowsMax > ROWS_MAX)
    throw new UsageError(`--rows takes 1 to ${ROWS_MAX}`);
  const { pool } = openAuditDatabase(values.data, io);
  try {
    const found = await showDebts(pool, { rowsMax, ...(tokenId !== undefined && { tokenId }) });
    const digits = (_key: string, value: unknown): unknown =>
      typeof value === 'bigint' ? value.toString() : value;
    io.stdout.write(
      values.json === true ? `${JSON.stringify(found, digits, 2)}\n` : found.map(lineOf).join(''),
    );
    return EXIT.ok;
  } finally {
    await pool.end();
  }
}

function lineOf({
  paymentId,
  tokenId,
  amountMinor,
  currency,
  state,
  code,
  sinceMs,
  days,
}: ShownDebt): string {
  const since = new Date(sinceMs).toISOString();
  return `${paymentId}  ${formatMoney({ amountMinor, currency }, 'en')}  ${state} ${code ?? ''}  since ${since}  ${days.join(' ')}  ${tokenId}\n`;
}

async function pay(paymentId: string, values: Values, io: CommandIo): Promise<number> {
  const { till, reference, by } = values;
  if (till === undefined || reference === undefined || by === undefined)
    throw new UsageError('--till, --reference and --by are needed');
  const auditor = openAuditDatabase(values.data, io);
  const [debt] = await showDebts(auditor.pool, { rowsMax: ROWS_MAX })
    .then((found) => found.filter((one) => one.paymentId === paymentId))
    .finally(() => auditor.pool.end());
  if (debt === undefined)
    throw new UsageError(`${paymentId} is no debt: kvytok bank debts shows those that there are`);
  const { amountMinor, currency } = debt;
  const payload = { paymentId, source: till, reference, amountMinor: amountMinor.toString(), currency, by };
  const parsed = parsePayload('pay-debt', payload);
  if (!parsed.ok)
    throw new UsageError(parsed.problems.map(({ path, message }) => `${path} ${message}`).join('; '));
  const { pool } = openAuditDatabase(values.data, io, 'office_runtime');
  try {
    await createOffice(pool, by, Date.now)({ commandId: randomUUID(), kind: 'pay-debt', payload });
    io.stdout.write(
      `${paymentId}: ${formatMoney({ amountMinor, currency }, 'en')} handed in; kvytok bank debts shows when it is taken\n`,
    );
    return EXIT.ok;
  } finally {
    await pool.end();
  }
}
