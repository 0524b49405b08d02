/**
 * Two runs of one device that report by turns are two devices. Watched at the reports because these come at once, also
 * from a copy that has not written a record yet. In memory: after a restart of ingest they go on coming by turns.
 */
import type { DeviceHealth } from '#contracts/device-report.ts';

/** Runs remembered of one device; one that restarts more often between two reports of its copy is not seen. */
const BOOTS_MAX = 8;

export interface BootWatch {
  /** Takes a report; true when it comes from a run after which another one had already begun to report. */
  turnsBack(report: DeviceHealth): boolean;
}

interface Seen {
  bootId: string;
  /** Time of the run's first report by its own clock: an older report that comes late is no sign. */
  sinceMs: number;
  readonly before: string[];
}

/** Makes a watch over the devices that ingest knows: their number bounds it. */
export function createBootWatch(): BootWatch {
  const devices = new Map<string, Seen>();
  return {
    turnsBack({ deviceId, bootId, atMs }) {
      if (bootId === undefined) return false;
      const seen = devices.get(deviceId);
      if (seen === undefined) {
        devices.set(deviceId, { bootId, sinceMs: atMs, before: [] });
        return false;
      }
      if (seen.bootId === bootId) return false;
      const again = seen.before.includes(bootId);
      if (again && atMs < seen.sinceMs) return false;
      if (!seen.before.includes(seen.bootId)) seen.before.push(seen.bootId);
      if (seen.before.length > BOOTS_MAX) seen.before.shift();
      seen.bootId = bootId;
      seen.sinceMs = atMs;
      return again;
    },
  };
}
