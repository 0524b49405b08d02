/** `kvytok entitlement`: the office's word that an account has a right, and that it has it no longer. */
import { randomUUID } from 'node:crypto';
import { parseArgs } from 'node:util';
import { type CommandIo, UsageError } from '../command.ts';
import { type CityHere, handIn } from '../hand-in.ts';
import { zonedInstantOf } from '../instants.ts';
import { sayNewAccount } from '../known-names.ts';
import { refuseUnknownRight } from '../known-terms.ts';

export const usage = `Usage: kvytok entitlement grant ACCOUNT --concession ID --from INSTANT [--until INSTANT] [--id ENTITLEMENT]
       kvytok entitlement revoke ENTITLEMENT --from INSTANT [--reason death|moved|withdrawn|error]

grant    an account has a right from an instant on, known from now: ID is a row of concessions.yaml, or residence:PLACE. Rides of days that are still open are priced anew; what was closed before stays. Prints the id of the
         entitlement, which revoke takes.
revoke   ends it, from an instant on that may lie in the past

INSTANT has a zone: 2026-03-01T00:00:00+02:00; --until is the first instant without the right. ACCOUNT is the id that explain
shows. Waits for the engine's answer where it can be read (--no-wait: it does not); a refusal is printed with its reason (exit
code 1).

  --data   data folder of a running city; otherwise KVYTOK_POSTGRES_URL (role office_runtime)
`;

const text = { type: 'string' } as const;
const OPTIONS = {
  ...{ concession: text, from: text, until: text, id: text, reason: text, data: text },
  'no-wait': { type: 'boolean' },
} as const;

const MANNER = { by: 'kvytok entitlement' };

export async function run(args: string[], io: CommandIo): Promise<number> {
  const { values, positionals } = parseArgs({ args, allowPositionals: true, options: OPTIONS });
  const [what, id, ...rest] = positionals;
  if (rest.length > 0) throw new UsageError(`too much: ${rest.join(' ')}`);
  if ((what !== 'grant' && what !== 'revoke') || id === undefined)
    throw new UsageError('grant ACCOUNT or revoke ENTITLEMENT is needed');
  const { concession: concessionId, from, until, reason } = values;
  if (from === undefined) throw new UsageError('--from is needed');
  const fromMs = zonedInstantOf(from, '--from');
  if (what === 'revoke') {
    if (concessionId !== undefined || until !== undefined || values.id !== undefined)
      throw new UsageError('revoke takes --from and --reason alone');
    const payload = { entitlementId: id, validUntilMs: fromMs, reason };
    return handIn('revoke-entitlement', payload, values, io, MANNER);
  }
  if (concessionId === undefined) throw new UsageError('--concession is needed');
  if (reason !== undefined) throw new UsageError('--reason belongs to revoke');
  const untilMs = until === undefined ? undefined : zonedInstantOf(until, '--until');
  if (untilMs !== undefined && untilMs <= fromMs) throw new UsageError('--until is not after --from');
  const entitlementId = values.id ?? randomUUID();
  const payload = { entitlementId, accountId: id, concessionId, validFromMs: fromMs, validUntilMs: untilMs };
  const known = async ({ cityDir }: CityHere): Promise<object> => {
    await refuseUnknownRight(concessionId, cityDir);
    await sayNewAccount(id, values, io);
    io.stderr.write(`entitlement ${entitlementId}\n`);
    return payload;
  };
  return handIn('grant-entitlement', known, values, io, MANNER);
}
