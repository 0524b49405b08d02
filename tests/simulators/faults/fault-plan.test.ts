import { describe, expect, it } from 'vitest';
import { RIG_POINTS, RIG_WORLD } from '../../../cli/faults/rig-world.ts';
import { randomOf } from '../../../simulators/city/random.ts';
import { planFaults, planMatrix } from '../../../simulators/faults/fault-plan.ts';
import { codeFiles } from '../../tidy/project-files.ts';

const plan = (seed: number, kills = 300) => planFaults(RIG_WORLD, kills, randomOf(seed, 'plan'));

describe('a fault plan', () => {
  it('is the same for the same seed, and another for another', () => {
    expect(plan(7)).toEqual(plan(7));
    expect(plan(7)).not.toEqual(plan(8));
  });

  it('has the kills it was asked for, every named point among them, and every kind of fault', () => {
    const rounds = plan(1);
    const kills = rounds.flatMap((round) => round.kills);
    expect(kills.length).toBeGreaterThan(250);
    const armed = new Set(kills.map(({ process, at }) => `${process} ${at?.replace(/:\d+$/, '')}`));
    for (const [name, points] of Object.entries(RIG_POINTS))
      for (const point of points) expect(armed).toContain(`${name} ${point}`);
    const faults = rounds.flatMap((round) => round.faults);
    expect(new Set(faults.map(({ kind }) => kind))).toEqual(
      new Set(['weather', 'reset', 'messages', 'database-kill', 'disk-errors']),
    );
    const weathers = faults.flatMap((fault) => (fault.kind === 'weather' ? fault.weather.kind : []));
    expect(new Set(weathers)).toEqual(new Set(['cut', 'half-open', 'slow', 'narrow', 'slow-reader']));
  });

  it('as a matrix has every point of every process exactly once', () => {
    const armed = planMatrix(RIG_WORLD, randomOf(1, 'matrix'))
      .flatMap((round) => round.kills)
      .flatMap(({ process, at }) => (at === null ? [] : `${process} ${at.replace(/:\d+$/, '')}`));
    const all = Object.entries(RIG_POINTS).flatMap(([name, points]) => points.map((p) => `${name} ${p}`));
    expect(armed.toSorted()).toEqual(all.toSorted());
  });

  it('knows every point that a role passes, or another test kills there', () => {
    const files = codeFiles();
    const passed = new Set(
      files
        .filter(({ path }) => !/^(tests|scripts|simulators)\//.test(path))
        .flatMap(({ text }) =>
          [...text.matchAll(/\bprobe(?:\?\.)?\('((?:broker|ingest|fare|edge|bank)\.[^']+)'\)/g)].map(
            (match) => match[1] as string,
          ),
        ),
    );
    expect(passed.size).toBeGreaterThan(15);
    const planned = new Set(Object.values<readonly string[]>(RIG_POINTS).flat());
    for (const point of planned) expect(passed).toContain(point);
    const tests = files.filter(({ path }) => path.startsWith('tests/'));
    const nowhere = [...passed].filter(
      (point) => !planned.has(point) && !tests.some(({ text }) => text.includes(`'${point}`)),
    );
    expect(nowhere).toEqual([]);
  });
});
