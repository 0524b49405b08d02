/** Orders of `kvytok edge --issue`: whatever is wrong is said before a card is touched. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { UsageError } from '../../cli/command.ts';
import { run, usage } from '../../cli/commands/edge.ts';
import { lineOf, orderOf, readBatch } from '../../cli/edge/issue-orders.ts';
import { createTestCity, enrol } from '../edge-agent/support/edge-city.ts';
import { tempFolder } from '../support/temp-folder.ts';

/** 09:00 UTC on 14 October 2025. */
const NOW_MS = Date.UTC(2025, 9, 14, 9);
const LINE = { kind: 'social', validUntil: '2030-01-01' };

describe('a line', () => {
  it('is an order from the beginning of today, half-open, in Ukrainian unless it says otherwise', () => {
    expect(orderOf(lineOf(LINE), NOW_MS)).toEqual({
      contents: {
        kind: 'social',
        validFromMs: Date.UTC(2025, 9, 14),
        validUntilMs: Date.UTC(2030, 0, 1),
        language: 'uk',
      },
      randomUid: false,
    });
  });

  it.each([
    [{}, /kind|validUntil/],
    [{ ...LINE, kind: 'coin' }, /kind/],
    [{ ...LINE, validUntil: '2025-10-14' }, /not after/],
    [{ ...LINE, validUntil: '2030-02-30' }, /no date/],
    [{ ...LINE, validUntil: '2107-01-01' }, /no date/],
    [{ ...LINE, replaces: '4000' }, /replaces/],
    [{ ...LINE, product: { id: '0'.repeat(16), validUntil: '2026-01-01' } }, /product/],
    [{ ...LINE, name: 'Іван' }, /additional|name/],
  ])('%j is refused', (line, message) => {
    expect(() => orderOf(lineOf(line), NOW_MS)).toThrow(message);
  });
});

it('a batch names every line that is wrong', () => {
  const text = [JSON.stringify(LINE), '{', '', JSON.stringify({ ...LINE, kind: 'coin' })].join('\n');
  expect(() => readBatch(text, NOW_MS)).toThrow(/line 2: [\s\S]*line 3: /);
  expect(() => readBatch('\n', NOW_MS)).toThrow('1 to');
  expect(
    readBatch(`${JSON.stringify(LINE)}\n${JSON.stringify({ ...LINE, language: 'pl' })}\n`, NOW_MS),
  ).toHaveLength(2);
});

describe('kvytok edge --issue', () => {
  let folder: ReturnType<typeof tempFolder>;
  let device: string;
  beforeEach(() => {
    folder = tempFolder('edge-issue');
    device = enrol(join(folder.path, 'desk-1'), createTestCity()).dir;
  });
  afterEach(() => folder.remove());
  const issue = (...args: string[]) => {
    const [stdout, stderr] = [new PassThrough(), new PassThrough()];
    const io = { stdin: new PassThrough(), stdout, stderr, env: {}, cwd: folder.path };
    return run(['--issue', '--device', device, ...args], io);
  };

  it.each([
    [['--kind', 'social', '--valid-until', '2030-01-01'], /--staff/],
    [['--staff', 'Марія', '--kind', 'social', '--valid-until', '2030-01-01'], /--staff/],
    [['--staff', '7', '--kind', 'social'], /validUntil/],
    [['--staff', '7', '--kind', 'social', '--valid-until', '2130-01-01'], /no date/],
    [['--staff', '7', '--kind', 'social', '--valid-until', '2090-01-01', '--count', '0'], /--count/],
    [['--staff', '7', '--batch', 'nowhere.jsonl'], /nowhere/],
    [['--staff', '7', '--inspector', '--kind', 'social'], /not both/],
  ])('%j is refused before anything is opened', async (args, message) => {
    await expect(issue(...args)).rejects.toThrow(message);
    await expect(issue(...args)).rejects.toBeInstanceOf(UsageError);
  });

  it('a lost card has one successor, and a batch has a name that can be a file', async () => {
    const order = ['--staff', '7', '--kind', 'social', '--valid-until', '2090-01-01'];
    await expect(issue(...order, '--count', '2', '--replaces', `k1.${'a'.repeat(32)}`)).rejects.toThrow(
      'one successor',
    );
    writeFileSync(join(folder.path, 'осінь.jsonl'), JSON.stringify(LINE));
    await expect(issue('--staff', '7', '--batch', 'осінь.jsonl')).rejects.toThrow('names the batch');
  });

  it('its usage names every option', () => {
    for (const option of [
      '--issue',
      '--kind',
      '--valid-until',
      '--replaces',
      '--count',
      '--random-uid',
      '--batch',
    ])
      expect(usage).toContain(option);
    for (const option of ['--rekey', '--wipe', '--give-up']) expect(usage).toContain(option);
  });
});
