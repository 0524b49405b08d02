/**
 * `kvytok bench tap`: how long a passenger waits for us. Our part of a tap with a long deny list, a durable signed journal
 * and no network, by its parts; then what the agent takes of memory and time to start.
 */
import { parseArgs } from 'node:util';
import { UsageError } from '../command.ts';
import type { BenchContext, BenchFigure, BenchResult } from './bench.ts';
import { cardMaker, TAP_CARDS, type TapCard } from './tap-cards.ts';
import { type TapTimes, tapInside } from './tap-inside.ts';
import { tapThroughPcsc } from './tap-pcsc.ts';
import { startAndLook } from './tap-process.ts';
import { openTapRig, type TapRig } from './tap-rig.ts';
import { wholeOption } from './whole-option.ts';

export const usage = `kvytok bench tap [--taps N] [--entries N] [--laid N] [--card KIND]…

  --taps N      taps measured for each kind of card (default 1000)
  --entries N   entries of the deny list (default 1000000)
  --laid N      cards of each kind laid on the reader of a real PC/SC stack (default 30; 0 = without PC/SC)
  --card KIND   ${TAP_CARDS.join(', ')}; may be given again (default: all)
`;

/** Taps before the measured ones: compiled code, open files. */
const WARM_UP = 100;
/** Number of the first card that is laid on a reader. */
const LAID_FROM = 1_000_000;
/** Design, 8: the whole transaction, p95. */
const PCSC_MS_MAX: Readonly<Record<TapCard, number>> = {
  desfire: 100,
  plain: 100,
  mastercard: 200,
  visa: 200,
};
/** Design, 8: our part of a tap. */
const OURS_MS_MAX = { p50: 5, p95: 15, p99: 30 } as const;

export async function run(args: string[], context: BenchContext): Promise<BenchResult> {
  const plan = planOf(args);
  context.progress(`a deny list of ${plan.entries} entries`);
  const rig = await openTapRig(context.folder, plan.entries);
  const figures: BenchFigure[] = [];
  for (const kind of plan.cards) {
    context.progress(`${plan.taps} taps of ${kind} cards`);
    figures.push(...(await insideFigures(rig, kind, plan.taps, context)));
  }
  if (plan.laid > 0)
    for (const kind of plan.cards) {
      context.progress(`${plan.laid} ${kind} cards through pcscd`);
      figures.push(...(await pcscFigures(rig, kind, plan.laid, context)));
    }
  context.progress('the agent as a process of its own');
  const { readyMs, residentMb } = await startAndLook(rig.deviceDir);
  figures.push({ name: 'start of an agent with the whole list', value: readyMs, unit: 'ms' });
  figures.push({ name: 'memory of an agent with the whole list', value: residentMb, unit: 'MB' });
  const { cards, ...sizes } = plan;
  return { setting: { ...sizes, cards: cards.join(' ') }, figures, notes: [], exact: true };
}

async function insideFigures(
  rig: TapRig,
  kind: TapCard,
  taps: number,
  context: BenchContext,
): Promise<BenchFigure[]> {
  const card = cardMaker(kind, rig.keys);
  const times = await tapInside(rig, { card, taps, warmUp: WARM_UP }, context);
  const ours = Object.entries(OURS_MS_MAX).map(([name, max]) => ({
    name: `${kind}: our part, ${name}`,
    value: quantile(times, 'ours', Number(name.slice(1)) / 100),
    unit: 'ms',
    target: `≤ ${max}`,
  }));
  const parts = (['reading', 'rules', 'disk', 'card'] as const).map((part) => ({
    name: `${kind}: of it ${PARTS[part]}, median`,
    value: quantile(times, part, 0.5),
    unit: 'ms',
  }));
  return [...ours, ...parts, { name: `${kind}: commands`, value: quantile(times, 'apdus', 0.5), unit: '' }];
}

async function pcscFigures(
  rig: TapRig,
  kind: TapCard,
  taps: number,
  context: BenchContext,
): Promise<BenchFigure[]> {
  const make = cardMaker(kind, rig.keys);
  // Cards that no other part of the run has tapped: a second touch would be the same ride.
  const times = await tapThroughPcsc(rig, { card: (n) => make(LAID_FROM + n), taps }, context);
  times.sort((a, b) => a - b);
  return [0.5, 0.95].map((share) => ({
    name: `${kind}: through pcscd, from the first command to the light, p${share * 100}`,
    value: times[Math.min(times.length - 1, Math.floor(times.length * share))] ?? 0,
    unit: 'ms',
    ...(share === 0.95 && { target: `≤ ${PCSC_MS_MAX[kind]}` }),
  }));
}

const PARTS = {
  reading: 'protocol and cryptography',
  rules: 'rules and deny list',
  disk: 'signature and disk',
  card: 'the card itself (not ours)',
} as const;

function quantile(times: readonly TapTimes[], part: keyof TapTimes, share: number): number {
  const sorted = times.map((time) => time[part]).sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;
}

function planOf(args: string[]) {
  const text = { type: 'string' } as const;
  const { values } = parseArgs({
    args,
    options: { taps: text, entries: text, laid: text, card: { type: 'string', multiple: true } },
  });
  const wanted = values.card ?? [...TAP_CARDS];
  const unknown = wanted.find((kind) => !(TAP_CARDS as readonly string[]).includes(kind));
  if (unknown !== undefined) throw new UsageError(`--card takes ${TAP_CARDS.join(', ')}`);
  return {
    taps: wholeOption('taps', values.taps, { default: 1000, min: 1, max: 100_000 }),
    entries: wholeOption('entries', values.entries, { default: 1_000_000, min: 0, max: 4_000_000 }),
    laid: wholeOption('laid', values.laid, { default: 30, min: 0, max: 10_000 }),
    cards: wanted as TapCard[],
  };
}
