import { createRequire } from 'node:module';
import { missingPackages } from '../../simulators/cards/pcscd.ts';

/**
 * Whether tests over the real PC/SC stack are to be skipped here, with a word on what is missing. Never in CI: its
 * script installs what they need, so a missing part is a failure there.
 */
export function skipWithoutPcsc(what: string): boolean {
  const missing = [...missingPackages(), ...(hasBinding() ? [] : ['libpcsclite-dev'])];
  if (missing.length === 0 || process.env['CI'] !== undefined) return false;
  console.warn(`${what}: skipped. To run it: apt-get install -y ${missing.join(' ')} && npm ci`);
  return true;
}

function hasBinding(): boolean {
  try {
    createRequire(import.meta.url).resolve('smartcard');
    return true;
  } catch {
    return false;
  }
}
