/** `kvytok backup`: looks at a backup, checks it, moves its watermark, seals the secrets. */
import { createReadStream } from 'node:fs';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { parseArgs } from 'node:util';
import { Type } from 'typebox';
import { openBackupFolder } from '#platform/backup/backup-folder.ts';
import { parsePosition } from '#platform/backup/log-position.ts';
import { readEnvironment } from '#platform/config.ts';
import { createLogger } from '#platform/logger.ts';
import { createPool } from '#platform/postgres.ts';
import { readSecretFile } from '#platform/secret-files.ts';
import { openAuditDatabase } from '../audit-database.ts';
import { markArchive } from '../backup/mark-archive.ts';
import { missingCommands } from '../backup/missing-commands.ts';
import { openSecrets, sealSecrets } from '../backup/sealed-secrets.ts';
import { tryRestore, verifyBackup } from '../backup/verify-backup.ts';
import { dataFolderOf } from '../city/city-arguments.ts';
import { type CommandIo, EXIT, UsageError } from '../command.ts';
import { COMMON_NAMES } from '../roles.ts';

export const usage = `kvytok backup list DIR
kvytok backup verify DIR [--start]
kvytok backup mark [--held POSITION]
kvytok backup secrets --out FILE --passphrase-file FILE [--data DIR]
kvytok backup open-secrets --in FILE --passphrase-file FILE --data DIR
kvytok backup missing --ids FILE [--data DIR]

A backup runs beside a city with kvytok city --backup DIR, or beside a server with kvytok serve backup.

list          what a backup folder holds, as JSON lines
verify        reads every base and the log after it and compares all sums; with --start it also restores the newest into
              a throw-away folder and reconciles the books. Exit code 1 when something does not hold.
mark          for servers with a log archive of their own: moves the watermark to what is archived, or to POSITION
              (e.g. 16/B374D848). Environment: KVYTOK_POSTGRES_URL, role backup_runtime. Call it each minute.
secrets       seals keys and passwords of a data folder into one encrypted file, to be kept apart from the backup
open-secrets  opens such a file into a data folder without secrets
missing       prints the ids of a file (one a line: command ids or idempotency keys) that the database does not know
`;

const OPTIONS = {
  start: { type: 'boolean', default: false },
  held: { type: 'string' },
  out: { type: 'string' },
  in: { type: 'string' },
  'passphrase-file': { type: 'string' },
  ids: { type: 'string' },
  data: { type: 'string' },
} as const;

type Values = ReturnType<typeof parse>['values'];

function parse(args: string[]) {
  return parseArgs({ args, allowPositionals: true, options: OPTIONS });
}

export async function run(args: string[], io: CommandIo): Promise<number> {
  const { values, positionals } = parse(args);
  const [what, dir, ...more] = positionals;
  const folder = (): string => {
    if (dir === undefined || more.length > 0) throw new UsageError(`${what} takes the folder of one backup`);
    return resolve(io.cwd, dir);
  };
  if (what === 'list') return list(folder(), io);
  if (what === 'verify') return verify(folder(), values.start, io);
  if (dir !== undefined) throw new UsageError(`${what} takes no folder`);
  if (what === 'mark') return mark(values.held, io);
  if (what === 'secrets' || what === 'open-secrets') return secrets(what, values, io);
  if (what === 'missing') return missing(values, io);
  throw new UsageError('list, verify, mark, secrets, open-secrets or missing is needed');
}

function list(folder: string, io: CommandIo): number {
  const backup = openBackupFolder(folder, false);
  for (const { folder: _, ...base } of backup.listBases()) io.stdout.write(`${JSON.stringify(base)}\n`);
  const segments = backup.listSegments();
  const last = segments.at(-1);
  io.stdout.write(
    `${JSON.stringify({ segments: segments.length, last: last?.path ?? null, promised: backup.owner()?.promised ?? null })}\n`,
  );
  return EXIT.ok;
}

async function verify(folder: string, start: boolean, io: CommandIo): Promise<number> {
  const backup = openBackupFolder(folder, false);
  const onStep = (step: string): void => void io.stderr.write(`${step}\n`);
  const verified = await verifyBackup(backup, onStep);
  for (const base of verified) io.stdout.write(`${JSON.stringify(base)}\n`);
  const kept = verified.at(-1)?.keepsPromise === true;
  if (!kept) io.stdout.write('The newest base and its log do not reach what devices were promised.\n');
  if (!start) return kept ? EXIT.ok : EXIT.failed;
  const log = createLogger({ component: 'backup', level: io.env['KVYTOK_LOG_LEVEL'] ?? 'warn' });
  const books = await tryRestore(backup, log, onStep);
  io.stdout.write(`${JSON.stringify(books)}\n`);
  return kept && books.problems.length === 0 ? EXIT.ok : EXIT.failed;
}

const MarkEnvironment = Type.Object({
  KVYTOK_POSTGRES_URL: Type.String({
    minLength: 1,
    description: 'address of PostgreSQL, role backup_runtime',
  }),
});

async function mark(held: string | undefined, io: CommandIo): Promise<number> {
  if (held !== undefined) checkPosition(held);
  const env = readEnvironment(MarkEnvironment, io.env, { alsoKnown: COMMON_NAMES });
  const pool = createPool({ url: env.KVYTOK_POSTGRES_URL, applicationName: 'kvytok-backup-mark', max: 1 });
  try {
    io.stdout.write(`${JSON.stringify(await markArchive(pool, Date.now(), held))}\n`);
    return EXIT.ok;
  } finally {
    await pool.end();
  }
}

function checkPosition(text: string): void {
  try {
    parsePosition(text);
  } catch {
    throw new UsageError('--held takes a place in the write-ahead log, e.g. 16/B374D848');
  }
}

function secrets(what: 'secrets' | 'open-secrets', values: Values, io: CommandIo): number {
  const file = what === 'secrets' ? values.out : values.in;
  const option = what === 'secrets' ? '--out' : '--in';
  if (file === undefined) throw new UsageError(`${option} FILE is needed`);
  if (values['passphrase-file'] === undefined) throw new UsageError('--passphrase-file FILE is needed');
  const passphrase = readSecretFile(resolve(io.cwd, values['passphrase-file']));
  const folder = join(dataFolderOf(values.data, io), 'secrets');
  const path = resolve(io.cwd, file);
  const names =
    what === 'secrets' ? sealSecrets(folder, path, passphrase) : openSecrets(path, folder, passphrase);
  io.stdout.write(`${names.length} files: ${names.join(', ')}\n`);
  return EXIT.ok;
}

async function missing(values: Values, io: CommandIo): Promise<number> {
  if (values.ids === undefined) throw new UsageError('--ids FILE is needed');
  const database = openAuditDatabase(values.data, io);
  let count = 0;
  try {
    const lines = createInterface({ input: createReadStream(resolve(io.cwd, values.ids)) });
    for await (const id of missingCommands(database.pool, lines)) {
      io.stdout.write(`${id}\n`);
      count += 1;
    }
  } finally {
    await database.pool.end();
  }
  return count === 0 ? EXIT.ok : EXIT.failed;
}
