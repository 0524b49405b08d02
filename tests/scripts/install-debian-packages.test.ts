import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { tempFolder } from '../support/temp-folder.ts';

const script = resolve(import.meta.dirname, '../../scripts/install-debian-packages.sh');
const folder = tempFolder('packages');
afterAll(() => folder.remove());
cpSync(script, join(folder.path, 'install.sh'));

function call(list: string, env: Record<string, string> = {}): { status: number | null; stdout: string } {
  writeFileSync(join(folder.path, 'debian-packages.txt'), list);
  return spawnSync('/bin/bash', [join(folder.path, 'install.sh'), '--check'], {
    encoding: 'utf8',
    env: { PATH: process.env['PATH'] ?? '', ...env },
  });
}

describe.skipIf(!existsSync('/usr/bin/dpkg-query'))('the installer of Debian packages', () => {
  test('is quiet when nothing is missing', () => {
    expect(call('# why\nbash  # the shell\n\ndpkg\n')).toMatchObject({ status: 0, stdout: '' });
  });

  test('names only what is missing and prints the line to type, code 3', () => {
    const { status, stdout } = call('bash # here\nno-such-package-of-ours # not here\n');
    expect(status).toBe(3);
    expect(stdout).toContain('apt-get install --yes --no-install-recommends no-such-package-of-ours');
    expect(stdout).not.toContain(' bash');
  });

  test('where there is no dpkg it prints the list, code 4', () => {
    const tools = tempFolder('tools');
    for (const tool of ['sed', 'dirname', 'id']) symlinkSync(`/usr/bin/${tool}`, join(tools.path, tool));
    const { status, stdout } = call('bash\n', { PATH: tools.path });
    tools.remove();
    expect(status).toBe(4);
    expect(stdout).toContain('bash');
  });

  test('every package of our list says why it is there', () => {
    const lines = readFileSync(resolve(script, '../debian-packages.txt'), 'utf8').split('\n');
    const packages = lines.filter((line) => line !== '' && !line.startsWith('#'));
    expect(packages.length).toBeGreaterThan(3);
    for (const line of packages) expect(line).toMatch(/^[a-z0-9][a-z0-9.+-]+ +# \S/);
  });
});
