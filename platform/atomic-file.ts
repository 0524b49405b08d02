/** Small files that are old or new, never half. */
import { closeSync, fsyncSync, openSync, renameSync, rmSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';

export interface AtomicWriteOptions {
  /** Rights of the new file; 0600 by default, since most of these files hold secrets. */
  readonly mode?: number;
  /** Forces the bytes to the disk before the name changes, so that a power cut keeps one of both; default true. */
  readonly durable?: boolean;
}

/** Replaces a file's content in one step: writes a sibling, syncs it, renames it over. */
export function writeFileAtomic(path: string, content: string, options: AtomicWriteOptions = {}): void {
  const durable = options.durable ?? true;
  const sibling = `${path}.${process.pid}.new`;
  const fd = openSync(sibling, 'w', options.mode ?? 0o600);
  try {
    writeSync(fd, content);
    if (durable) fsyncSync(fd);
  } catch (error) {
    closeSync(fd);
    rmSync(sibling, { force: true });
    throw error;
  }
  closeSync(fd);
  renameSync(sibling, path);
  if (durable) syncFolder(dirname(path));
}

/** Makes renames and new names in a folder survive a power cut. */
export function syncFolder(path: string): void {
  const fd = openSync(path, 'r');
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}
