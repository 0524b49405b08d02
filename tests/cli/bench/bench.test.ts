import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { BenchEntry, BenchResult } from '../../../cli/bench/bench.ts';
import { BENCHES } from '../../../cli/bench/benches.ts';
import { figureText, meets, reportText } from '../../../cli/bench/report-text.ts';
import { EXIT, UsageError } from '../../../cli/command.ts';
import * as bench from '../../../cli/commands/bench.ts';
import { runCommand } from '../../support/command-io.ts';
import { tempFolder } from '../../support/temp-folder.ts';

const FIGURE = { name: 'speed', value: 15_234.4, unit: 'taps/s', target: '≥ 15000' };

/** A benchmark that does nothing but remember its folder. */
function standIn(result: Partial<BenchResult> = {}): {
  entry: BenchEntry;
  folders: string[];
  calls: string[][];
} {
  const folders: string[] = [];
  const calls: string[][] = [];
  const entry: BenchEntry = {
    name: 'stand-in',
    summary: 'nothing',
    load: async () => ({
      usage: 'kvytok bench stand-in',
      run: async (args, context) => {
        calls.push(args);
        folders.push(context.folder);
        expect(existsSync(context.folder)).toBe(true);
        return { setting: { seed: 7 }, figures: [FIGURE], notes: [], exact: true, ...result };
      },
    }),
  };
  return { entry, folders, calls };
}

const call = (entry: BenchEntry, args: string[], cwd?: string) =>
  runCommand({ run: (given, io) => bench.run(given, io, [entry]) }, args, '', cwd);

describe('kvytok bench', () => {
  it('prints the figures with their targets, and removes its folder', async () => {
    const { entry, folders, calls } = standIn();
    const { code, stdout } = await call(entry, ['stand-in', '--taps', '5']);
    expect(code).toBe(EXIT.ok);
    expect(stdout).toMatch(/speed\s+15,234 taps\/s\s+≥ 15000 ✓/);
    expect(calls).toEqual([['--taps', '5']]);
    expect(folders.map((folder) => existsSync(folder))).toEqual([false]);
  });

  it('writes the report as JSON beside the table, or in its place', async () => {
    const folder = tempFolder('bench');
    try {
      const { entry, calls } = standIn();
      await call(entry, ['stand-in', '--json', 'report.json', '--seed', '3'], folder.path);
      const written = JSON.parse(readFileSync(join(folder.path, 'report.json'), 'utf8'));
      expect(written).toMatchObject({ v: 1, bench: 'stand-in', exact: true, figures: [FIGURE] });
      expect(written.machine).toMatch(/Node 24/);
      const { stdout } = await call(entry, ['stand-in', '--json', '-']);
      expect(JSON.parse(stdout)).toMatchObject({ bench: 'stand-in' });
      expect(calls[0]).toEqual(['--seed', '3']);
    } finally {
      folder.remove();
    }
  });

  it('ends with 1 when the result was not exact, and says so before any figure', async () => {
    const { entry } = standIn({ exact: false, notes: ['3 taps are missing'] });
    const { code, stdout } = await call(entry, ['stand-in']);
    expect(code).toBe(EXIT.failed);
    expect(stdout.split('\n')[0]).toContain('NOT EXACT');
    expect(stdout).toContain('3 taps are missing');
  });

  it.each(['ends', 'fails'])(
    'is stopped by Ctrl-C, says so in a line, and leaves nothing, where a benchmark %s of it',
    async (how) => {
      const { entry, folders } = standIn();
      const interrupted: BenchEntry = {
        ...entry,
        load: async () => {
          const { usage, run } = await entry.load();
          return {
            usage,
            run: async (args, context) => {
              const aborted = new Promise((resolve) => context.signal.addEventListener('abort', resolve));
              process.emit('SIGINT');
              await aborted;
              if (how === 'fails') throw new Error('a connection is gone');
              return run(args, context);
            },
          };
        },
      };
      const { code, stdout, stderr } = await call(interrupted, ['stand-in']);
      expect([code, stdout]).toEqual([EXIT.failed, '']);
      expect(stderr).toBe('stopped: nothing was measured, and its folder is removed\n');
      expect(folders.map((folder) => existsSync(folder))).toEqual(how === 'fails' ? [] : [false]);
    },
  );

  it.each([
    [[], 'which one? stand-in'],
    [['stand-im'], 'was stand-in meant?'],
    [['--json'], 'which one?'],
    [['stand-in', '--json'], '--json needs a FILE'],
  ])('refuses %j', async (args, message) => {
    const { entry } = standIn();
    await expect(call(entry, args)).rejects.toThrow(UsageError);
    await expect(call(entry, args)).rejects.toThrow(message);
  });

  it('knows the options of every benchmark', async () => {
    for (const entry of BENCHES) {
      const { stdout } = await runCommand(bench, [entry.name, '--options']);
      expect(stdout).toContain(`kvytok bench ${entry.name}`);
      expect(bench.usage).toContain(entry.summary);
    }
  });
});

describe('a report', () => {
  it.each([
    [{ value: 1234567, unit: '' }, '1,234,567'],
    [{ value: 100, unit: 'ms' }, '100 ms'],
    [{ value: 99.94, unit: 'ms' }, '99.9 ms'],
    [{ value: 0.12345, unit: '×' }, '0.123 ×'],
  ])('writes %j as %s', (figure, text) => {
    expect(figureText(figure)).toBe(text);
  });

  it.each([
    ['≥ 12', 12, true],
    ['≥ 12', 11.99, false],
    ['≤ 5', 5, true],
    ['≤ 5', 5.01, false],
    ['≥ 15,000', 15_000, true],
  ])('a target %s is met by %d: %s', (target, value, met) => {
    expect(meets({ name: 'x', value, unit: '', target })).toBe(met);
  });

  it('marks a target that was missed', () => {
    const report = {
      v: 1,
      bench: 'b',
      startedAt: '',
      seconds: 1,
      machine: 'm',
      setting: {},
      notes: [],
      exact: true,
    } as const;
    expect(reportText({ ...report, figures: [{ ...FIGURE, value: 10 }] })).toContain('✗');
  });
});
