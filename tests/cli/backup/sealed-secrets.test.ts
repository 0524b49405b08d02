import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { openSecrets, sealSecrets } from '../../../cli/backup/sealed-secrets.ts';
import * as backup from '../../../cli/commands/backup.ts';
import { runCommand } from '../../support/command-io.ts';
import { tempFolder } from '../../support/temp-folder.ts';

const folder = tempFolder('secrets');
afterAll(() => folder.remove());
const at = (...names: string[]): string => join(folder.path, ...names);

mkdirSync(at('secrets'));
writeFileSync(at('secrets', 'lists-key.pem'), 'a private key\n');
writeFileSync(at('secrets', 'database.json'), '{"v":1}\n');
writeFileSync(at('passphrase'), 'six words that nobody would guess\n');

describe('sealed secrets', () => {
  test('are opened with the passphrase, and hold every file byte for byte', () => {
    expect(sealSecrets(at('secrets'), at('sealed'), 'twelve chars')).toEqual([
      'database.json',
      'lists-key.pem',
    ]);
    expect(readFileSync(at('sealed'), 'utf8')).not.toContain('private');
    expect(openSecrets(at('sealed'), at('opened'), 'twelve chars')).toEqual([
      'database.json',
      'lists-key.pem',
    ]);
    for (const name of readdirSync(at('secrets')))
      expect(readFileSync(at('opened', name))).toEqual(readFileSync(at('secrets', name)));
    expect(statSync(at('opened', 'lists-key.pem')).mode & 0o777).toBe(0o600);
  });

  test('stay closed to another passphrase and after a change of one character', () => {
    const wrong = { code: 'SECRETS_SEALED_UNREADABLE' };
    expect(() => openSecrets(at('sealed'), at('x'), 'twelve charS')).toThrow(expect.objectContaining(wrong));
    const file = JSON.parse(readFileSync(at('sealed'), 'utf8')) as { sealed: string };
    const flipped = `${file.sealed.startsWith('A') ? 'B' : 'A'}${file.sealed.slice(1)}`;
    writeFileSync(at('flipped'), JSON.stringify({ ...file, sealed: flipped }));
    expect(() => openSecrets(at('flipped'), at('x'), 'twelve chars')).toThrow(expect.objectContaining(wrong));
    writeFileSync(at('text'), 'hello');
    expect(() => openSecrets(at('text'), at('x'), 'twelve chars')).toThrow(expect.objectContaining(wrong));
  });

  test('are not made with a passphrase of eleven characters, and never written over others', () => {
    expect(() => sealSecrets(at('secrets'), at('short'), 'eleven char')).toThrow(
      expect.objectContaining({ code: 'SECRETS_PASSPHRASE' }),
    );
    expect(() => openSecrets(at('sealed'), at('secrets'), 'twelve chars')).toThrow(
      expect.objectContaining({ code: 'SECRETS_IN_PLACE' }),
    );
  });

  test('go out and in by the command', async () => {
    const seal = [
      'secrets',
      '--out',
      at('by-command'),
      '--passphrase-file',
      at('passphrase'),
      '--data',
      folder.path,
    ];
    expect(await runCommand(backup, seal)).toMatchObject({
      code: 0,
      stdout: expect.stringContaining('2 files'),
    });
    const open = [
      'open-secrets',
      '--in',
      at('by-command'),
      '--passphrase-file',
      at('passphrase'),
      '--data',
      at('new'),
    ];
    expect(await runCommand(backup, open)).toMatchObject({ code: 0 });
    expect(readdirSync(at('new', 'secrets'))).toEqual(['database.json', 'lists-key.pem']);
  });

  test.each([
    [['secrets', '--out', 'x']],
    [['open-secrets', '--passphrase-file', 'x']],
    [['list']],
    [['verify', 'a', 'b']],
    [['mark', '--held', 'here']],
    [['mark', 'somewhere']],
    [['missing']],
    [[]],
  ])('the command refuses %j', async (args) => {
    await expect(runCommand(backup, args)).rejects.toThrow(/is needed|takes/);
  });
});
