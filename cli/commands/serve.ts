/** `kvytok serve`: real parts only, by role, configured by the environment. */
import { parseArgs } from 'node:util';
import { systemClock } from '#platform/clock.ts';
import { createLogger } from '#platform/logger.ts';
import { startOpsServer } from '#platform/ops-server.ts';
import type { Role } from '#platform/role.ts';
import { createLifecycle, onSignals } from '#platform/shutdown.ts';
import { type CommandIo, EXIT, UsageError } from '../command.ts';
import { opsListen } from '../ops-listen.ts';
import { LATER_ROLES, ROLE_NAMES, type RoleName, startRole } from '../roles.ts';

export const usage = `kvytok serve ROLE…   starts real parts: ${ROLE_NAMES.join(', ')}

Each role reads its environment (KVYTOK_*, see docs/OPERATIONS.md) and prints all problems at once. With several roles
in one process, KVYTOK_INGEST_POSTGRES_URL, KVYTOK_FARE_ENGINE_POSTGRES_URL … stand above KVYTOK_POSTGRES_URL, because
every role logs in under its own database role. Ctrl-C stops all of them cleanly.

  KVYTOK_LOG_LEVEL   debug, info (default), warn, error
  KVYTOK_OPS_LISTEN  address:port of /healthz, /readyz and /metrics (default: a free port on 127.0.0.1)
`;

export async function run(args: string[], io: CommandIo): Promise<number> {
  const { positionals } = parseArgs({ args, allowPositionals: true, options: {} });
  const roles = rolesOf(positionals);
  const log = createLogger({ component: 'kvytok', level: io.env['KVYTOK_LOG_LEVEL'] ?? 'info' });
  const lifecycle = createLifecycle(log);
  const signals = onSignals(log);
  const started: Role[] = [];
  const stopping = new AbortController();
  void signals.received.then(() => stopping.abort());
  try {
    const listen = opsListen(io.env);
    // First of all: a supervisor sees a role that waits for its database as alive and not ready.
    const ops = lifecycle.add(await startOpsServer({ listen, roles: () => started, log }));
    io.stdout.write(`figures at ${ops.url}/metrics\n`);
    for (const name of roles) {
      const deps = {
        clock: systemClock,
        log: log.child({ component: name }),
        stopping: stopping.signal,
      };
      const { role, address } = await startRole(name, io.env, roles, deps);
      started.push(lifecycle.add(role));
      io.stdout.write(`${name} ready${address === undefined ? '' : ` at ${address}`}\n`);
    }
    await signals.received;
    return EXIT.ok;
  } catch (error) {
    // What could not be begun is nobody's trouble once it is to be stopped.
    if (stopping.signal.aborted) return EXIT.ok;
    throw error;
  } finally {
    await lifecycle.stop();
    signals.forget();
  }
}

/** The roles asked for, each once, in the order in which they can start. */
function rolesOf(words: readonly string[]): RoleName[] {
  if (words.length === 0) throw new UsageError(`which roles? ${ROLE_NAMES.join(', ')}`);
  for (const word of words) {
    if ((ROLE_NAMES as readonly string[]).includes(word)) continue;
    throw new UsageError(
      LATER_ROLES.includes(word)
        ? `the role ${word} is not part of this version`
        : `there is no role ${JSON.stringify(word.slice(0, 40))}; there are ${ROLE_NAMES.join(', ')}`,
    );
  }
  return ROLE_NAMES.filter((name) => words.includes(name));
}
