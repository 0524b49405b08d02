/** `kvytok bank`: what bank cards owe, and that somebody has paid it. */
import { parseArgs } from 'node:util';
import { debtReference, formatDebtReference, readDebtReference } from '#contracts/debt-reference.ts';
import { formatMoney } from '#contracts/money.ts';
import type { CommandKind } from '../../fare-engine/command-kinds.ts';
import { type BankTrouble, showBankTroubles } from '../../fare-engine/show-bank-troubles.ts';
import { type ShownDebt, showDebts } from '../../fare-engine/show-debts.ts';
import { openAuditDatabase } from '../audit-database.ts';
import { type CommandIo, EXIT, UsageError } from '../command.ts';
import { handedInText, handInAll, refusalsOf } from '../hand-in.ts';

export const usage = `Usage: kvytok bank debts [TOKEN] [--code CODE] [--rows N] [--json] [--data DIR]
       kvytok bank pay PAYMENT --till NAME --reference TEXT --by NAME [--data DIR]
       kvytok bank troubles [--rows N] [--json] [--data DIR]
       kvytok bank again PAYMENT… --by NAME [--data DIR]
       kvytok bank anew PAYMENT… --by NAME [--risk paid-twice] [--data DIR]
       kvytok bank misfit ACQUIRER.NUMBER --to payment|loss|acquirer [--payment PAYMENT] --reason TEXT --by NAME [--data DIR]
       kvytok bank unreadable ACQUIRER.HASH --was nothing --reason TEXT --by NAME [--data DIR]
       kvytok bank unreadable ACQUIRER.HASH --was chargeback --number N --reference CLEARING --code CODE --amount MINOR --currency CUR
           --reason TEXT --by NAME [--data DIR]

debts  charges that the banks of cards have refused or taken back, the oldest first: what is owed, for which days, since when,
       the bank's last word (codes: bank-terms.yaml of the tariff), and the code under which the rider finds and pays it on
       the portal's page /debt; --code finds what a rider names by it
pay    the whole of a debt was paid at a till, under the till's own reference: the card is taken again within a minute, unless
       it is denied for another reason or owes more. It is refused while the card's bank is being asked for it.

troubles  what waits for a person or for the acquirer: payments whose request it would not take (refused), those that it has not
       answered for some time (silent), what banks took back that fits no payment (misfit), and what
           of it cannot be read (malformed)
again  the acquirer is asked once more for a payment that it refused, under the same key: a field that it would not take, say, was mended
anew   such a payment is withdrawn and its days are owed anew, to be asked for with the data of the card's latest tap. Of a refund that was
       refused (not declined) nobody knows whether it was done: ask the acquirer first. --risk paid-twice says that you know that the
       money may go out a second time; without it such a refund is not asked for anew.
misfit a chargeback that fitted no payment leaves the account where it waits: --to payment it is this payment's after all and its rider
       owes it, --to loss the city bears it, --to acquirer the acquirer has given the money back. Once; troubles shows which there are
unreadable  what a chargeback was that came without its form (malformed): --was nothing where it took nothing back or has come once more
       in a form that could be read, else what stood in it, by the acquirer's word: it is taken as any other. Once

PAYMENT is a payment's id (bp-…), TOKEN the card's (k2.…). What is handed in waits for the engine's answer where it can be read
(--no-wait: it does not); a refusal is exit code 1.

  --data   data folder of a running city; otherwise KVYTOK_POSTGRES_URL (debts, troubles: role auditor_runtime; others: office_runtime, by
           KVYTOK_OFFICE_POSTGRES_URL where both are needed)
`;

const text = { type: 'string' } as const;
const OPTIONS = {
  ...{ till: text, reference: text, by: text, rows: text, data: text, code: text, risk: text },
  ...{ to: text, payment: text, reason: text, was: text, number: text, amount: text, currency: text },
  json: { type: 'boolean' },
  'no-wait': { type: 'boolean' },
} as const;
const ROWS_MAX = 100_000;

function parse(args: string[]) {
  return parseArgs({ args, allowPositionals: true, options: OPTIONS });
}
type Values = ReturnType<typeof parse>['values'];

export async function run(args: string[], io: CommandIo): Promise<number> {
  const { values, positionals } = parse(args);
  const [what, name, ...rest] = positionals;
  if (what === 'troubles' && name === undefined) return troubles(values, io);
  if (what === 'again' || what === 'anew') return takeUp(what, positionals.slice(1), values, io);
  if (rest.length > 0) throw new UsageError(`too much: ${rest.join(' ')}`);
  if (what === 'debts') return debts(name, values, io);
  if (what === 'pay' && name !== undefined) return pay(name, values, io);
  if (what === 'misfit' && name !== undefined) return moveMisfit(name, values, io);
  if (what === 'unreadable' && name !== undefined) return readMalformed(name, values, io);
  throw new UsageError('debts, troubles, pay, again, anew, misfit or unreadable is needed');
}

async function debts(tokenId: string | undefined, values: Values, io: CommandIo): Promise<number> {
  const rowsMax = rowsOf(values);
  const code = values.code === undefined ? undefined : readDebtReference(values.code);
  if (code === null) throw new UsageError('--code takes the sixteen signs that a validator shows');
  const { pool } = openAuditDatabase(values.data, io);
  try {
    const all = await showDebts(pool, { rowsMax, ...(tokenId !== undefined && { tokenId }) });
    const found = all.filter((debt) => code === undefined || debtReference(debt.tokenId) === code);
    io.stdout.write(values.json === true ? toJson(found) : found.map(lineOf).join(''));
    return EXIT.ok;
  } finally {
    await pool.end();
  }
}

