/** `kvytok restore`: from a backup to a database that a city may go on with. */
import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { Type } from 'typebox';
import { sealDenyGeneration } from '#contracts/deny-list.ts';
import { readEnvironment } from '#platform/config.ts';
import { createLogger } from '#platform/logger.ts';
import { readPrivateKeyFile, readSecretFile } from '#platform/secret-files.ts';
import { finishRestore } from '../backup/finish-restore.ts';
import { type RestoredCity, restoreCity } from '../backup/restore-city.ts';
import { dataFolderOf } from '../city/city-arguments.ts';
import { GENERATION_KEY_ID } from '../city/city-keys.ts';
import { type CommandIo, EXIT, UsageError } from '../command.ts';
import { zonedInstantOf } from '../instants.ts';
import { COMMON_NAMES } from '../roles.ts';

export const usage = `kvytok restore --from DIR [--data DIR] [--to INSTANT] [--base ID] [--move-aside] [--accept-loss]
kvytok restore finish (--statement FILE | --generation-key FILE) [--generation N] [--even-so]

The first restores the backup of an embedded city into a data folder without a database: base, log, a new life. Devices
then offer again everything they still have. It prints how far it came and how long it took.

  --from DIR      folder of the backup
  --data DIR      data folder (default: .kvytok in the checkout)
  --to INSTANT    leave out what was committed later, e.g. 2026-03-02T06:30:00Z, by the clock of the database's machine
  --base ID       begin with this base instead of the newest that fits
  --move-aside    a database that is there is kept under another name
  --accept-loss   also when devices may have forgotten what is not restored

The second is for a PostgreSQL server that was restored with its own tools: it begins the new life. Stop ingest and fare
engines first. Environment: KVYTOK_MIGRATOR_POSTGRES_URL, the database under the role kvytok_migrator.

  --statement FILE       statement that begins a generation of the deny list (kvytok deny generation, made where the
                         offline key is)
  --generation-key FILE  the offline key itself, where it may be read here for the moment
  --generation N  first generation of the deny list that may be used: higher than any that validators have seen
  --even-so       also when the database shows no sign of a restore (a snapshot of a machine shows none)
`;

const FinishEnvironment = Type.Object({
  KVYTOK_MIGRATOR_POSTGRES_URL: Type.String({
    pattern: '^postgres(ql)?://',
    description: 'the restored database, role kvytok_migrator',
  }),
});

const OPTIONS = {
  from: { type: 'string' },
  data: { type: 'string' },
  to: { type: 'string' },
  base: { type: 'string' },
  'move-aside': { type: 'boolean', default: false },
  'accept-loss': { type: 'boolean', default: false },
  generation: { type: 'string' },
  'generation-key': { type: 'string' },
  statement: { type: 'string' },
  'even-so': { type: 'boolean', default: false },
} as const;

export async function run(args: string[], io: CommandIo): Promise<number> {
  const { values, positionals } = parseArgs({ args, allowPositionals: true, options: OPTIONS });
  if (positionals[0] === 'finish') return finish(values, io);
  if (positionals.length > 0) throw new UsageError('finish, or the options of a restore');
  if (values.from === undefined) throw new UsageError('--from DIR, the folder of the backup, is needed');
  const startedAt = performance.now();
  const restored = await restoreCity({
    from: resolve(io.cwd, values.from),
    dataFolder: dataFolderOf(values.data, io),
    moveAside: values['move-aside'],
    acceptLoss: values['accept-loss'],
    log: createLogger({ component: 'restore', level: io.env['KVYTOK_LOG_LEVEL'] ?? 'warn' }),
    onStep: (step) => io.stderr.write(`${((performance.now() - startedAt) / 1000).toFixed(1)} s  ${step}\n`),
    ...(values.base !== undefined && { baseId: values.base }),
    ...(values.to !== undefined && { untilMs: zonedInstantOf(values.to, '--to') }),
  });
  io.stdout.write(reportOf(restored, (performance.now() - startedAt) / 1000));
  return restored.books.problems.length === 0 ? EXIT.ok : EXIT.failed;
}

async function finish(values: FinishValues, io: CommandIo): Promise<number> {
  const { generation } = values;
  const statementFor = statementOf(values, io);
  const env = readEnvironment(FinishEnvironment, io.env, { alsoKnown: COMMON_NAMES });
  if (generation !== undefined && !/^[1-9]\d{0,8}$/.test(generation))
    throw new UsageError('--generation takes a whole number from 1 to 999999999');
  const life = await finishRestore({
    migratorUrl: env.KVYTOK_MIGRATOR_POSTGRES_URL,
    nowMs: Date.now(),
    generationMin: Number(generation ?? 1),
    statementFor,
    evenSo: values['even-so'],
  });
  io.stdout.write(
    `Life ${life.ordinal} has begun; the deny list is at generation ${life.generation}. Start the roles: devices offer again.\n`,
  );
  return EXIT.ok;
}

interface FinishValues {
  readonly generation?: string;
  readonly 'generation-key'?: string;
  readonly statement?: string;
  readonly 'even-so': boolean;
}

/** A statement that was made elsewhere, or one that is made now. */
function statementOf(values: FinishValues, io: CommandIo): (generation: number) => string {
  const { statement, 'generation-key': key } = values;
  if ((statement === undefined) === (key === undefined))
    throw new UsageError(
      'the deny list needs a new generation: give --statement FILE or --generation-key FILE',
    );
  if (statement !== undefined) {
    const text = readSecretFile(resolve(io.cwd, statement));
    return () => text;
  }
  const privateKey = readPrivateKeyFile(resolve(io.cwd, key as string));
  return (generation) => sealDenyGeneration(generation, Date.now(), { keyId: GENERATION_KEY_ID, privateKey });
}

/** RPO and RTO in words: what may be missing, and how long it took. */
function reportOf(
  { base, reached, life, books, movedTo, broken, newKeys }: RestoredCity,
  seconds: number,
): string {
  const taps = broken
    ? `  taps        devices may have forgotten some: they were told that everything before ${new Date(broken.watermarkMs).toISOString()} was safe. The devices page counts the gaps.`
    : '  taps lost   0: whatever is not in here is still on the validators, and they offer it again';
  const lines = [
    `Restored in ${seconds.toFixed(1)} s.`,
    `  base        ${base.id}, ${reached.segments} segments of log after it`,
    `  up to       ${reached.lastCommitAt ?? 'the base itself'}${reached.damage === null ? '' : ` (${reached.damage})`}`,
    `  database    ${books.accepted ?? books.taps} taps accepted, ${books.decided} decided; ${books.problems.length === 0 ? 'the books hold' : 'THE BOOKS DO NOT HOLD'}`,
    ...books.problems.map((problem) => `    - ${problem}`),
    taps,
    '  office      commands after that instant (top-ups, links, denials) are not in here: enter them again;',
    '              kvytok backup missing --ids FILE names those of a list that are not',
    `  life        ${life.ordinal}; deny list at generation ${life.generation}`,
    ...(newKeys
      ? [
          '  keys        NEW: they were not here, or not all. Open the sealed secrets (kvytok backup open-secrets) and restore again',
        ]
      : []),
    ...(movedTo === null ? [] : [`  before      the database that was here is kept in ${movedTo}`]),
  ];
  return `${lines.join('\n')}\n`;
}
