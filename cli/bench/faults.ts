/**
 * `kvytok bench faults`: a small city of real processes under kills and faults drawn from a seed, until so many kills are
 * done; then every record, every green and every kopiyka is counted. docs/RELIABILITY.md is made from its report.
 */
import { parseArgs } from 'node:util';
import { randomOf } from '../../simulators/city/random.ts';
import { planFaults } from '../../simulators/faults/fault-plan.ts';
import { thisMachine } from '../doctor/machine.ts';
import { type CityRig, openCityRig } from '../faults/city-rig.ts';
import { RIG_WORLD } from '../faults/rig-world.ts';
import { type RoundOutcome, reckon, runRound, startAll, untilCaughtUp } from '../faults/run-rounds.ts';
import { MQTT_WIRES } from '../faults/wires.ts';
import type { BenchContext, BenchFigure, BenchResult } from './bench.ts';
import { wholeOption } from './whole-option.ts';

export const usage = `Usage: kvytok bench faults [--kills N] [--seed S]

  --kills N   so many kills at least (default 300)
  --seed S    another seed, other accidents (default 1)

Two ingests, two fare engines, a broker, a database and validators with cards run as processes of their own, on wires that
can fail. They are killed with -9 at named points and anywhere, wires are cut, hang, slow down, messages come twice, in
another order, late or never, syncs of the disk fail. After each round everything heals and must catch up.
`;

/** Rounds between two counts in the middle of the run. */
const RECKON_EVERY = 20;

/** Runs it. */
export async function run(args: string[], context: BenchContext): Promise<BenchResult> {
  const { values } = parseArgs({ args, options: { kills: { type: 'string' }, seed: { type: 'string' } } });
  const kills = wholeOption('kills', values.kills, { default: 300, min: 1, max: 100_000 });
  const seed = wholeOption('seed', values.seed, { default: 1, min: 0, max: 2 ** 31 });
  const notes: string[] = [];
  const strace = (await thisMachine(context.io.env).program('strace')) !== undefined;
  if (!strace) notes.push('strace is not installed: no disk failed in this run.');
  const world = strace ? RIG_WORLD : { ...RIG_WORLD, disks: [] };
  const rounds = planFaults(world, kills, randomOf(seed, 'faults'));
  const rig = await openCityRig({
    folder: context.folder,
    validators: 4,
    cards: 300,
    everyMs: 100,
    denials: true,
    seed,
  });
  const outcomes: RoundOutcome[] = [];
  const problems: string[] = [];
  try {
    await startAll(rig);
    await untilCaughtUp(rig);
    for (const [n, round] of rounds.entries()) {
      if (context.signal.aborted) break;
      const outcome = await runRound(rig, round);
      outcomes.push(outcome);
      problems.push(...outcome.problems.map((problem) => `round ${n + 1}: ${problem}`));
      if ((n + 1) % RECKON_EVERY === 0 && n + 1 < rounds.length) {
        problems.push(...(await reckon(rig)).problems.map((problem) => `after round ${n + 1}: ${problem}`));
        await startAll(rig);
      }
      context.progress(
        `round ${n + 1}/${rounds.length}: ${outcome.kills.length} kills, healed in ${outcome.healMs} ms`,
      );
    }
    const figures = await figuresOf(rig, outcomes, problems);
    return {
      setting: { seed, kills, rounds: outcomes.length, validators: 4, cards: 300 },
      figures,
      notes: [...notes, ...problems.slice(0, 20)],
      exact: problems.length === 0,
    };
  } finally {
    await rig.close();
  }
}

async function figuresOf(
  rig: CityRig,
  outcomes: readonly RoundOutcome[],
  problems: string[],
): Promise<BenchFigure[]> {
  const { journals, books, problems: found } = await reckon(rig);
  problems.push(...found);
  const kills = outcomes.flatMap((outcome) => outcome.kills);
  const database = outcomes
    .flatMap(({ faults }) => faults)
    .filter((fault) => fault === 'database-kill').length;
  const heals = outcomes.map(({ healMs }) => healMs).sort((a, b) => a - b);
  const unpriced = await unpricedGreens(rig);
  const count = (name: string, value: number): BenchFigure => ({ name, value, unit: '' });
  const exact = (name: string, value: number): BenchFigure => ({ ...count(name, value), target: '≤ 0' });
  return [
    count('kills', kills.length + database),
    count('kills at named points', kills.filter((kill) => !kill.endsWith(' -')).length),
    ...byName([
      ...kills.map((kill) => kill.split(' ')[0] as string),
      ...Array<string>(database).fill('database'),
    ]).map(([name, n]) => count(`kills of ${name}`, n)),
    ...byName(outcomes.flatMap(({ faults }) => faults).map((fault) => fault.split(' ')[0] as string)).map(
      ([name, n]) => count(`faults: ${name}`, n),
    ),
    ...messageFigures(rig),
    count('records written', journals.written),
    count('greens', journals.greens),
    count('taps priced', books.decided),
    exact('lost', unpriced + journals.stillInJournals),
    exact('doubled', books.imbalance['taps-whose-postings-differ'] ?? 0),
    exact('quarantined', journals.quarantined),
    { name: 'time to heal, median', value: (heals[Math.floor(heals.length / 2)] ?? 0) / 1000, unit: 's' },
    { name: 'time to heal, worst', value: (heals.at(-1) ?? 0) / 1000, unit: 's' },
  ];
}

function byName(names: readonly string[]): [string, number][] {
  const counts = [...Map.groupBy(names, (name) => name)].map(([name, all]): [string, number] => [
    name,
    all.length,
  ]);
  return counts.sort(([a], [b]) => (a < b ? -1 : 1));
}

function messageFigures(rig: CityRig): BenchFigure[] {
  const acts = {
    duplicate: 'sent twice',
    swap: 'swapped',
    lose: 'acknowledged and lost',
    replay: 'brought again',
  } as const;
  return Object.entries(acts).map(([act, words]) => ({
    name: `messages ${words}`,
    value: MQTT_WIRES.reduce((sum, name) => sum + rig.wires.mqtt(name).counts()[act as keyof typeof acts], 0),
    unit: '',
  }));
}

/** Greens for which no price was decided. */
async function unpricedGreens(rig: CityRig): Promise<number> {
  const { rows } = await rig.auditor.query<{ n: number }>(
    `SELECT count(*)::int AS n FROM unnest($1::text[]) AS green (id)
     WHERE NOT EXISTS (SELECT FROM fare.decision AS d WHERE d.tap_id = green.id)`,
    [[...rig.greens]],
  );
  return rows[0]?.n ?? 0;
}
