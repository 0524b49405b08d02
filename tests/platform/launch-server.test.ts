/** How long a server that starts is waited for: by what it says, with a program in its place that says it. */
import { chmodSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { launchServer } from '#platform/embedded-postgres.ts';
import { createLogger } from '#platform/logger.ts';
import { tempFolder } from '../support/temp-folder.ts';

const folder = tempFolder('launch');
afterAll(() => folder.remove());
const WAIT_MS = 6000;

/** A server that writes these lines half a second apart, and then stays. */
function launch(name: string, line: string, times: number) {
  const postgres = join(folder.path, name);
  const words = `i=0; while [ $i -lt ${times} ]; do echo '${line}' >&2; sleep 0.5; i=$((i + 1)); done`;
  const ready = `echo 'LOG:  database system is ready to accept connections' >&2`;
  writeFileSync(postgres, `#!/bin/sh\ntrap 'exit 0' INT\n${words}\n${ready}\nwhile :; do sleep 0.1; done\n`);
  chmodSync(postgres, 0o755);
  return launchServer({
    binaries: { root: folder.path, postgres, initdb: postgres } as never,
    user: { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0, name: 'me' },
    cluster: folder.path,
    port: 1,
    startMsMax: WAIT_MS,
    options: { log: createLogger({ component: 'test', level: 'silent' }) },
  });
}

it('a server that says how far it is gets the time that it needs', async () => {
  const line = 'LOG:  syncing data directory (fsync), elapsed time: 10.00 s';
  const server = await launch('slow', line, (2 * WAIT_MS) / 500);
  if (server === 'port-in-use') throw new Error('no port was asked for');
  await server.stop();
});

it('one that only turns callers away is ended', async () => {
  const refusal = '2026 UTC [7] FATAL:  the database system is not accepting connections';
  const detail = '2026 UTC [7] DETAIL:  Hot standby mode is disabled.';
  const starting = launch('stuck', `${refusal}\n${detail}`, 1_000_000);
  await expect(starting).rejects.toMatchObject({
    code: 'POSTGRES_NOT_STARTED',
    happened: expect.stringContaining('SIGKILL'),
  });
});
