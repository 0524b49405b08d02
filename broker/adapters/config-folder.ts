/**
 * Files of a broker that is a server of its own: written whole, one after the other, and the server told by SIGHUP.
 */
import { chmodSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { writeFileAtomic } from '#platform/atomic-file.ts';
import { OperatorError, systemCode } from '#platform/errors.ts';
import type { ConfigFile } from '../server-config.ts';

/**
 * Writes what differs from what is there and names it. A folder with the set-group bit gives its group to the files
 * (`install -d -g mosquitto -m 2750 DIR`), so that the broker's own user can read them and nobody else.
 * @throws OperatorError BROKER_CONFIG_UNWRITABLE.
 */
export function writeConfigFolder(folder: string, files: readonly ConfigFile[]): string[] {
  try {
    mkdirSync(folder, { recursive: true, mode: 0o750 });
    return files
      .filter(({ name, text }) => readIfThere(join(folder, name)) !== text)
      .map(({ name, text, secret }) => {
        const mode = secret ? 0o640 : 0o644;
        const path = join(folder, name);
        writeFileAtomic(path, text, { mode });
        chmodSync(path, mode); // A strict umask must not lock the broker out.
        return name;
      });
  } catch (cause) {
    throw new OperatorError({
      code: 'BROKER_CONFIG_UNWRITABLE',
      happened: `The broker's configuration cannot be written to ${folder}: ${(cause as Error).message}.`,
      kept: 'The broker goes on with the files it has read; each file is old or new, never half.',
      todo: 'Mend the rights of the folder or free space, and write it again.',
      cause,
    });
  }
}

function readIfThere(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return undefined;
    throw error;
  }
}

/**
 * Tells the process that a pid file names to read its files again. False when there is no such process.
 * @throws OperatorError BROKER_NOT_TOLD when it may not be signalled or the file names no process.
 */
export function tellBroker(pidFile: string): boolean {
  const text = readIfThere(pidFile)?.trim();
  if (text === undefined) return false;
  const pid = Number(text);
  try {
    if (!Number.isSafeInteger(pid) || pid <= 1)
      throw new Error(`it holds ${JSON.stringify(text.slice(0, 20))}`);
    process.kill(pid, 'SIGHUP');
    return true;
  } catch (cause) {
    if (systemCode(cause) === 'ESRCH') return false;
    throw new OperatorError({
      code: 'BROKER_NOT_TOLD',
      happened: `The broker named by ${pidFile} could not be told to read its files again: ${(cause as Error).message}.`,
      kept: 'The new files are written; the broker reads them at its next start at the latest.',
      todo: 'Run this command as the user of the broker or as root, or send it SIGHUP yourself.',
      cause,
    });
  }
}
