import { describe, expect, it } from 'vitest';
import { createLogger } from '#platform/logger.ts';
import { keepRenewed, type RenewalOutcome, renewalDueMs } from '../../edge-agent/renewal.ts';

const DAY_MS = 86_400_000;
const HOUR_MS = 3_600_000;
const YEAR = { notBeforeMs: 0, notAfterMs: 90 * DAY_MS };

describe('when a certificate is due', () => {
  it('between 60 and 66 hundredths of its life: always before the last third', () => {
    expect(renewalDueMs(YEAR, 0)).toBe(54 * DAY_MS);
    expect(renewalDueMs(YEAR, 1)).toBeLessThan(60 * DAY_MS);
  });
});

/** A machine whose time goes only by its timers. */
function machine(outcomes: RenewalOutcome[], startMs = 0) {
  let nowMs = startMs;
  let validity = YEAR;
  const asked: number[] = [];
  const waits: { atMs: number; call: () => void }[] = [];
  const renewal = keepRenewed({
    validity: () => validity,
    renew: async () => {
      asked.push(nowMs);
      const outcome = outcomes.shift() ?? 'renewed';
      if (outcome === 'renewed') validity = { notBeforeMs: nowMs, notAfterMs: nowMs + 90 * DAY_MS };
      return outcome;
    },
    machineMs: () => nowMs,
    timers: {
      nowMs: () => nowMs,
      after: (delayMs: number, call: () => void) => {
        const wait = { atMs: nowMs + delayMs, call };
        waits.push(wait);
        return () => void waits.splice(waits.indexOf(wait), 1);
      },
    } as never,
    chance: () => 0.5,
    log: createLogger({ component: 'test', level: 'silent' }),
  });
  return {
    asked,
    waits,
    renewal,
    /** Goes on until it has been asked so many times. */
    async until(times: number) {
      for (let steps = 0; asked.length < times && steps < 100_000; steps++) {
        const wait = waits.shift();
        if (!wait) throw new Error('nothing waits');
        expect(wait.atMs - nowMs).toBeLessThanOrEqual(HOUR_MS);
        nowMs = wait.atMs;
        wait.call();
        await new Promise(setImmediate);
      }
    },
  };
}

describe('keeping it young', () => {
  it('asks when it is due, and again when the successor is', async () => {
    const one = machine([]);
    await one.until(2);
    const due = renewalDueMs(YEAR, 0.5);
    expect(one.asked[0]).toBe(due);
    expect(one.asked[1]).toBe(2 * due);
  });

  it('a failure is tried again sooner than later, with growing waits up to an hour', async () => {
    const one = machine([
      'failed',
      'failed',
      'failed',
      'failed',
      'failed',
      'failed',
      'failed',
      'failed',
      'renewed',
    ]);
    await one.until(9);
    const waits = one.asked.slice(1).map((at, i) => at - (one.asked[i] ?? 0));
    expect(waits[0]).toBe(45_000);
    expect(waits[1]).toBe(90_000);
    expect(Math.max(...waits)).toBeLessThanOrEqual(HOUR_MS);
  });

  it('one that is long overdue is asked for at once, and one that ended too', async () => {
    const one = machine([], 200 * DAY_MS);
    await one.until(1);
    expect(one.asked).toEqual([200 * DAY_MS]);
  });

  it('a stop does not wait for a city that does not answer', async () => {
    const warnings: string[] = [];
    const after = (_ms: number, call: () => void) => {
      call();
      return () => {};
    };
    const renewal = keepRenewed({
      validity: () => YEAR,
      renew: (signal) => new Promise((resolve) => signal.addEventListener('abort', () => resolve('failed'))),
      machineMs: () => 70 * DAY_MS,
      timers: { nowMs: () => 0, after } as never,
      chance: () => 0.5,
      log: createLogger({ component: 'test', level: 'warn', write: (line) => void warnings.push(line) }),
    });
    await renewal.stop();
    expect(warnings).toEqual([]);
  });

  it('after the stop nothing waits', async () => {
    const one = machine([]);
    await one.renewal.stop();
    expect(one.waits).toEqual([]);
  });
});
