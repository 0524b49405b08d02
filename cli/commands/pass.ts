/** `kvytok pass`: a pass or carnet is given back. */
import { parseArgs } from 'node:util';
import { type CommandIo, UsageError } from '../command.ts';
import { handIn } from '../hand-in.ts';

export const usage = `Usage: kvytok pass return PASS --to till --source TILL --reason TEXT --by NAME [--amount MINOR]
       kvytok pass return PASS --to wallet --reason TEXT --by NAME [--amount MINOR]

return   gives a pass or carnet back as of now, by the terms under which it was sold: the share of its price that is left, less
         the fee. Rides that it has paid for stay as they are; it covers no later one. The money is handed out at a till, or
         stands to the credit of the holder's account. With --amount (minor units) nothing is done unless just so much comes
         back. Waits for the engine's answer where the city runs here; a refusal is printed with its reason (exit code 1).

  --data   data folder of a running city; otherwise KVYTOK_POSTGRES_URL (role office_runtime)
`;

const text = { type: 'string' } as const;
const OPTIONS = { to: text, source: text, amount: text, reason: text, by: text, data: text } as const;

export async function run(args: string[], io: CommandIo): Promise<number> {
  const { values, positionals } = parseArgs({ args, allowPositionals: true, options: OPTIONS });
  const [what, passId, ...rest] = positionals;
  if (rest.length > 0) throw new UsageError(`too much: ${rest.join(' ')}`);
  if (what !== 'return' || passId === undefined) throw new UsageError('return PASS is needed');
  const { to, source, amount: amountMinor, reason, by } = values;
  if (reason === undefined || by === undefined) throw new UsageError('--reason and --by are needed');
  if (to !== 'till' && to !== 'wallet') throw new UsageError('--to till or --to wallet is needed');
  if ((to === 'till') !== (source !== undefined))
    throw new UsageError('--source TILL belongs to --to till, and to nothing else');
  const payload = { passId, to, source, amountMinor, reason, by };
  return handIn('return-holding', payload, values, io, 'kvytok pass');
}
