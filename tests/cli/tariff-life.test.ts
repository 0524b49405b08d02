/** kvytok tariff diff, from the command line. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { UsageError } from '../../cli/command.ts';
import * as tariff from '../../cli/commands/tariff.ts';
import { runCommand } from '../support/command-io.ts';
import { PACKAGE } from '../support/tariff.ts';

const root = mkdtempSync(join(tmpdir(), 'kvytok-life-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));

function write(name: string, change: Readonly<Record<string, string>> = {}): string {
  mkdirSync(join(root, name));
  for (const [file, text] of Object.entries({ ...PACKAGE, ...change }))
    writeFileSync(join(root, name, file), text.trimStart());
  return name;
}

describe('kvytok tariff diff', () => {
  const old = write('old');
  const next = write('next', {
    'fare_transfer_rules.txt': (PACKAGE['fare_transfer_rules.txt'] as string).replace('1800', '2700'),
  });

  it('says it in words, in Ukrainian without being asked, or as JSON', async () => {
    const words = await runCommand(tariff, ['diff', old, next], '', root);
    expect(words).toMatchObject({
      code: 0,
      stdout: 'Правило пересадки city → city: час на пересадку: 1800 s → 2700 s (Order 1 uk, п. 9)\n',
    });
    const json = await runCommand(tariff, ['diff', old, next, '--json'], '', root);
    expect(JSON.parse(json.stdout)).toMatchObject({ field: 'duration_limit_s', before: 1800, after: 2700 });
    const same = await runCommand(tariff, ['diff', old, old, '--lang', 'en'], '', root);
    expect(same.stdout).toBe('Tariff: nothing changes for a rider\n');
  });

  it('names what keeps a package from being read, and refuses other calls', async () => {
    const broken = write('broken', { 'funding.yaml': 'funding: 3\n' });
    const { code, stderr, stdout } = await runCommand(tariff, ['diff', old, broken], '', root);
    expect([code, stdout]).toEqual([1, '']);
    expect(stderr).toMatch(/^broken\/funding\.yaml:1:1: error: .*\[TARIFF_SCHEMA\]$/m);
    for (const args of [
      ['diff', old],
      ['diff', old, next, 'more'],
      ['diff', old, next, '--lang', 'fr'],
    ])
      await expect(runCommand(tariff, args, '', root)).rejects.toThrow(UsageError);
  });
});
