/**
 * One embedded PostgreSQL for a whole vitest run, started when the first test file asks for it. Vitest calls `setup`
 * once in its main process; workers ask over a loopback socket whose port stands in the environment.
 */
import { once } from 'node:events';
import { createServer } from 'node:net';
import { createLogger } from '#platform/logger.ts';
import { type EmbeddedPostgres, startEmbeddedPostgres } from '../../platform/embedded-postgres.ts';
import { tempFolder } from './temp-folder.ts';

/** Name of the variable with the port; without our prefix, so that no role takes it for configuration. */
export const SHARED_POSTGRES_PORT = 'TEST_SHARED_POSTGRES_PORT';

/** What a worker is told. */
export interface SharedPostgres {
  readonly adminUrl: string;
  readonly secretsFile: string;
}

/** Nobody ends this server but the run: what outlives a power cut is tested on servers of their own. */
const SETTINGS = {
  max_connections: '300',
  fsync: 'off',
  full_page_writes: 'off',
  // It would come by whenever a file takes longer than a minute: holding numbers of transactions, pages and databases that
  // are copied or dropped just then, and changing plans. Who needs statistics or summaries asks for them.
  autovacuum: 'off',
};

export default async function setup(): Promise<() => Promise<void>> {
  const folder = tempFolder('postgres');
  const log = createLogger({ component: 'test-postgres', level: 'warn' });
  let running: Promise<EmbeddedPostgres> | undefined;
  const server = createServer((socket) => {
    socket.on('error', () => {});
    running ??= startEmbeddedPostgres({ dataDir: folder.path, log, settings: SETTINGS });
    running.then(
      ({ adminUrl }) =>
        socket.end(
          JSON.stringify({ adminUrl, secretsFile: `${folder.path}/roles.json` } satisfies SharedPostgres),
        ),
      (error: Error) => socket.end(JSON.stringify({ error: error.message })),
    );
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  process.env[SHARED_POSTGRES_PORT] = String(typeof address === 'object' ? address?.port : '');
  return async () => {
    server.close();
    await (await running)?.stop();
    folder.remove();
  };
}
