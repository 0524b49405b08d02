/**
 * Brings announcements of the city's keys to devices that have not followed yet. A health message says which keys a device
 * believes; while they are not those of the last announcement it is sent all of them, in order.
 */
import type { Pool } from 'pg';
import type { KeyUse } from '#contracts/command.ts';
import type { DeviceHealth } from '#contracts/device-report.ts';
import { deviceTopic } from '#contracts/topics.ts';
import type { Logger } from '#platform/logger.ts';

export interface KeyAnnouncer {
  /** Looks at what a device believes; never rejects. */
  heard(health: DeviceHealth): void;
  stop(): void;
}

export interface KeyAnnouncerOptions {
  readonly everyMs: number;
  readonly publish: (topic: string, payload: Uint8Array) => Promise<void>;
  readonly monotonicMs: () => number;
  readonly log: Logger;
}

interface Announcement {
  readonly keyIds: string;
  readonly payload: Buffer;
}

/** A device that cannot follow is told again after this; the number of devices bounds what is remembered. */
const AGAIN_MS = 30_000;
/** Steps of one use that are sent at most, the latest: who missed more has to be enrolled anew. */
const STEPS_MAX = 16;
const DEVICES_MAX = 20_000;

/** Starts to look for announcements. */
export function startKeyAnnouncer(pool: Pool, options: KeyAnnouncerOptions): KeyAnnouncer {
  const { publish, log } = options;
  let steps: ReadonlyMap<KeyUse, readonly Announcement[]> = new Map();
  const told = new Map<string, number>();

  async function look(): Promise<void> {
    const { rows } = await pool.query<{ use: KeyUse; key_ids: string[]; envelope: string }>(
      `SELECT use, key_ids, envelope FROM (
         SELECT *, row_number() OVER (PARTITION BY use ORDER BY issued_at_ms DESC) AS back FROM ingest.key_announcement
       ) AS a WHERE back <= $1 ORDER BY use, issued_at_ms`,
      [STEPS_MAX],
    );
    const read = rows.map(({ use, key_ids, envelope }) => {
      return { use, keyIds: listed(key_ids), payload: Buffer.from(envelope, 'utf8') };
    });
    steps = Map.groupBy(read, ({ use }) => use);
  }
  const quietly = (): void =>
    void look().catch((error: Error) => log.debug({ problem: error.message }, 'ingest.keys.away'));
  quietly();
  const timer = setInterval(quietly, options.everyMs);
  timer.unref();

  function send(deviceId: string, use: KeyUse, announcements: readonly Announcement[]): void {
    const key = `${deviceId} ${use}`;
    const nowMs = options.monotonicMs();
    if (nowMs - (told.get(key) ?? Number.NEGATIVE_INFINITY) < AGAIN_MS) return;
    told.delete(key);
    told.set(key, nowMs);
    for (const oldest of told.keys()) if (told.size > DEVICES_MAX) told.delete(oldest);
    log.info({ deviceId, use, steps: announcements.length }, 'ingest.keys.announced');
    const topic = deviceTopic(deviceId, 'commands');
    // One after the other: each is believed by the one before it.
    const sent = announcements.reduce(
      (before, { payload }) => before.then(() => publish(topic, payload)),
      Promise.resolve(),
    );
    sent.catch(() => told.delete(key)); // no connection: with the next health message
  }

  return {
    heard({ deviceId, pinned }) {
      if (pinned === undefined) return;
      for (const [use, announcements] of steps) {
        if (announcements.at(-1)?.keyIds !== listed(pinned[use])) send(deviceId, use, announcements);
      }
    },
    stop: () => clearInterval(timer),
  };
}

function listed(keyIds: readonly string[]): string {
  return [...keyIds].sort().join(' ');
}
