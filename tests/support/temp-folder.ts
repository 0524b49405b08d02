/** Folders that live as long as a test. */
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/**
 * Makes an empty folder under the system's temporary folder. It may be passed through (0711), so that a database that
 * runs under another user reaches its part inside.
 */
export function tempFolder(name = 'test'): { path: string; remove(): void } {
  const path = mkdtempSync(join(tmpdir(), `kvytok-${name}-`));
  chmodSync(path, 0o711);
  return { path, remove: () => rmSync(path, { recursive: true, force: true }) };
}
