/** Waits for what the engine answers to commands that were handed in: a minute, or as long as it takes; Ctrl-C ends the waiting. */
import { setTimeout as delay } from 'node:timers/promises';
import { createLogger } from '#platform/logger.ts';
import { onSignals } from '#platform/shutdown.ts';
import { answersOf, type CommandAnswer, type HandedIn } from '../fare-engine/command-answers.ts';
import type { ReaderPool } from '../fare-engine/database-reader.ts';
import type { CommandIo } from './command.ts';

/** How long is waited; what reads many taps before it is decided takes as long as it takes. */
export type Patience = 'a-minute' | 'as-long-as-it-takes';

/** What the engine said so far. */
export interface WaitedFor {
  /** In the order of the commands; `null` = no answer yet. */
  readonly answers: readonly CommandAnswer[];
  /** Somebody pressed Ctrl-C. */
  readonly stopped: boolean;
}

const LOOK_EVERY_MS = 200;
const LOOKS_A_SECOND = 1000 / LOOK_EVERY_MS;
const A_MINUTE = 60 * LOOKS_A_SECOND;
const SILENT_S = 5;
const PIPED_STEP_S = 60;

/** Looks until every command has its answer, the patience is over, or the person who waits has enough. */
export async function awaitAnswers(
  pool: ReaderPool,
  commands: readonly HandedIn[],
  patience: Patience,
  io: CommandIo,
): Promise<WaitedFor> {
  const signals = onSignals(createLogger({ component: 'office', level: 'warn' }));
  const stopping = new AbortController();
  void signals.received.then(() => stopping.abort());
  const line = waitingLine(io.stderr);
  const known = new Map<string, CommandAnswer>();
  const waiting = () => commands.filter(({ commandId }) => !known.has(commandId));
  const looksMax = patience === 'a-minute' ? A_MINUTE : Number.POSITIVE_INFINITY;
  try {
    for (let looks = 0; looks < looksMax; looks++) {
      for (const [id, answer] of await answersOf(pool, waiting())) known.set(id, answer);
      if (waiting().length === 0 || stopping.signal.aborted) break;
      line.show(Math.floor(looks / LOOKS_A_SECOND));
      await delay(LOOK_EVERY_MS, undefined, { signal: stopping.signal }).catch(() => undefined);
    }
  } finally {
    signals.forget();
    line.end();
  }
  const answers = commands.map(({ commandId }) => known.get(commandId) ?? null);
  return { answers, stopped: stopping.signal.aborted && answers.includes(null) };
}

/** A line that is written over on a terminal, and once a minute where output is piped; nothing of what is answered soon. */
function waitingLine(stream: NodeJS.WritableStream & { readonly isTTY?: boolean }) {
  let shownS = SILENT_S - 1;
  const isTerminal = stream.isTTY === true;
  return {
    show(seconds: number): void {
      if (seconds < shownS + (isTerminal || shownS < SILENT_S ? 1 : PIPED_STEP_S)) return;
      shownS = seconds;
      const text = `waiting for the engine's answer: ${seconds} s`;
      stream.write(isTerminal ? `\r${text}; Ctrl-C leaves it handed in ` : `${text}\n`);
    },
    end(): void {
      if (isTerminal && shownS >= SILENT_S) stream.write('\n');
    },
  };
}
