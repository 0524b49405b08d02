/**
 * Data that others published, read where it lies and never copied: `KVYTOK_SHARED_DATA`, else `../shared/data` beside
 * the checkout. Tests that need it are skipped by name where it is absent, but never in CI.
 */
import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../..', import.meta.url));

/** Path of a shared file or folder, or why it cannot be used. Throws in CI when it is absent. */
export function sharedData(
  name: string,
): { found: true; path: string } | { found: false; path: string; reason: string } {
  const path = resolve(process.env['KVYTOK_SHARED_DATA'] ?? resolve(root, '../shared/data'), name);
  if (existsSync(path)) return { found: true, path };
  const reason = `${name} is not at ${path}; set KVYTOK_SHARED_DATA`;
  if (process.env['CI']) throw new Error(`CI must have the shared data: ${reason}`);
  return { found: false, path, reason };
}
