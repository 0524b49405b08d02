/**
 * Our part of a tap, by its parts: the real agent with its real journal and list in this process, cards of the
 * simulators in its hand. The time that a card takes is measured apart and is not ours.
 */
import { createLogger } from '#platform/logger.ts';
import { createInProcessCardReader } from '../../edge-agent/adapters/in-process-card-reader.ts';
import { startEdge } from '../../edge-agent/main.ts';
import type { CardReader, CardTransport } from '../../edge-agent/ports.ts';
import type { BenchContext } from './bench.ts';
import type { CardMaker } from './tap-cards.ts';
import type { TapRig } from './tap-rig.ts';

/** One tap, milliseconds. `ours` is everything between the card's coming and the light but the card itself. */
export interface TapTimes {
  readonly ours: number;
  readonly card: number;
  /** Between an answer of the card and the next command: protocol, cryptography, checks. */
  readonly reading: number;
  readonly rules: number;
  /** Signing and writing the record until it is on the disk. */
  readonly disk: number;
  /** Command APDUs until the light. */
  readonly apdus: number;
}

/** Marks of the tap under way, in the clock of `performance.now()`. */
interface Marks {
  began: number;
  card: number;
  apdus: number;
  read: number;
  before: number;
  after: number;
  answered: number;
  accepted: boolean;
}

/** Taps cards 0 … warmUp+taps−1, each once, and gives the times of all but the first ones. */
export async function tapInside(
  rig: TapRig,
  plan: { readonly card: CardMaker; readonly taps: number; readonly warmUp: number },
  { signal }: Pick<BenchContext, 'signal'>,
): Promise<TapTimes[]> {
  let marks = newMarks();
  const reader = createInProcessCardReader(rig.deviceDir);
  const edge = await startEdge(
    { deviceDir: rig.deviceDir },
    {
      clock: { nowMs: () => Date.now(), monotonicMs: () => performance.now() },
      log: createLogger({ component: 'bench-edge', level: 'error' }),
      reader: marking(reader, () => marks),
      probe: async (point) => {
        if (point === 'edge.before-append') marks.before = performance.now();
        if (point === 'edge.after-append') marks.after = performance.now();
      },
    },
  );
  edge.agent.onAnswer(({ sign }) => {
    marks.answered = performance.now();
    marks.accepted = sign === 'accepted';
  });
  const times: TapTimes[] = [];
  try {
    for (let n = 0; n < plan.warmUp + plan.taps; n++) {
      signal.throwIfAborted();
      const card = plan.card(n);
      marks = newMarks();
      await reader.present(timed(card, marks));
      if (!marks.accepted) throw new Error(`card ${n} was not accepted`);
      if (n >= plan.warmUp) times.push(timesOf(marks));
    }
    return times;
  } finally {
    await edge.stop();
  }
}

function newMarks(): Marks {
  const began = performance.now();
  return { began, card: 0, apdus: 0, read: 0, before: 0, after: 0, answered: 0, accepted: false };
}

/** What the card takes counts until the light only: its log is written afterwards. */
function timed(card: CardTransport, marks: Marks): CardTransport {
  return {
    transmit: async (apdu) => {
      const began = performance.now();
      const answer = await card.transmit(apdu);
      if (marks.answered === 0) {
        marks.card += performance.now() - began;
        marks.apdus += 1;
      }
      return answer;
    },
  };
}

function marking(reader: CardReader, marks: () => Marks): CardReader {
  return {
    ...reader,
    start: (onCard) =>
      reader.start((visit) =>
        onCard({
          settle: (entry) => visit.settle(entry),
          read: async () => {
            const reading = await visit.read();
            marks().read = performance.now();
            return reading;
          },
        }),
      ),
  };
}

function timesOf(marks: Marks): TapTimes {
  return {
    ours: marks.answered - marks.began - marks.card,
    card: marks.card,
    reading: marks.read - marks.began - marks.card,
    rules: marks.before - marks.read,
    disk: marks.after - marks.before,
    apdus: marks.apdus,
  };
}
