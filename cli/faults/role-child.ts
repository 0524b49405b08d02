/**
 * One real role in a process of its own, with a probe that can end it at a named point.
 * Called as `node role-child.ts ROLE [POINT:N]` with the role's environment; prints `ready` on stdout.
 */
import { flushCompileCache } from 'node:module';
import { createLogger } from '#platform/logger.ts';
import { onSignals } from '#platform/shutdown.ts';
import { killProbe } from '../../simulators/faults/kill-probe.ts';
import { SHIFT_MS, shiftedClock } from '../../simulators/faults/shifted-clock.ts';
import { type RoleName, startRole } from '../roles.ts';

const [roleName, spec] = process.argv.slice(2) as [RoleName, string | undefined];
const { [SHIFT_MS]: shift, ...env } = process.env;
const log = createLogger({ component: roleName, level: 'warn', pretty: false });
const signals = onSignals(log);
const { role } = await startRole(roleName, env, [roleName], {
  clock: shiftedClock(Number(shift ?? '0')),
  log,
  probe: killProbe(spec),
});
// Whoever is killed leaves no compiled code behind for the next; what is there now is kept.
flushCompileCache();
process.stdout.write('ready\n');
await signals.received;
await role.stop();
