import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { type CityRig, openCityRig } from '../../cli/faults/city-rig.ts';
import { RIG_POINTS, RIG_WORLD } from '../../cli/faults/rig-world.ts';
import { bringFaults, reckon, runRound, startAll, untilCaughtUp } from '../../cli/faults/run-rounds.ts';
import { WIRES } from '../../cli/faults/wires.ts';
import { randomOf } from '../../simulators/city/random.ts';
import { planMatrix } from '../../simulators/faults/fault-plan.ts';
import type { WireWeather } from '../../simulators/faults/tcp-proxy.ts';
import { tempFolder } from '../support/temp-folder.ts';
import { until } from '../support/until.ts';

// Rounds start a dozen processes each; on a busy machine that alone takes its time.
vi.setConfig({ testTimeout: 300_000, hookTimeout: 300_000 });

const folder = tempFolder('matrix');
const ROUNDS = planMatrix(RIG_WORLD, randomOf(1, 'matrix'));
let rig: CityRig;
const kills: string[] = [];

beforeAll(async () => {
  rig = await openCityRig({
    folder: folder.path,
    validators: 4,
    cards: 300,
    everyMs: 250,
    denials: true,
    seed: 1,
  });
  await startAll(rig);
  await until(() => rig.greens.size > 20, { what: 'the first greens' });
  expect(await untilCaughtUp(rig)).not.toBeNull();
});

afterAll(async () => {
  await rig?.close();
  folder.remove();
});

describe('kill -9 while taps flow', () => {
  it.each(ROUNDS.map((round, n) => [n + 1, round] as const))(
    'round %i: processes die together at named points and anywhere, and the city catches up',
    async (_n, round) => {
      const outcome = await runRound(rig, round);
      expect(outcome.problems).toEqual([]);
      kills.push(...outcome.kills);
    },
  );

  it('the database dies three times while everything runs', async () => {
    for (let n = 0; n < 3; n++) {
      const outcome = await runRound(rig, { kills: [], faults: [{ kind: 'database-kill' }] });
      expect(outcome.problems).toEqual([]);
      kills.push('database -');
    }
  });

  it('syncs of the validators fail for a while', async () => {
    const fault = { kind: 'disk-errors', process: 'validators', forMs: 1500 } as const;
    expect((await runRound(rig, { kills: [], faults: [fault] })).problems).toEqual([]);
  });

  it.each(WIRES)(
    'the wire %s fails in every way, while messages come twice, swapped, late and never',
    async (wire) => {
      const rules = Object.entries(RIG_WORLD.messages).map(([name, topics]) => ({
        kind: 'messages' as const,
        wire: name,
        rules: topics.map((topic) => ({ ...topic, duplicate: 0.3, swap: 0.3, lose: 0.2, replay: 0.3 })),
      }));
      const weathers: WireWeather[] = [
        { kind: 'cut' },
        { kind: 'slow', delayMs: 80 },
        { kind: 'half-open' },
        { kind: 'narrow', bytesPerSecond: 8000 },
        { kind: 'slow-reader' },
      ];
      for (const weather of weathers) {
        const storm = { kind: 'weather', wire, weather, forMs: 250 } as const;
        await bringFaults(rig, [storm, { kind: 'reset', wire }, ...rules]);
      }
      expect((await runRound(rig, { kills: [], faults: [] })).problems).toEqual([]);
    },
  );

  it('all at once, with the database', async () => {
    const everything = Object.keys(RIG_POINTS).map((process) => ({ process, at: null }));
    const outcome = await runRound(rig, { kills: everything, faults: [{ kind: 'database-kill' }] });
    expect(outcome.problems).toEqual([]);
    kills.push('database -', ...outcome.kills);
  });

  it('every named point of every process has killed it', () => {
    const killed = new Set(kills);
    const missing = Object.entries(RIG_POINTS).flatMap(([name, points]) =>
      points.map((point) => `${name} ${point}`).filter((kill) => !killed.has(kill)),
    );
    expect(missing).toEqual([]);
    expect(kills.length).toBeGreaterThanOrEqual(50);
  });

  it('and afterwards every record, every green and every kopiyka is there exactly once', async () => {
    const result = await reckon(rig);
    expect(result.problems).toEqual([]);
    expect(result.journals.quarantined).toBe(0);
    expect(result.books.decided).toBe(result.books.accepted);
    expect(rig.greens.size).toBeGreaterThan(100);
  });
});
