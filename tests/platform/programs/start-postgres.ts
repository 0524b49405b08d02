/** Starts the embedded PostgreSQL, prints where, and waits to be killed or to be told "stop" on its input. */
import { openDataFolder } from '#platform/data-folder.ts';
import { startEmbeddedPostgres } from '#platform/embedded-postgres.ts';
import { describeError } from '#platform/errors.ts';
import { createLogger } from '#platform/logger.ts';

try {
  const folder = openDataFolder(process.argv[2] as string);
  const log = createLogger({ component: 'program', level: 'warn' });
  const server = await startEmbeddedPostgres({ dataDir: folder.path, log });
  process.stdout.write(
    `${JSON.stringify({ pid: server.pid, adminUrl: server.adminUrl, port: server.port })}\n`,
  );
  process.stdin.once('data', async () => {
    await server.stop();
    folder.release();
    process.exit(0);
  });
} catch (error) {
  process.stdout.write(`${JSON.stringify({ error: describeError(error) })}\n`);
  process.exit(1);
}
