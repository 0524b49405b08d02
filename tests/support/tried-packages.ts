/** Packages in a folder of their own, for `kvytok tariff try` from the command line. */
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll } from 'vitest';
import * as tariff from '../../cli/commands/tariff.ts';
import { runCommand } from './command-io.ts';
import { PACKAGE } from './tariff.ts';

const CITY = join(import.meta.dirname, '../../cities/ternopil/city.yaml');

/** Files of the test package, one of them with a text in place of another. */
export const changed = (file: string, from: string, to: string) => ({
  [file]: (PACKAGE[file] as string).replace(from, to),
});

/** A folder with the package `whole` beside a city's data, gone after the file's tests. */
export function openTried() {
  const root = mkdtempSync(join(tmpdir(), 'kvytok-try-'));
  afterAll(() => rmSync(root, { recursive: true, force: true }));
  const writePackage = (name: string, change: Readonly<Record<string, string>> = {}): void => {
    mkdirSync(join(root, name), { recursive: true });
    for (const [file, text] of Object.entries({ ...PACKAGE, ...change }))
      writeFileSync(join(root, name, file), text.trimStart());
  };
  cpSync(CITY, join(root, 'city.yaml'));
  writePackage('whole');
  return {
    root,
    writePackage,
    attempt: (...args: string[]) => runCommand(tariff, ['try', ...args], '', root),
  };
}
