/** `kvytok deny`: the office denies a card by hand, asks what is known of it, begins a generation after a restore. */
import { writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import type pg from 'pg';
import { sealDenyGeneration } from '#contracts/deny-list.ts';
import { readPrivateKeyFile } from '#platform/secret-files.ts';
import { showDenials } from '../../fare-engine/show-denials.ts';
import { openAuditDatabase } from '../audit-database.ts';
import { GENERATION_KEY_ID } from '../city/city-keys.ts';
import { type CommandIo, EXIT, UsageError } from '../command.ts';
import { type CityHere, handIn } from '../hand-in.ts';
import { zonedInstantOf } from '../instants.ts';
import { refuseUnknownToken } from '../known-names.ts';

export const usage = `Usage: kvytok deny add TOKEN|--account ACCOUNT --reason lost|replaced|debt|fraud [--scope all|paid]
                       [--from INSTANT] [--until INSTANT] [--who NAME] [--unseen]
       kvytok deny remove TOKEN|--account ACCOUNT [--who NAME] [--unseen]
       kvytok deny show [TOKEN]
       kvytok deny generation --key FILE --generation N [--key-id ID] [--out FILE]

add         validators refuse the medium, or every medium linked to the account now; --scope paid (an empty wallet)
            never refuses a concession or a pass. A card of which nothing is known is refused as mistyped; --unseen denies it
remove      the medium, or every medium of the account, is taken again
show        what was said of the medium, and whether the list that validators follow has it; without a token: the
            list's version and size
generation  makes the statement by which a restored database goes on (kvytok restore finish --statement FILE). It needs
            no database: run it where the offline key is. N is higher than any generation that validators have seen.

TOKEN is the medium's token (k1.…), as the taps show it. INSTANT has a zone: 2026-03-02T06:30:00Z. add and remove wait for the engine's
answer where it can be read (--no-wait: they do not); a refusal is exit code 1.

  --data   data folder of a running city; otherwise KVYTOK_POSTGRES_URL (show: role auditor_runtime; else office_runtime)
`;

const OPTIONS = {
  account: { type: 'string' },
  reason: { type: 'string' },
  scope: { type: 'string', default: 'all' },
  from: { type: 'string' },
  until: { type: 'string' },
  who: { type: 'string', default: 'kvytok deny' },
  key: { type: 'string' },
  'key-id': { type: 'string', default: GENERATION_KEY_ID },
  generation: { type: 'string' },
  out: { type: 'string' },
  unseen: { type: 'boolean', default: false },
  'no-wait': { type: 'boolean' },
  data: { type: 'string' },
} as const;

type Values = ReturnType<typeof parse>['values'];

function parse(args: string[]) {
  return parseArgs({ args, allowPositionals: true, options: OPTIONS });
}

export async function run(args: string[], io: CommandIo): Promise<number> {
  const { values, positionals } = parse(args);
  const [what, token, ...rest] = positionals;
  if (rest.length > 0) throw new UsageError(`too much: ${rest.join(' ')}`);
  switch (what) {
    case 'add':
    case 'remove':
      return submit(what, token, values, io);
    case 'show':
      return show(token, values, io);
    case 'generation':
      return makeStatement(values, io);
    default:
      throw new UsageError('add, remove, show or generation is needed');
  }
}

function submit(
  what: 'add' | 'remove',
  token: string | undefined,
  values: Values,
  io: CommandIo,
): Promise<number> {
  const { account, reason, scope, from, until, who: by } = values;
  if ((token === undefined) === (account === undefined))
    throw new UsageError('a TOKEN or --account ACCOUNT is needed, one of them');
  const subject = account === undefined ? { tokenId: token } : { accountId: account };
  const whose = account === undefined ? 'medium' : 'account';
  const manner = { by, showsPayload: true };
  const known = async (): Promise<void> => {
    if (token !== undefined && !values.unseen) await refuseUnknownToken(what, token, values, io);
  };
  if (what === 'remove')
    return handIn(`allow-${whose}`, () => known().then(() => subject), values, io, manner);
  if (reason === undefined) throw new UsageError('--reason is needed: lost, replaced, debt or fraud');
  const validFromMs = from === undefined ? undefined : zonedInstantOf(from, '--from');
  const validUntilMs = until === undefined ? null : zonedInstantOf(until, '--until');
  const payload = async ({ nowMs }: CityHere): Promise<object> => {
    await known();
    return { ...subject, reason, scope, validFromMs: validFromMs ?? nowMs(), validUntilMs };
  };
  return handIn(`deny-${whose}`, payload, values, io, manner);
}

async function show(token: string | undefined, { data }: Values, io: CommandIo): Promise<number> {
  return withDatabase(data, io, async (pool) => {
    const answer = await showDenials(pool, token ?? null);
    io.stdout.write(`${JSON.stringify(answer)}\n`);
    return token === undefined || answer.published !== null ? EXIT.ok : EXIT.failed;
  });
}

function makeStatement(values: Values, io: CommandIo): number {
  const { key, generation, out } = values;
  if (key === undefined) throw new UsageError('--key FILE, the offline key, is needed');
  if (generation === undefined || !/^([2-9]|[1-9]\d{1,8})$/.test(generation))
    throw new UsageError('--generation takes a whole number from 2 to 999999999');
  const signer = { keyId: values['key-id'], privateKey: readPrivateKeyFile(resolve(io.cwd, key)) };
  const statement = sealDenyGeneration(Number(generation), Date.now(), signer);
  if (out === undefined) io.stdout.write(`${statement}\n`);
  else writeFileSync(resolve(io.cwd, out), `${statement}\n`, { flag: 'wx' });
  return EXIT.ok;
}

async function withDatabase(
  data: string | undefined,
  io: CommandIo,
  work: (pool: pg.Pool) => Promise<number>,
): Promise<number> {
  const { pool } = openAuditDatabase(data, io);
  try {
    return await work(pool);
  } finally {
    await pool.end();
  }
}
