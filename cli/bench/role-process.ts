/**
 * One real role in a process of its own, in shifted time: `node role-process.ts ROLE SHIFT_MS`, configured by the
 * environment like `kvytok serve`. Prints one line, `ready ADDRESS`, and ends on SIGTERM. A benchmark's taps lie in a
 * period whose tariff is known; the roles must live then too.
 */
import { createLogger } from '#platform/logger.ts';
import { onSignals } from '#platform/shutdown.ts';
import { type RoleName, startRole } from '../roles.ts';

const [roleName, shift = '0'] = process.argv.slice(2) as [RoleName, string | undefined];
const shiftMs = Number(shift);
const log = createLogger({ component: roleName, level: 'error', pretty: false });
const signals = onSignals(log);
const clock = { nowMs: () => Date.now() + shiftMs, monotonicMs: () => performance.now() };
const { role, address = '-' } = await startRole(roleName, process.env, [roleName], { clock, log });
process.stdout.write(`ready ${address}\n`);
// Whoever measures may be gone, even by kill -9: then nobody could stop this any more.
process.on('disconnect', () => process.kill(process.pid, 'SIGTERM'));
process.channel?.unref();
await signals.received;
await role.stop();
