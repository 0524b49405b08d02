/** Is a backup whole, and does a database come out of it? */
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type BackupFolder, newestTimelineFrom } from '#platform/backup/backup-folder.ts';
import { checkBase } from '#platform/backup/base-backup.ts';
import { chainFrom, checkChain } from '#platform/backup/log-chain.ts';
import { parsePosition, SEGMENT_BYTES } from '#platform/backup/log-position.ts';
import { restoreCluster } from '#platform/backup/restore-cluster.ts';
import { chooseServer, MACHINE_FOLDERS } from '#platform/embedded-postgres.ts';
import type { Logger } from '#platform/logger.ts';
import { createPool } from '#platform/postgres.ts';
import { findPostgresBinaries } from '#platform/postgres-binaries.ts';
import { adminPassword, locateCluster } from '#platform/postgres-cluster.ts';
import { type Reconciliation, reconcile } from '../../fare-engine/reconcile.ts';
import { openCityDatabase } from '../city/open-database.ts';
import { chooseBase } from './restore-city.ts';

/** One base with the log after it. */
export interface VerifiedBase {
  readonly id: string;
  readonly files: number;
  readonly segments: number;
  readonly bytes: number;
  /** Whether everything that devices were told to be in the backup lies within it. */
  readonly keepsPromise: boolean;
}

/** Reads every base and the log after it, byte by byte. @throws OperatorError BACKUP_DAMAGED, RESTORE_NO_BASE */
export async function verifyBackup(
  backup: BackupFolder,
  onStep: (step: string) => void,
): Promise<VerifiedBase[]> {
  chooseBase(backup, {});
  const promised = backup.owner()?.promised ?? null;
  const verified: VerifiedBase[] = [];
  for (const base of backup.listBases()) {
    onStep(`base ${base.id}`);
    const { files } = await checkBase(base);
    const chain = chainFrom(backup, base, newestTimelineFrom(backup, base));
    const { bytes } = await checkChain(chain, (done, all) => onStep(`log ${done} of ${all}`));
    // The newest segment may be written as far as the promise or not: only a restore tells to the byte.
    const reach = (chain.nextSegment + 1n) * SEGMENT_BYTES;
    const keepsPromise = promised === null || parsePosition(promised.position) <= reach;
    verified.push({ id: base.id, files, segments: chain.segments.length, bytes, keepsPromise });
  }
  return verified;
}

/** Restores the newest base into a throw-away folder and reconciles what comes out. */
export async function tryRestore(
  backup: BackupFolder,
  log: Logger,
  onStep: (step: string) => void,
): Promise<Reconciliation> {
  const folder = mkdtempSync(join(tmpdir(), 'kvytok-verify-'));
  chmodSync(folder, 0o711);
  try {
    const cluster = locateCluster(folder, join(folder, 'machine'), log);
    await restoreCluster({
      ...chooseServer(cluster, findPostgresBinaries(), MACHINE_FOLDERS.cache, log),
      backup,
      base: chooseBase(backup, {}),
      cluster,
      password: adminPassword(folder),
      log,
      onStep,
      accept: () => {},
      forTrial: true,
    });
    onStep('books');
    const database = await openCityDatabase(folder, log);
    try {
      const pool = createPool({
        url: database.url('auditor_runtime'),
        applicationName: 'kvytok-verify',
        max: 1,
      });
      return await reconcile(pool).finally(() => pool.end());
    } finally {
      await database.server.stop();
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
