/** `kvytok restore`: a backup becomes the database of a data folder again, ready for a city that goes on. */
import { existsSync, readdirSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { sealDenyGeneration } from '#contracts/deny-list.ts';
import { type BackupFolder, type Base, openBackupFolder } from '#platform/backup/backup-folder.ts';
import { parsePosition, positionText } from '#platform/backup/log-position.ts';
import { type Reached, restoreCluster } from '#platform/backup/restore-cluster.ts';
import { advanceClockFile } from '#platform/city-clock.ts';
import { openDataFolder } from '#platform/data-folder.ts';
import { chooseServer, MACHINE_FOLDERS } from '#platform/embedded-postgres.ts';
import { OperatorError } from '#platform/errors.ts';
import type { Logger } from '#platform/logger.ts';
import { createPool } from '#platform/postgres.ts';
import { findPostgresBinaries } from '#platform/postgres-binaries.ts';
import { adminPassword, clearLeftovers, locateCluster } from '#platform/postgres-cluster.ts';
import { type Reconciliation, reconcile } from '../../fare-engine/reconcile.ts';
import { hasCityKeys, openCityKeys } from '../city/city-keys.ts';
import { openCityDatabase } from '../city/open-database.ts';
import { type FinishedRestore, finishRestore } from './finish-restore.ts';

export interface RestoreCityOptions {
  readonly from: string;
  readonly dataFolder: string;
  readonly baseId?: string;
  readonly untilMs?: number;
  /** Put a database that lies there already under another name. */
  readonly moveAside: boolean;
  /** Restore although devices may have forgotten what is not in it. */
  readonly acceptLoss: boolean;
  readonly log: Logger;
  readonly onStep: (step: string) => void;
}

export interface RestoredCity {
  readonly base: Base;
  readonly reached: Reached;
  readonly life: FinishedRestore;
  readonly books: Reconciliation;
  readonly movedTo: string | null;
  /** The promise that the restored database does not keep; null when it keeps every one. */
  readonly broken: { readonly watermarkMs: number } | null;
  /** The data folder had no keys, so new ones were made: validators enrolled under the old ones do not trust them. */
  readonly newKeys: boolean;
}

/**
 * Restores, begins the new life, looks at the books, and stops the server again.
 * @throws OperatorError for everything a person can mend; then the data folder is as it was.
 */
export async function restoreCity(options: RestoreCityOptions): Promise<RestoredCity> {
  const backup = openBackupFolder(options.from, false);
  const base = chooseBase(backup, options);
  const folder = openDataFolder(options.dataFolder);
  try {
    const cluster = locateCluster(folder.path, MACHINE_FOLDERS.data, options.log);
    const occupied = existsSync(cluster) && readdirSync(cluster).length > 0;
    if (occupied && !options.moveAside) throw inPlace(cluster);
    // A server that a killed city left behind still works in it.
    if (occupied) await clearLeftovers(cluster, options.log);
    const reached = await restoreCluster({
      ...options,
      ...chooseServer(cluster, findPostgresBinaries(), MACHINE_FOLDERS.cache, options.log),
      backup,
      base,
      cluster: occupied ? `${cluster}.restored` : cluster,
      password: adminPassword(folder.path),
      accept: (how) => {
        if (!options.acceptLoss && brokenPromise(backup, how) !== null) throw behindPromise(backup, how);
      },
    });
    const movedTo = occupied ? putAside(cluster) : null;
    if (occupied) renameSync(`${cluster}.restored`, cluster);
    const owner = backup.owner();
    if (owner?.cityMs != null) advanceClockFile(join(folder.path, 'city-clock.json'), owner.cityMs);
    // Before the new life, which takes every promise back.
    const broken = brokenPromise(backup, reached);
    const newKeys = !hasCityKeys(join(folder.path, 'secrets'));
    options.onStep('new life');
    const { life, books } = await beginAgain(folder.path, backup, options.log);
    return { base, reached, life, books, movedTo, broken, newKeys };
  } finally {
    folder.release();
  }
}

/** The newest base that lies before the instant, or the one that was named. */
export function chooseBase(
  backup: BackupFolder,
  { baseId, untilMs }: { readonly baseId?: string; readonly untilMs?: number },
): Base {
  const bases = backup.listBases();
  const fits = (base: Base): boolean =>
    (baseId === undefined || base.id === baseId) && (untilMs === undefined || base.finishedAtMs <= untilMs);
  const base = bases.findLast(fits);
  if (base !== undefined) return base;
  throw new OperatorError({
    code: 'RESTORE_NO_BASE',
    happened: `No base in ${backup.path} fits; there are: ${bases.map(({ id }) => id).join(', ') || 'none'}.`,
    kept: 'Nothing was changed.',
    todo: 'Name one of them with --base, or with --to an instant after one of them was finished.',
  });
}

async function beginAgain(
  dataFolder: string,
  backup: BackupFolder,
  log: Logger,
): Promise<{ life: FinishedRestore; books: Reconciliation }> {
  const database = await openCityDatabase(dataFolder, log);
  try {
    const owner = backup.owner();
    const nowMs = owner?.cityMs ?? Date.now();
    const offlineKey = openCityKeys(join(dataFolder, 'secrets')).listGeneration;
    const life = await finishRestore({
      migratorUrl: database.migratorUrl,
      nowMs,
      generationMin: (owner?.generationMax ?? 0) + 1,
      statementFor: (generation) => sealDenyGeneration(generation, nowMs, offlineKey),
      evenSo: false,
    });
    // Kept outside the database: a second restore of the same backup must not use the number again.
    if (owner !== null) backup.writeOwner({ ...owner, generationMax: life.generation, promised: null });
    const pool = createPool({
      url: database.url('auditor_runtime'),
      applicationName: 'kvytok-restore',
      max: 1,
    });
    const books = await reconcile(pool).finally(() => pool.end());
    return { life, books };
  } finally {
    await database.server.stop();
  }
}

function brokenPromise(backup: BackupFolder, reached: Reached): { watermarkMs: number } | null {
  const promised = backup.owner()?.promised ?? null;
  if (promised === null || reached.position >= parsePosition(promised.position)) return null;
  return { watermarkMs: promised.watermarkMs };
}

function behindPromise(backup: BackupFolder, reached: Reached): OperatorError {
  const promised = backup.owner()?.promised;
  const at = promised === null || promised === undefined ? '' : new Date(promised.watermarkMs).toISOString();
  const why = reached.damage ?? 'The log ends there, or --to names an earlier instant';
  return new OperatorError({
    code: 'RESTORE_BEHIND_PROMISE',
    happened: `The restore comes to ${positionText(reached.position)} only, and devices were told that everything receipted before ${at} is in the backup. ${why}.`,
    kept: 'Nothing was changed: what was restored so far was removed again.',
    todo: 'Restore without --to, or from an undamaged copy of the backup. With --accept-loss it is done nevertheless; records that devices have forgotten are then gaps that the devices page counts.',
  });
}

function inPlace(cluster: string): OperatorError {
  return new OperatorError({
    code: 'RESTORE_TARGET_IN_USE',
    happened: `There is a database already: ${cluster}.`,
    kept: 'It was left as it is, and nothing was restored.',
    todo: 'Give an empty data folder with --data, or put that database under another name with --move-aside.',
  });
}

function putAside(cluster: string): string {
  for (let n = 1; ; n++) {
    const place = `${cluster}.before-restore-${n}`;
    if (existsSync(place)) continue;
    renameSync(cluster, place);
    return place;
  }
}
