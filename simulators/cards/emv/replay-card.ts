/**
 * Cards from transcripts: they know the answers of a recorded conversation and nothing else. With the recorded
 * unpredictable number handed to the reader, a published conversation can be followed to its end.
 */
import { readFileSync } from 'node:fs';
import { status } from '../short-apdu.ts';
import type { VirtualCard } from '../virtual-card.ts';

/** A recorded conversation. All bytes are hex. */
export interface CardTrace {
  readonly name: string;
  /** Who published it. */
  readonly source: string;
  /** The key under which its certificates hold, where they were published. */
  readonly authority?: {
    readonly rid: string;
    readonly index: string;
    readonly modulus: string;
    readonly exponent: string;
  };
  /** What the terminal said, by tag: only with these values do the recorded commands come again. */
  readonly terminal?: Readonly<Record<string, string>>;
  /** Command and answer; null where the command was not recorded: whatever comes at that point. */
  readonly exchanges: readonly (readonly [command: string | null, answer: string])[];
}

const FILE = new URL('./published-traces.json', import.meta.url);

/** The published conversations. */
export function publishedTraces(): readonly CardTrace[] {
  return (JSON.parse(readFileSync(FILE, 'utf8')) as { traces: CardTrace[] }).traces;
}

/** One of them; throws for an unknown name. */
export function publishedTrace(name: string): CardTrace {
  const trace = publishedTraces().find((one) => one.name === name);
  if (trace === undefined) throw new RangeError(`there is no published conversation ${name}`);
  return trace;
}

/** How a replayed card knows a command again: by all its bytes, or by class, instruction and parameters alone. */
export type ReplayMatch = 'bytes' | 'head';

const HEAD_HEX = 8;
/** What it answers to a command of which nothing was recorded: not found, no such record, unknown instruction. */
const UNKNOWN_STATUS: ReadonlyMap<string, number> = new Map([
  ['a4', 0x6a82],
  ['b2', 0x6a83],
]);

/** A card that answers as recorded. By `head` it is what a thief with a recording holds to a reader. */
export function createReplayCard(trace: CardTrace, match: ReplayMatch = 'bytes'): VirtualCard {
  let reached = 0;
  const keyOf = (hex: string): string => (match === 'bytes' ? hex : hex.slice(0, HEAD_HEX));
  const fits = (asked: string, command: string | null): boolean =>
    command !== null && keyOf(command.toLowerCase()) === keyOf(asked);
  const answerTo = (asked: string): Buffer => {
    const ahead = trace.exchanges.findIndex(([command], i) => i >= reached && fits(asked, command));
    const found = ahead === -1 ? trace.exchanges.findIndex(([command]) => fits(asked, command)) : ahead;
    const next = trace.exchanges[reached];
    if (found === -1 && next?.[0] !== null) return status(UNKNOWN_STATUS.get(asked.slice(2, 4)) ?? 0x6d00);
    const at = found === -1 ? reached : found;
    reached = at + 1;
    return Buffer.from(trace.exchanges[at]?.[1] ?? '', 'hex');
  };
  return {
    transmit: async (apdu) => answerTo(Buffer.from(apdu).toString('hex')),
    reset: () => {
      reached = 0;
    },
  };
}
