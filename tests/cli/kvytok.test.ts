import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { parseArgs } from 'node:util';
import pg from 'pg';
import { describe, expect, test } from 'vitest';
import { OperatorError } from '#platform/errors.ts';
import { createPool } from '#platform/postgres.ts';
import { type CommandEntry, type CommandModule, UsageError } from '../../cli/command.ts';
import { COMMANDS } from '../../cli/commands.ts';
import { main } from '../../cli/kvytok.ts';

function entry(name: string, run: CommandModule['run']): CommandEntry {
  return { name, summary: `does ${name}`, load: async () => ({ usage: `Usage: kvytok ${name}\n`, run }) };
}

async function call(
  argv: string[],
  commands: CommandEntry[],
): Promise<{ code: number; out: string; err: string }> {
  const [stdin, stdout, stderr] = [new PassThrough(), new PassThrough(), new PassThrough()];
  const code = await main(argv, { stdin, stdout, stderr, env: {}, cwd: '/' }, commands);
  return { code, out: String(stdout.read() ?? ''), err: String(stderr.read() ?? '') };
}

describe('the kvytok command', () => {
  test('hands arguments to the command and its code back', async () => {
    const seen: string[][] = [];
    const commands = [
      entry('quote', async (args, io) => {
        seen.push(args);
        io.stdout.write('done');
        return 7;
      }),
    ];
    expect(await call(['quote', '--tariff', 'x'], commands)).toEqual({ code: 7, out: 'done', err: '' });
    expect(seen).toEqual([['--tariff', 'x']]);
  });

  test('--help lists the commands, kvytok COMMAND --help explains one, without running it', async () => {
    const commands = [
      entry('quote', async () => {
        throw new Error('must not run');
      }),
    ];
    const help = await call(['--help'], commands);
    expect(help).toMatchObject({ code: 0, err: '' });
    expect(help.out).toContain('kvytok quote        does quote');
    expect(await call(['quote', '--help'], commands)).toEqual({
      code: 0,
      out: 'Usage: kvytok quote\n',
      err: '',
    });
    expect((await call([], commands)).code).toBe(64);
  });

  test('an unknown command is refused with the nearest one, and without control characters', async () => {
    const answer = await call(['quot\u001b[31m'], [entry('quote', async () => 0)]);
    expect(answer).toMatchObject({ code: 64, out: '' });
    expect(answer.err).not.toContain('\u001b');
    expect((await call(['qoute'], [entry('quote', async () => 0)])).err).toContain('Did you mean "quote"?');
  });

  test('a wrong option and a UsageError show the usage, code 64', async () => {
    const wrongOption = entry('a', async (args) => {
      parseArgs({ args, options: {} });
      return 0;
    });
    const wrongUse = entry('b', async () => {
      throw new UsageError('give a folder');
    });
    expect((await call(['a', '--bad'], [wrongOption])).err).toMatch(
      /Unknown option '--bad'[\s\S]*Usage: kvytok a/,
    );
    expect(await call(['b'], [wrongUse])).toMatchObject({
      code: 64,
      err: expect.stringContaining('give a folder'),
    });
  });

  test('an error for operators is three lines and code 1, a bug has its stack and code 70', async () => {
    const operator = entry('a', async () => {
      throw new OperatorError({ code: 'X_Y', happened: 'It broke.', kept: 'All.', todo: 'Mend it.' });
    });
    const bug = entry('b', async () => {
      throw new TypeError('oops');
    });
    expect(await call(['a'], [operator])).toEqual({
      code: 1,
      out: '',
      err: 'error: It broke.  [X_Y]\n  kept: All.\n  do:   Mend it.\n',
    });
    expect(await call(['b'], [bug])).toMatchObject({
      code: 70,
      err: expect.stringMatching(/TypeError: oops\n {4}at /),
    });
  });

  test.each([
    ['28P01', 'DATABASE_LOGIN_REFUSED'],
    ['42501', 'DATABASE_ROLE_WRONG'],
    ['3D000', 'DATABASE_NOT_PREPARED'],
    ['57P03', 'DATABASE_BUSY'],
  ])('what a database refuses with %s is %s and no stack', async (code, said) => {
    const refusing = entry('a', async () => {
      throw Object.assign(new pg.DatabaseError('as it says', 0, 'error'), { code, severity: 'FATAL' });
    });
    const { code: exit, err } = await call(['a'], [refusing]);
    expect(exit).toBe(1);
    expect(err).toMatch(new RegExp(`^error: .*: as it says\\.  \\[${said}\\]\\n  kept: .*\\n  do:   .*\\n$`));
  });

  test('a database that is not there is no bug either; a fault in a query stays one', async () => {
    const absent = entry('a', async () => {
      const pool = createPool({ url: 'postgres://a@127.0.0.1:9/b', applicationName: 'test', max: 1 });
      await pool.query('SELECT 1').finally(() => pool.end());
      return 0;
    });
    const { code, err } = await call(['a'], [absent]);
    expect({ code, err }).toEqual({ code: 1, err: expect.stringContaining('[SERVER_UNREACHABLE]') });
    const fault = entry('b', async () => {
      throw Object.assign(new pg.DatabaseError('no such column', 0, 'error'), {
        code: '42703',
        severity: 'ERROR',
      });
    });
    expect((await call(['b'], [fault])).code).toBe(70);
  });

  test.each(COMMANDS.map((command) => [command.name, command] as const))(
    'every command of the table is there and explains itself: %s',
    async (name, command) => {
      const { usage, run } = await command.load();
      expect(usage).toContain(`kvytok ${name}`);
      expect(typeof run).toBe('function');
    },
  );

  test('every file of commands/ has its line in the table', () => {
    const folder = join(import.meta.dirname, '../../cli/commands');
    const names = readdirSync(folder).map((name) => name.replace(/\.ts$/, ''));
    expect(names.filter((name) => !COMMANDS.some((command) => command.name === name))).toEqual([]);
  });
});
