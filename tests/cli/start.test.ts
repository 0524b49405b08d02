/** bin/kvytok.mjs as people call it: from elsewhere, through links, before npm ci, with signals. */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { constants } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { tempFolder } from '../support/temp-folder.ts';

const root = resolve(import.meta.dirname, '../..');
const bin = join(root, 'bin/kvytok.mjs');
const folder = tempFolder('start');
afterAll(() => folder.remove());

function call(
  program: string,
  args: string[],
  cwd = folder.path,
): { status: number | null; stdout: string; stderr: string } {
  return spawnSync(process.execPath, [program, ...args], { cwd, encoding: 'utf8' });
}

describe('bin/kvytok.mjs', () => {
  test('works from another folder and through a link', () => {
    const link = join(folder.path, 'kvytok');
    symlinkSync(bin, link);
    expect(call(link, ['--help'])).toMatchObject({
      status: 0,
      stdout: expect.stringContaining('kvytok doctor'),
      stderr: '',
    });
  });

  test('hands on the exit code', () => {
    expect(call(bin, ['no-such-command']).status).toBe(64);
  });

  test('before npm ci it says what to type, exit code 69', () => {
    const bare = join(folder.path, 'bare');
    mkdirSync(join(bare, 'bin'), { recursive: true });
    cpSync(bin, join(bare, 'bin/kvytok.mjs'));
    writeFileSync(join(bare, 'package.json'), '{"type":"module"}');
    const { status, stdout, stderr } = call(join(bare, 'bin/kvytok.mjs'), ['doctor']);
    expect({ status, stdout }).toEqual({ status: 69, stdout: '' });
    expect(stderr).toBe(`${stderr.trim()}\n`);
    expect(stderr).toContain(`cd ${bare} && npm ci`);
  });

  test('runs under the pinned Node, whose folder comes first on the PATH', () => {
    const script = join(folder.path, 'print.ts');
    writeFileSync(
      script,
      'console.log(process.versions.node, process.env.PATH, process.argv.slice(2).join());',
    );
    const { stdout } = call(bin, ['--run', script, 'a', '--b']);
    expect(stdout).toMatch(/^24\./);
    expect(stdout).toMatch(/^\S+ [^:]*node-linux-\w+\/bin:/);
    expect(stdout.trim().endsWith(' a,--b')).toBe(true);
  });

  test.each(['SIGTERM', 'SIGINT', 'SIGHUP'] as const)(
    'hands on %s, and tells how the command ended',
    async (signal) => {
      const script = join(folder.path, `wait-${signal}.ts`);
      writeFileSync(
        script,
        `process.on('${signal}', () => { console.log('polite'); process.exit(9); });\nconsole.log('ready'); setInterval(() => {}, 60_000);`,
      );
      const child = spawn(process.execPath, [bin, '--run', script], { stdio: ['ignore', 'pipe', 'inherit'] });
      let said = '';
      child.stdout.on('data', (data) => {
        said += data;
      });
      await once(child.stdout, 'data');
      child.kill(signal);
      const [code] = await once(child, 'close');
      expect({ code, said }).toEqual({ code: 9, said: 'ready\npolite\n' });
    },
  );

  test('a command that dies of a signal gives 128 + its number', async () => {
    const script = join(folder.path, 'dies.ts');
    writeFileSync(script, `process.kill(process.pid, 'SIGKILL');`);
    expect(call(bin, ['--run', script]).status).toBe(128 + constants.signals.SIGKILL);
  });
});
