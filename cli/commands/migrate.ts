/** `kvytok migrate`: makes database, roles and schemas on a PostgreSQL server, or brings them up to date. */
import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { Type } from 'typebox';
import { readEnvironment } from '#platform/config.ts';
import { bootstrapDatabase, RUNTIME_ROLES } from '#platform/database.ts';
import { createLogger } from '#platform/logger.ts';
import { migrate } from '#platform/migrate.ts';
import { MIGRATION_SETS } from '../city/open-database.ts';
import { type CommandIo, EXIT, UsageError } from '../command.ts';
import { COMMON_NAMES } from '../roles.ts';

export const usage = `kvytok migrate --secrets FILE [--database NAME]

Makes what is missing on a PostgreSQL server: the database, its owner and runtime roles with passwords of their own,
the schemas; then runs the migrations that have not run. May be repeated; a running city is not disturbed by a repeat.
Of several at once on a server one works; the others say after some seconds whom they wait for.

  --secrets FILE     passwords of the roles, made at the first call, readable by you alone
  --database NAME    default: kvytok

Environment: KVYTOK_ADMIN_POSTGRES_URL, a role that may create databases and roles. No service ever needs it.
`;

const MigrateEnvironment = Type.Object({
  KVYTOK_ADMIN_POSTGRES_URL: Type.String({
    pattern: '^postgres(ql)?://',
    description: 'PostgreSQL as a role that may create databases and roles',
  }),
});

export async function run(args: string[], io: CommandIo): Promise<number> {
  const { values } = parseArgs({
    args,
    options: { secrets: { type: 'string' }, database: { type: 'string', default: 'kvytok' } },
  });
  if (values.secrets === undefined) throw new UsageError('where to keep the passwords? Give --secrets FILE');
  if (!/^[a-z][a-z0-9_]{0,62}$/.test(values.database))
    throw new UsageError('--database takes lower-case letters, digits and _, a letter first');
  const env = readEnvironment(MigrateEnvironment, io.env, { alsoKnown: COMMON_NAMES });
  const onWait = (who: readonly string[]): void =>
    void io.stderr.write(`Waiting for ${who.join(', ')} to make or change this database first …\n`);
  const database = await bootstrapDatabase({
    adminUrl: env.KVYTOK_ADMIN_POSTGRES_URL,
    database: values.database,
    secretsFile: resolve(io.cwd, values.secrets),
    onWait,
  });
  const log = createLogger({ component: 'migrate', level: io.env['KVYTOK_LOG_LEVEL'] ?? 'warn' });
  const ran = await migrate({ url: database.migratorUrl, sets: [...MIGRATION_SETS], log, onWait });
  for (const name of ran) io.stdout.write(`ran ${name}\n`);
  io.stdout.write(ran.length === 0 ? 'Nothing was missing.\n' : `${ran.length} migrations ran.\n`);
  io.stdout.write(`Roles: ${RUNTIME_ROLES.join(', ')}; their passwords are in ${values.secrets}.\n`);
  return EXIT.ok;
}
