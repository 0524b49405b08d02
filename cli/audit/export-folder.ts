/** `kvytok audit export --log DIR`: the log as a folder, whole or not at all. */
import { mkdir, rename, rm, stat, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { syncFolder } from '#platform/atomic-file.ts';
import { OperatorError } from '#platform/errors.ts';
import type { ReaderPool } from '../../fare-engine/database-reader.ts';
import { exportLog, type LogExport } from '../../fare-engine/export-log.ts';
import type { CommandIo } from '../command.ts';
import { type ProgressBar, progressBar } from './progress-bar.ts';

/**
 * Writes the folder under another name first. `alsoWrite` adds files beside the log before it gets its own.
 * @throws OperatorError AUDIT_EXPORT_EXISTS, AUDIT_LOG_EMPTY; what the signal was aborted with
 */
export async function exportFolder(
  pool: ReaderPool,
  dir: string,
  io: CommandIo,
  alsoWrite: (dir: string) => Promise<void>,
  signal: AbortSignal,
): Promise<LogExport> {
  if (await exists(dir))
    throw new OperatorError({
      code: 'AUDIT_EXPORT_EXISTS',
      happened: `${dir} exists already.`,
      kept: 'Nothing was written: an export is never changed.',
      todo: 'Name a folder that does not exist yet.',
    });
  const partial = `${dir}.partial`;
  await rm(partial, { recursive: true, force: true });
  await mkdir(partial, { recursive: true, mode: 0o700 });
  const made = new Set<string>();
  let bar: ProgressBar | undefined;
  try {
    const log = await exportLog(pool, {
      begin: ({ size }) => {
        bar = progressBar(io.stderr, 'audit log', size);
      },
      async file(path, bytes) {
        signal.throwIfAborted();
        const folder = dirname(join(partial, path));
        if (!made.has(folder)) await mkdir(folder, { recursive: true, mode: 0o700 });
        made.add(folder);
        await writeFile(join(partial, path), bytes, { mode: 0o600 });
      },
      progress: (leaves) => bar?.show(leaves),
    });
    await alsoWrite(partial);
    signal.throwIfAborted();
    await rename(partial, dir);
    syncFolder(dirname(dir));
    return log;
  } catch (error) {
    await rm(partial, { recursive: true, force: true });
    throw error;
  } finally {
    bar?.end();
  }
}

async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}
