import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { afterAll, describe, expect, test } from 'vitest';
import { type CityClock, createCityClock } from '#platform/city-clock.ts';
import { createLogger } from '#platform/logger.ts';
import { manualClock } from '../support/manual-clock.ts';
import { tempFolder } from '../support/temp-folder.ts';
import { until } from '../support/until.ts';

const folder = tempFolder('clock');
afterAll(() => folder.remove());

const MORNING = Date.UTC(2026, 2, 2, 5, 30, 0);
let files = 0;
const newFile = (): string => `${folder.path}/clock-${++files}.json`;

function open(
  file: string,
  options: { speed?: number; base?: ReturnType<typeof manualClock>; write?: (line: string) => void } = {},
): CityClock {
  return createCityClock({
    file,
    startAtMs: MORNING,
    speed: options.speed ?? 1,
    base: options.base ?? manualClock(),
    saveEveryMs: 0,
    ...(options.write ? { log: createLogger({ component: 'test', write: options.write }) } : {}),
  });
}

describe('the city clock', () => {
  test('begins at its first instant and runs at its speed', () => {
    const base = manualClock();
    const clock = open(newFile(), { speed: 10, base });
    expect(clock.nowMs()).toBe(MORNING);
    base.advance(1500);
    expect(clock.nowMs()).toBe(MORNING + 15_000);
    expect(clock.monotonicMs()).toBe(15_000);
  });

  test("a correction of the machine's wall clock does not move it", () => {
    const base = manualClock();
    const clock = open(newFile(), { base });
    base.setWall(0);
    expect(clock.nowMs()).toBe(MORNING);
  });

  test('a restart goes on where it was, however long the machine was off', () => {
    const file = newFile();
    const base = manualClock();
    const first = open(file, { speed: 5, base });
    base.advance(1000);
    first.stop();
    const later = manualClock();
    later.advance(9 * 3_600_000);
    const second = open(file, { speed: 5, base: later });
    expect(second.nowMs()).toBe(MORNING + 5000);
    expect(second.monotonicMs()).toBe(5000);
    later.advance(10);
    expect(second.nowMs()).toBe(MORNING + 5050);
  });

  test('another speed at a restart changes the pace, not the instant', () => {
    const file = newFile();
    const base = manualClock();
    const first = open(file, { speed: 60, base });
    base.advance(1000);
    first.stop();
    const second = open(file, { speed: 1, base });
    expect(second.nowMs()).toBe(MORNING + 60_000);
    base.advance(1000);
    expect(second.nowMs()).toBe(MORNING + 61_000);
  });

  test('leaps forward with its monotonic time, keeps the leap, and never goes back', () => {
    const file = newFile();
    const clock = open(file);
    clock.leapTo(MORNING + 3_600_000);
    expect(clock.nowMs()).toBe(MORNING + 3_600_000);
    expect(clock.monotonicMs()).toBe(3_600_000);
    expect(() => clock.leapTo(MORNING)).toThrow(RangeError);
    expect(open(file).nowMs()).toBe(MORNING + 3_600_000);
  });

  test('is saved every second by itself', async () => {
    const file = newFile();
    const base = manualClock();
    const clock = createCityClock({ file, startAtMs: MORNING, speed: 1, base, saveEveryMs: 5 });
    base.advance(777);
    await until(() => JSON.parse(readFileSync(file, 'utf8')).cityMs === MORNING + 777 + 10);
    clock.stop();
    expect(JSON.parse(readFileSync(file, 'utf8')).cityMs).toBe(MORNING + 777);
  });

  test('after kill -9 it never goes back, and loses at most two saving intervals', () => {
    const file = newFile();
    const base = manualClock();
    const options = { file, startAtMs: MORNING, speed: 10, base, saveEveryMs: 1000 };
    createCityClock(options);
    base.advance(999); // the timer of this test never fires: what was written at the start is all there is
    const killedAtMs = MORNING + 9990;
    const restarted = createCityClock(options);
    expect(restarted.nowMs()).toBeGreaterThanOrEqual(killedAtMs);
    expect(restarted.nowMs()).toBeLessThanOrEqual(killedAtMs + 2 * 1000 * 10);
    expect(restarted.monotonicMs()).toBe(restarted.nowMs() - MORNING);
  });

  test.each([
    '',
    '{"v":1,"cityMs"',
    '{"v":1,"cityMs":"x","monotonicMs":0}',
    '{"v":2,"cityMs":1,"monotonicMs":0}',
    'null',
  ])('a damaged file %j is put aside and told, and the clock begins anew', (content) => {
    const file = newFile();
    writeFileSync(file, content);
    const lines: string[] = [];
    const clock = open(file, { write: (line) => lines.push(line) });
    expect(clock.nowMs()).toBe(MORNING);
    expect(readFileSync(`${file}.damaged`, 'utf8')).toBe(content);
    expect(lines.join('')).toContain('city-clock.damaged');
    expect(existsSync(file)).toBe(true);
  });

  test.each([0, -1, 3601, Number.NaN])('a speed of %d is refused', (speed) => {
    expect(() => open(newFile(), { speed })).toThrow(expect.objectContaining({ code: 'CITY_CLOCK_SPEED' }));
  });

  test('a speed of 3600 is taken', () => {
    expect(open(newFile(), { speed: 3600 }).speed).toBe(3600);
  });

  test('a place that cannot be written is told at the start', () => {
    expect(() => open(`${folder.path}/absent/clock.json`)).toThrow(
      expect.objectContaining({ code: 'CITY_CLOCK_UNWRITABLE' }),
    );
    expect(statSync(folder.path).isDirectory()).toBe(true);
  });
});
