import { mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { openSecrets, sealSecrets } from '../../../cli/backup/sealed-secrets.ts';
import { hasCityKeys, openCityKeys } from '../../../cli/city/city-keys.ts';
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

  test('of a city bring back the key that begins generations of lists, which validators pin', () => {
    openCityKeys(at('city'));
    expect(hasCityKeys(at('city'))).toBe(true);
    const names = sealSecrets(at('city'), at('city-sealed'), 'twelve chars');
    expect(names).toContain('offline/list-generation-key.pem');
    expect(openSecrets(at('city-sealed'), at('city-again'), 'twelve chars')).toEqual(names);
    for (const name of names)
      expect(readFileSync(at('city-again', name))).toEqual(readFileSync(at('city', name)));
    expect(statSync(at('city-again', 'offline')).mode & 0o777).toBe(0o700);
    expect(statSync(at('city-again', 'offline', 'list-generation-key.pem')).mode & 0o777).toBe(0o600);
    rmSync(at('city-again', 'offline', 'list-generation-key.pem'));
    expect(hasCityKeys(at('city-again'))).toBe(false);
  });

  test.each(['.hidden', 'Key.pem', 'a_b'])(
    'are refused with the name %s, which could not be opened again',
    (name) => {
      const place = at(`names-${name}`);
      mkdirSync(join(place, 'offline'), { recursive: true });
      writeFileSync(join(place, 'offline', name), 'x');
      expect(() => sealSecrets(place, at('refused'), 'twelve chars')).toThrow(
        expect.objectContaining({ code: 'SECRETS_SEALED_UNREADABLE' }),
      );
    },
  );

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
