/**
 * The role `backup`: PostgreSQL's log and bases into a folder, and the watermark behind it. The one place where the
 * copying (platform/backup) and the promise (ingest/adapters/backup-marks.ts) meet.
 */
import { type Static, Type } from 'typebox';
import { BACKUP_LIMITS, type BackupLimits, startBackupService } from '#platform/backup/backup-service.ts';
import { type Clock, systemClock } from '#platform/clock.ts';
import type { Logger } from '#platform/logger.ts';
import { createPool } from '#platform/postgres.ts';
import type { Probe } from '#platform/probe.ts';
import type { Role } from '#platform/role.ts';
import {
  announceMark,
  MARK_LIMITS,
  type MarkLimits,
  moveWatermark,
  sayBackupState,
} from '../../ingest/adapters/backup-marks.ts';

const seconds = (fallback: number, description: string) =>
  Type.Integer({ minimum: 0, maximum: 31_536_000, default: fallback / 1000, description });

export const BackupEnvironment = Type.Object({
  KVYTOK_POSTGRES_URL: Type.String({
    minLength: 1,
    description: 'address of PostgreSQL, role backup_runtime',
  }),
  KVYTOK_BACKUP_DIR: Type.String({ minLength: 1, description: 'folder of the backup, best on another disk' }),
  KVYTOK_BACKUP_EVERY_S: seconds(BACKUP_LIMITS.everyMs, 'seconds between two turns'),
  KVYTOK_BACKUP_BASE_EVERY_S: seconds(BACKUP_LIMITS.baseEveryMs, 'seconds after which a new base is taken'),
  KVYTOK_BACKUP_KEEP_BASES: Type.Integer({
    minimum: 1,
    maximum: 100,
    default: BACKUP_LIMITS.keepBases,
    description: 'bases that are kept, with the log from the oldest on',
  }),
  KVYTOK_BACKUP_RESERVE_S: seconds(
    MARK_LIMITS.reserveMs,
    'seconds of records that devices keep although the backup has them',
  ),
  KVYTOK_BACKUP_SLACK_S: seconds(MARK_LIMITS.slackMs, 'seconds by which the clocks of ingests may differ'),
});
export type BackupEnvironment = Static<typeof BackupEnvironment>;

export interface BackupConfig {
  /** Address under the role `backup_runtime`. */
  readonly postgresUrl: string;
  readonly folder: string;
  readonly limits: BackupLimits;
  readonly marks: MarkLimits;
}

/** Every bound as it is without a word from the environment. */
export const DEFAULT_BACKUP = { limits: BACKUP_LIMITS, marks: MARK_LIMITS } as const;

/** From the environment. */
export function backupConfig(env: BackupEnvironment): BackupConfig {
  return {
    postgresUrl: env.KVYTOK_POSTGRES_URL,
    folder: env.KVYTOK_BACKUP_DIR,
    limits: {
      everyMs: Math.max(1, env.KVYTOK_BACKUP_EVERY_S) * 1000,
      baseEveryMs: Math.max(1, env.KVYTOK_BACKUP_BASE_EVERY_S) * 1000,
      keepBases: env.KVYTOK_BACKUP_KEEP_BASES,
    },
    marks: { slackMs: env.KVYTOK_BACKUP_SLACK_S * 1000, reserveMs: env.KVYTOK_BACKUP_RESERVE_S * 1000 },
  };
}

/** Starts the backup of a database. `clock` is the city's: in it the watermark is told. */
export function startBackup(
  config: BackupConfig,
  deps: { readonly clock: Clock; readonly log: Logger; readonly probe?: Probe },
): Role {
  const { clock, log, probe } = deps;
  const { marks } = config;
  const pool = createPool({ url: config.postgresUrl, applicationName: 'kvytok-backup', max: 2, log });
  const service = startBackupService({
    url: config.postgresUrl,
    folder: config.folder,
    log,
    nowMs: systemClock.nowMs,
    limits: config.limits,
    ...(probe === undefined ? {} : { probe }),
    beforeTurn: () => announceMark(pool, clock.nowMs(), marks),
    onHeld: async (position, folder) => {
      const keep = (promised: { position: string; watermarkMs: number } | null): void => {
        const owner = folder.owner();
        if (owner !== null)
          folder.writeOwner({ ...owner, cityMs: clock.nowMs(), promised: promised ?? owner.promised });
      };
      // The folder knows of a promise before any device can act on it.
      const moved = await moveWatermark(pool, position, clock.nowMs(), marks, async (promised) => {
        keep(promised);
        await probe?.('backup.before-promise');
      });
      if (!moved) keep(null);
    },
    onState: (health) => sayBackupState(pool, { ...health, atMs: clock.nowMs() }),
  });
  return {
    name: 'backup',
    async stop() {
      await service.stop();
      await pool.end();
    },
  };
}
