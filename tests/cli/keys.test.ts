/** `kvytok keys inspection`: the city's inspection key and its successor, in a file that enrolment reads. */
import { randomBytes } from 'node:crypto';
import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import {
  firstInspectionKeys,
  networkKeysText,
  nextInspectionKeys,
  parseNetworkKeys,
} from '#contracts/vehicle-key.ts';
import { UsageError } from '../../cli/command.ts';
import * as keys from '../../cli/commands/keys.ts';
import { runCommand } from '../support/command-io.ts';
import { tempFolder } from '../support/temp-folder.ts';

let folder: ReturnType<typeof tempFolder>;
let file: string;
beforeEach(() => {
  folder = tempFolder('keys');
  file = join(folder.path, 'inspection-keys.json');
});
afterEach(() => folder.remove());

const inspection = (...args: string[]) =>
  runCommand(keys, ['inspection', '--file', file, ...args], '', folder.path);
const held = () => {
  const read = parseNetworkKeys(readFileSync(file));
  if (!read.ok) throw new Error('no keys');
  return read.value;
};

it('makes a first key, and its successor beside it; no key is printed', async () => {
  const first = await inspection();
  expect(first.stdout).toBe('Version 1: no end\n');
  const [old] = held();
  const second = await inspection('--accept-old-until', '2026-09-01T00:00:00Z');
  expect(second.stdout).toBe('Version 2: no end\nVersion 1: until 2026-09-01T00:00:00.000Z\n');
  expect(held()).toMatchObject([{ version: 2 }, { ...old, acceptedUntilMs: Date.UTC(2026, 8, 1) }]);
  for (const { key } of held()) expect(first.stdout + second.stdout).not.toContain(key);
  expect(statSync(file).mode & 0o077).toBe(0);
});

it('never replaces a key that is there unasked, and keeps no third one alive', async () => {
  await expect(inspection('--accept-old-until', '2026-09-01T00:00:00Z')).rejects.toThrow(UsageError);
  const first = firstInspectionKeys(randomBytes(32));
  const both = nextInspectionKeys(first, randomBytes(32), Date.now() + 3_600_000);
  for (const present of [first, both]) {
    writeFileSync(file, networkKeysText(present), { mode: 0o600 });
    await expect(inspection()).rejects.toThrow(UsageError);
    await expect(inspection('--accept-old-until', 'tomorrow')).rejects.toThrow(UsageError);
    expect(held()).toEqual(present);
  }
  await expect(inspection('--accept-old-until', '2099-01-01T00:00:00Z')).rejects.toThrow('still accepted');
  writeFileSync(file, 'ab'.repeat(32), { mode: 0o600 });
  await expect(inspection('--accept-old-until', '2099-01-01T00:00:00Z')).rejects.toMatchObject({
    code: 'INSPECTION_KEYS_INVALID',
  });
});
