/**
 * `kvytok bench denials`: how long after a denial is committed every online validator refuses the card, by the touch of
 * the card itself; and how long a list of many entries takes to a validator that answers cards meanwhile.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import type { BenchContext, BenchFigure, BenchResult } from './bench.ts';
import { type BenchValidator, openDenialsRig } from './denials-rig.ts';
import { wholeOption } from './whole-option.ts';

export const usage = `kvytok bench denials [--agents N] [--denials N] [--entries N]

  --agents N    validators, real agents in one process (default 20)
  --denials N   cards denied one after the other (default 10)
  --entries N   entries that the list has before (default 0)
`;

/** A working day whose tariff is known. */
const EVENING_MS = Date.UTC(2025, 9, 14, 20);
/** Between two touches of the card at one validator: what a figure may err by. */
const TOUCH_EVERY_MS = 50;
/** By then every online validator must refuse (design, 7.6). */
const REFUSED_WITHIN_MS = 60_000;
/** A card that nobody denies, and the first of those that are. */
const FREE_CARD = 1;
const FIRST_DENIED = 100;

/** What was measured: one value for each denial and validator, and the slowest answer to any card. */
export interface DenialFigures {
  readonly refusedAfterMs: readonly number[];
  /** From the start of the fare engine until the slowest validator had the whole list. */
  readonly listAfterMs: number;
  readonly answersWhileFetching: number;
  readonly slowestAnswerMs: number;
  /** Resident memory of the process with all agents. */
  readonly residentMb: number;
}

/** Runs it. Throws when a validator does not refuse in time. */
export async function measureDenials(
  plan: { readonly agents: number; readonly denials: number; readonly entries: number },
  context: Pick<BenchContext, 'folder' | 'progress' | 'signal'>,
): Promise<DenialFigures> {
  const { progress, signal } = context;
  const rig = await openDenialsRig(context.folder, plan.agents, EVENING_MS - Date.now());
  try {
    if (plan.entries > 0) progress(`a list of ${plan.entries} entries`);
    if (plan.entries > 0) await rig.fill(plan.entries);
    await rig.startFareEngine();
    const began = performance.now();
    const answers = await Promise.all(
      rig.validators.map((validator) => hasList(validator, plan.entries, signal)),
    );
    const listAfterMs = performance.now() - began;
    const refusedAfterMs: number[] = [];
    for (let at = 0; at < plan.denials; at++) {
      progress(`denial ${at + 1} of ${plan.denials}`);
      await rig.deny(FIRST_DENIED + at);
      const committed = performance.now();
      const took = rig.validators.map(async (validator) => {
        await refuses(validator, FIRST_DENIED + at, signal);
        return performance.now() - committed;
      });
      refusedAfterMs.push(...(await Promise.all(took)));
    }
    return {
      refusedAfterMs,
      listAfterMs,
      answersWhileFetching: answers.reduce((sum, n) => sum + n, 0),
      slowestAnswerMs: Math.max(...rig.validators.map(({ edge }) => edge.agent.counters().latencyMsMax)),
      residentMb: process.memoryUsage().rss / 1e6,
    };
  } finally {
    await rig.stop();
  }
}

/** Waits for the list, a card in hand; gives how many times the card was answered meanwhile. */
async function hasList(
  { edge, refuses }: BenchValidator,
  entries: number,
  signal: AbortSignal,
): Promise<number> {
  for (let answers = 0; ; answers++) {
    const { version, entries: held } = edge.agent.health().denyList;
    if (version.generation > 0 && held >= entries) return answers;
    await refuses(FREE_CARD);
    await delay(TOUCH_EVERY_MS, undefined, { signal });
  }
}

async function refuses({ edge, refuses }: BenchValidator, card: number, signal: AbortSignal): Promise<void> {
  const latestMs = performance.now() + REFUSED_WITHIN_MS;
  while (!(await refuses(card))) {
    if (performance.now() > latestMs) throw new Error(`${edge.deviceId} did not refuse the card in time`);
    await delay(TOUCH_EVERY_MS, undefined, { signal });
  }
}

export async function run(args: string[], context: BenchContext): Promise<BenchResult> {
  const text = { type: 'string' } as const;
  const { values } = parseArgs({ args, options: { agents: text, denials: text, entries: text } });
  const plan = {
    agents: wholeOption('agents', values.agents, { default: 20, min: 1, max: 500 }),
    denials: wholeOption('denials', values.denials, { default: 10, min: 1, max: 1000 }),
    entries: wholeOption('entries', values.entries, { default: 0, min: 0, max: 4_000_000 }),
  };
  const found = await measureDenials(plan, context);
  const sorted = found.refusedAfterMs.toSorted((a, b) => a - b);
  const at = (share: number) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;
  const figures: BenchFigure[] = [
    { name: 'decision to refusal, median', value: at(0.5), unit: 'ms' },
    {
      name: 'decision to refusal, slowest validator',
      value: at(1),
      unit: 'ms',
      target: `≤ ${REFUSED_WITHIN_MS}`,
    },
    { name: 'whole list on the slowest validator after', value: found.listAfterMs, unit: 'ms' },
    { name: 'cards answered while it came', value: found.answersWhileFetching, unit: '' },
    { name: 'slowest answer to a card', value: found.slowestAnswerMs, unit: 'ms' },
    { name: 'memory of the process with all agents', value: found.residentMb, unit: 'MB' },
  ];
  return { setting: { ...plan }, figures, notes: [], exact: sorted.length === plan.agents * plan.denials };
}
