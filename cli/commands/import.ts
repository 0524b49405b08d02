/** `kvytok import`: brings a running system over, and compares a period of parallel running. */
import { parseArgs } from 'node:util';
import { type CommandIo, UsageError } from '../command.ts';
import { runCompare } from '../import/compare.ts';
import { runImportCommand } from '../import/run.ts';

export const usage = `Usage: kvytok import check DIR --id ID --system NAME [--token-key FILE] [--json]
       kvytok import apply DIR --id ID --system NAME --by WHO [--token-key FILE] [--json]
       kvytok import compare OLD.csv --from INSTANT --until INSTANT [--tolerance SECONDS] [--out FILE] [--json]

check    reads the files of a folder (accounts.csv, media.csv, balances.csv and others, docs/IMPORT.md) and says
         what is new, what the city knows already and what contradicts it: every bad row with file, line, column and what
         to do. Nothing is written.
apply    the same, and writes all of it in one transaction, or nothing; stopped half-way it has written nothing. The same
         files under the same id again change nothing; other files under that id are refused.
compare  a period of parallel running: charges of the earlier system beside ours, matched by medium and time, with the
         differences by reason. --out writes each difference as a line of CSV. Exit code 1 when there are any.

  --system     name of the system that is brought over: its balances stand against the account opening:<system>
  --by         who applies it; stands in the audit log
  --token-key  file with the token key in hex, where media are given by number; --token-key-version, default 1
  --tolerance  so far apart two times may be of one ride, default 60
  --data       data folder of a running city; otherwise KVYTOK_POSTGRES_URL (check and apply: role fare_runtime; compare:
               auditor_runtime) and KVYTOK_CITY_DIR

INSTANT is local time of the city, 2025-10-14T07:30, or has a zone. Exit code 65: the files have problems.
`;

const text = { type: 'string' } as const;
const OPTIONS = {
  ...{ id: text, system: text, by: text, data: text, from: text, until: text, tolerance: text, out: text },
  ...{ 'token-key': text, 'token-key-version': text, json: { type: 'boolean' } as const },
} as const;

export async function run(args: string[], io: CommandIo): Promise<number> {
  const { values, positionals } = parseArgs({ args, allowPositionals: true, options: OPTIONS });
  const [verb, path, ...rest] = positionals;
  if (path === undefined || rest.length > 0)
    throw new UsageError('check DIR, apply DIR or compare FILE is needed');
  if (verb === 'compare') return runCompare(path, values, io);
  if (verb === 'check' || verb === 'apply') return runImportCommand(verb, path, values, io);
  throw new UsageError('check DIR, apply DIR or compare FILE is needed');
}