function rowsOf(values: Values): number {
  const rowsMax = Number(values.rows ?? 1000);
  if (Number.isInteger(rowsMax) && rowsMax >= 1 && rowsMax <= ROWS_MAX) return rowsMax;
  throw new UsageError(`--rows takes 1 to ${ROWS_MAX}`);
}

function toJson(found: unknown): string {
  const digits = (_key: string, value: unknown): unknown =>
    typeof value === 'bigint' ? value.toString() : value;
  return `${JSON.stringify(found, digits, 2)}\n`;
}

async function troubles(values: Values, io: CommandIo): Promise<number> {
  const rowsMax = rowsOf(values);
  const { pool } = openAuditDatabase(values.data, io);
  try {
    const found = await showBankTroubles(pool, rowsMax);
    io.stdout.write(values.json === true ? toJson(found) : found.map(troubleLine).join(''));
    return EXIT.ok;
  } finally {
    await pool.end();
  }
}

function troubleLine({ trouble, id, kind, amountMinor, currency, detail, sinceMs }: BankTrouble): string {
  const money = currency === '' ? 'an unknown sum' : formatMoney({ amountMinor, currency }, 'en');
  return `${id}  ${trouble}  ${kind}  ${money}  ${detail}  since ${new Date(sinceMs).toISOString()}\n`;
}

async function takeUp(
  how: 'again' | 'anew',
  paymentIds: readonly string[],
  values: Values,
  io: CommandIo,
): Promise<number> {
  const { by, risk } = values;
  if (by === undefined || paymentIds.length === 0) throw new UsageError('PAYMENT and --by are needed');
  if (risk !== undefined && (risk !== 'paid-twice' || how !== 'anew'))
    throw new UsageError('--risk paid-twice goes with anew alone');
  const said = { how, by, ...(risk !== undefined && { risk }) };
  const payloads = paymentIds.map((paymentId) => ({ paymentId, ...said }));
  return handIn('take-up-payment', paymentIds, payloads, by, values, io);
}

async function moveMisfit(name: string, values: Values, io: CommandIo): Promise<number> {
  const { to, payment, reason, by } = values;
  const [, acquirerId, n] = /^(.+)\.(\d{1,16})$/.exec(name) ?? [];
  if (n === undefined || to === undefined || reason === undefined || by === undefined)
    throw new UsageError('ACQUIRER.NUMBER as troubles shows it, --to, --reason and --by are needed');
  if ((to === 'payment') !== (payment !== undefined))
    throw new UsageError('--payment goes with --to payment, and with nothing else');
  const where = payment === undefined ? {} : { paymentId: payment };
  const payload = { acquirerId, n: Number(n), to, ...where, reason, by };
  return handIn('move-chargeback', [name], [payload], by, values, io);
}

async function readMalformed(name: string, values: Values, io: CommandIo): Promise<number> {
  const { was, number, reference, code, amount, currency, reason, by } = values;
  const [, acquirerId, sha256] = /^(.+)\.([0-9a-f]{64})$/.exec(name) ?? [];
  if (sha256 === undefined || reason === undefined || by === undefined)
    throw new UsageError('ACQUIRER.HASH as troubles shows it, --was, --reason and --by are needed');
  const fields = [number, reference, code, amount, currency];
  const isNothing = was === 'nothing' && fields.every((field) => field === undefined);
  if (!isNothing && (was !== 'chargeback' || fields.includes(undefined)))
    throw new UsageError(
      '--was nothing alone, or --was chargeback with --number, --reference, --code, --amount and --currency',
    );
  const said = { n: Number(number), reference, code, amountMinor: amount, currency };
  const chargeback = isNothing ? {} : { chargeback: said };
  const payload = { acquirerId, sha256, ...chargeback, reason, by };
  return handIn('read-chargeback', [name], [payload], by, values, io);
}

/** @param names what each command is about, in their order */
async function handIn(
  kind: CommandKind,
  names: readonly string[],
  payloads: readonly object[],
  by: string,
  values: Values,
  io: CommandIo,
): Promise<number> {
  const { answers, code } = await handInAll(kind, payloads, by, values, io);
  io.stdout.write(`${handedInText(names, answers)}; kvytok bank troubles shows what is left\n`);
  return code;
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
  const reference = formatDebtReference(debtReference(tokenId));
  return `${paymentId}  ${formatMoney({ amountMinor, currency }, 'en')}  ${state} ${code ?? ''}  since ${since}  ${days.join(' ')}  ${tokenId}  ${reference}\n`;
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
  const money = { amountMinor: amountMinor.toString(), currency };
  const payload = { paymentId, source: till, reference, ...money, by };
  const { answers, code } = await handInAll('pay-debt', [payload], by, values, io);
  const [answer = null] = answers;
  const what =
    answer === null
      ? 'handed in; kvytok bank debts shows when it is taken'
      : answer.obeyed
        ? 'taken'
        : `refused: ${refusalsOf([answer]).join()}`;
  io.stdout.write(`${paymentId}: ${formatMoney({ amountMinor, currency }, 'en')} ${what}\n`);
  return code;
}
