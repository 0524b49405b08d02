/** `kvytok pass`: a pass or carnet is sold, and given back. */
import { randomUUID } from 'node:crypto';
import { parseArgs } from 'node:util';
import { type CommandIo, UsageError } from '../command.ts';
import { type CityHere, checkPayload, handIn } from '../hand-in.ts';
import { zonedInstantOf } from '../instants.ts';
import { sayNewAccount } from '../known-names.ts';
import { refuseUnknownPass } from '../known-terms.ts';
import { sayOtherPrice } from '../pass-price.ts';

export const usage = `Usage: kvytok pass sell ACCOUNT --product ID --amount MINOR --currency UAH --source TILL --from INSTANT [--id PASS]
       kvytok pass return PASS --to till --source TILL --reason TEXT --by NAME [--amount MINOR]
       kvytok pass return PASS --to wallet --reason TEXT --by NAME [--amount MINOR]

sell     a till or payment provider sold a pass or carnet for so much (minor units); its days are reckoned from --from, the
         instant of the sale or the chosen one, with its zone. What it covers and how long, product-terms.yaml says. Prints the id of the pass, which return takes.
         An amount that the tariff does not ask for it, of a rider with this account's rights, is sold as well, with a warning.
return   gives a pass or carnet back as of now, by the terms under which it was sold: the share of its price that is left, less
         the fee. Rides that it has paid for stay as they are; it covers no later one. The money is handed out at a till, or
         stands to the credit of the holder's account. With --amount (minor units) nothing is done unless just so much comes
         back.

Both wait for the engine's answer where it can be read (--no-wait: they do not); a refusal is printed with its reason (exit code 1).

  --data   data folder of a running city; otherwise KVYTOK_POSTGRES_URL (role office_runtime)
`;

const text = { type: 'string' } as const;
const OPTIONS = {
  ...{ to: text, source: text, amount: text, reason: text, by: text, data: text },
  ...{ product: text, currency: text, from: text, id: text },
  'no-wait': { type: 'boolean' },
} as const;
function parse(args: string[]) {
  return parseArgs({ args, allowPositionals: true, options: OPTIONS });
}
type Values = ReturnType<typeof parse>['values'];

const MANNER = { by: 'kvytok pass' };

export async function run(args: string[], io: CommandIo): Promise<number> {
  const { values, positionals } = parse(args);
  const [what, passId, ...rest] = positionals;
  if (rest.length > 0) throw new UsageError(`too much: ${rest.join(' ')}`);
  if (what === 'sell' && passId !== undefined) return sell(passId, values, io);
  if (what !== 'return' || passId === undefined)
    throw new UsageError('return PASS, or sell ACCOUNT, is needed');
  const { to, source, amount: amountMinor, reason, by } = values;
  if (reason === undefined || by === undefined) throw new UsageError('--reason and --by are needed');
  if (to !== 'till' && to !== 'wallet') throw new UsageError('--to till or --to wallet is needed');
  if ((to === 'till') !== (source !== undefined))
    throw new UsageError('--source TILL belongs to --to till, and to nothing else');
  const payload = { passId, to, source, amountMinor, reason, by };
  return handIn('return-holding', payload, values, io, MANNER);
}

function sell(accountId: string, values: Values, io: CommandIo): Promise<number> {
  const { product: fareProductId, amount: amountMinor, currency, source, from, id } = values;
  if (!from || !fareProductId || !amountMinor || !currency || !source)
    throw new UsageError('--product, --amount, --currency, --source and --from are needed');
  const validFromMs = zonedInstantOf(from, '--from');
  const passId = id ?? randomUUID();
  const payload = { passId, accountId, fareProductId, validFromMs, amountMinor, currency, source };
  const known = async (here: CityHere): Promise<object> => {
    checkPayload('sell-pass', payload);
    await refuseUnknownPass(fareProductId, here.cityDir);
    await sayNewAccount(accountId, values, io);
    await sayOtherPrice(payload, here, values, io);
    io.stderr.write(`pass ${passId}\n`);
    return payload;
  };
  return handIn('sell-pass', known, values, io, MANNER);
}
