/**
 * `kvytok bench inspection`: how long an inspector and a passenger wait for the answer: from the card at the inspector's
 * device to what its screen shows, with the record on the disk. Two real validators answer by UDP.
 */
import { parseArgs } from 'node:util';
import type { BenchContext, BenchFigure, BenchResult } from './bench.ts';
import { openInspectionRig } from './inspection-rig.ts';
import { cardMaker } from './tap-cards.ts';
import { wholeOption } from './whole-option.ts';

export const usage = `kvytok bench inspection [--checks N]

  --checks N    checks measured of each kind (default 50; those that ask the vehicle take 0.4 s each)
`;

/** Issue and design: says within a second. */
const ANSWER_MS_MAX = 1000;
/** Checks before the measured ones: compiled code, open files. */
const WARM_UP = 3;

/** What is checked: whose ride is known where. */
const KINDS = [
  { name: "ride in the card's own log", card: 'desfire', rides: true, firstCard: 0 },
  { name: 'ride known to a validator', card: 'plain', rides: true, firstCard: 100_000 },
  { name: 'no ride', card: 'plain', rides: false, firstCard: 200_000 },
] as const;

export async function run(args: string[], context: BenchContext): Promise<BenchResult> {
  const { values } = parseArgs({ args, options: { checks: { type: 'string' } } });
  const checks = wholeOption('checks', values.checks, { default: 50, min: 1, max: 10_000 });
  const rig = await openInspectionRig(context.folder);
  const figures: BenchFigure[] = [];
  let exact = true;
  try {
    for (const { name, card, rides, firstCard } of KINDS) {
      context.progress(`${checks} checks: ${name}`);
      const make = cardMaker(card, rig.keys);
      const times: number[] = [];
      for (let n = 0; n < WARM_UP + checks; n++) {
        context.signal.throwIfAborted();
        const held = make(firstCard + n);
        if (rides) await rig.ride(held, n % 2 === 0 ? 0 : 1);
        const { view, tookMs } = await rig.check(held);
        exact &&= (view.sign === 'ride-stands') === rides;
        if (n >= WARM_UP) times.push(tookMs);
      }
      figures.push(...figuresOf(name, times));
    }
  } finally {
    await rig.stop();
  }
  const notes = [
    'Who is not known from the card alone is asked for during 0.4 s, whoever has answered by then: a ride at a slow door is a ride.',
  ];
  return { setting: { checks, validators: 2 }, figures, notes, exact };
}

function figuresOf(name: string, times: number[]): BenchFigure[] {
  times.sort((a, b) => a - b);
  return [0.5, 0.95].map((share) => ({
    name: `${name}: from the card to the answer, p${share * 100}`,
    value: times[Math.min(times.length - 1, Math.floor(times.length * share))] ?? Number.NaN,
    unit: 'ms',
    target: `≤ ${ANSWER_MS_MAX}`,
  }));
}
