/**
 * The machine's clock as a validator needs it: monotonic time counts from the boot of the machine, goes on while it
 * sleeps and across restarts of the process, and the boot has a name. On Linux these are CLOCK_BOOTTIME
 * (/proc/uptime) and /proc/sys/kernel/random/boot_id; elsewhere the process is its own boot.
 */
import { readFileSync } from 'node:fs';
import { type Clock, systemClock } from './clock.ts';

/** Where the kernel says it; handed in by tests. */
export interface BootFiles {
  readonly bootId: string;
  readonly uptime: string;
}

const LINUX: BootFiles = { bootId: '/proc/sys/kernel/random/boot_id', uptime: '/proc/uptime' };

/** /proc/uptime counts hundredths of a second and is read a moment later: less than this is no sleep. */
const SLEEP_MS_MIN = 100;

/** Makes the clock; falls back to {@link systemClock} where the kernel does not name its boot. */
export function createBootClock(files: BootFiles = LINUX, awakeMs: () => number = hostAwakeMs): Clock {
  const bootId = readText(files.bootId)?.trim().toLowerCase().replaceAll('-', '');
  if (bootId === undefined || !/^[0-9a-f]{32}$/.test(bootId)) return systemClock;
  if (uptimeMs(files) === undefined) return systemClock;
  // Fine steps come from the clock that stops in sleep; how long was slept comes from the coarse one.
  let aheadMs = 0;
  let lastMs = 0;
  const monotonicMs = (): number => {
    const awake = awakeMs();
    const uptime = uptimeMs(files);
    if (uptime !== undefined && Math.abs(uptime - awake - aheadMs) >= SLEEP_MS_MIN) aheadMs = uptime - awake;
    lastMs = Math.max(lastMs, awake + aheadMs);
    return lastMs;
  };
  return { nowMs: () => Date.now(), monotonicMs, bootId };
}

/** Milliseconds since the boot without sleep: CLOCK_MONOTONIC. */
function hostAwakeMs(): number {
  return Number(process.hrtime.bigint() / 1000n) / 1000;
}

function uptimeMs(files: BootFiles): number | undefined {
  const seconds = Number(readText(files.uptime)?.split(' ', 1)[0]);
  return Number.isFinite(seconds) ? seconds * 1000 : undefined;
}

function readText(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}
