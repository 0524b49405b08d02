/**
 * A validator at the real PC/SC stack with a virtual card in hand: what `kvytok tap` stands on. It opens a virtual
 * reader, runs `kvytok edge` as a process of its own on it, lays cards on the reader and tells what the passenger saw.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createRequire } from 'node:module';
import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { Language, RefusalCode } from '#contracts/reason-codes.ts';
import { OperatorError } from '#platform/errors.ts';
import { openVirtualReader, type VirtualReader } from '../simulators/cards/pcscd.ts';
import type { VirtualCard } from '../simulators/cards/virtual-card.ts';
import { insertIntoVpcd } from '../simulators/cards/vpcd-card.ts';

/** What the passenger saw, as `kvytok edge --events` tells it. */
export interface CardAnswer {
  readonly sign: 'waiting' | 'accepted' | 'refused' | 'out-of-order';
  /** Why not accepted. */
  readonly reason?: RefusalCode;
  /** Code for the city's page of debts. */
  readonly lookUp?: string;
  /** The touch repeats an earlier one: one ride. */
  readonly repeated?: boolean;
  /** The journal record of this answer; null when none could be written. */
  readonly recordId: string | null;
  readonly language: Language;
  /** Whether the validator was connected to the city. */
  readonly online: boolean;
  /** City time of the answer. */
  readonly atMs: number;
}

/** An answer, with the moment at which it was seen here. */
export interface SeenAnswer extends CardAnswer {
  /** By `performance.now()` of this process. */
  readonly seenAtMs: number;
}

export interface PcscValidatorOptions {
  /** Folder of an enrolled device that no other process uses. */
  readonly deviceDir: string;
  /** Further options of `kvytok edge`, e.g. `['--mqtt-url', url]`. */
  readonly edgeArgs?: readonly string[];
  /** Real milliseconds until the validator must be ready. */
  readonly readyMsMax?: number;
  /** Real milliseconds from laying a card down to its answer; PC/SC alone may take half a second to notice it. */
  readonly answerMsMax?: number;
}

/** A running validator. It goes on uploading its records until it is stopped. */
export interface PcscValidator {
  /** Lays a card on the reader, waits for the answer, takes the card away. One card at a time. */
  present(card: VirtualCard): Promise<SeenAnswer>;
  stop(): Promise<void>;
}

const KVYTOK = fileURLToPath(new URL('./kvytok.ts', import.meta.url));
const READY_MS_MAX = 60_000;
const ANSWER_MS_MAX = 30_000;
const STOP_MS_MAX = 10_000;
/** How long a hand stays after the light. */
const HELD_AFTER_MS = 400;
const LINES_MAX = 20;

/**
 * Presents one card to an enrolled validator and gives what the passenger saw.
 * @throws OperatorError when a package is missing, the folder is in use, or no answer comes in time.
 */
export async function presentCard(
  options: PcscValidatorOptions & { readonly card: VirtualCard },
): Promise<CardAnswer> {
  const validator = await openPcscValidator(options);
  try {
    return await validator.present(options.card);
  } finally {
    await validator.stop();
  }
}

/** Opens a virtual reader and a validator on it; the caller stops it. Throws as {@link presentCard}. */
export async function openPcscValidator(options: PcscValidatorOptions): Promise<PcscValidator> {
  requireBinding();
  const reader = await openVirtualReader();
  const edge = startEdgeProcess(options, reader);
  const stop = async (): Promise<void> => {
    await edge.stop();
    await reader.stop();
  };
  try {
    const ready = await edge.nextLine(options.readyMsMax ?? READY_MS_MAX);
    if (ready?.['event'] !== 'ready') throw notReady(edge.lastWords());
    return {
      stop,
      present: (card) => present(card, edge, reader, options.answerMsMax ?? ANSWER_MS_MAX),
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

async function present(
  card: VirtualCard,
  edge: EdgeProcess,
  reader: VirtualReader,
  answerMsMax: number,
): Promise<SeenAnswer> {
  // An answer that came too late for the card before is not this card's.
  edge.dropLines();
  const lying = await insertIntoVpcd({ port: reader.vpcdPort, card });
  try {
    const answer = await edge.nextLine(answerMsMax);
    const seenAtMs = performance.now();
    // The validator writes the card's log after the light; and PC/SC, which looks every 0.4 s, takes a card that is pulled
    // in the middle of a command and the next one for the same.
    await delay(HELD_AFTER_MS);
    if (typeof answer?.['sign'] !== 'string') throw noAnswer(answerMsMax, edge.lastWords());
    return { ...(answer as unknown as CardAnswer), seenAtMs };
  } finally {
    await lying.remove();
  }
}

type Line = Readonly<Record<string, unknown>>;

interface EdgeProcess {
  /** The next line of its standard output; `undefined` when it ended or the time is over. */
  nextLine(withinMs: number): Promise<Line | undefined>;
  /** Forgets lines that nobody asked for. */
  dropLines(): void;
  /** The last lines of its standard error, for people. */
  lastWords(): string;
  stop(): Promise<void>;
}

/** Runs `kvytok edge` on the reader. */
function startEdgeProcess(options: PcscValidatorOptions, reader: VirtualReader): EdgeProcess {
  const args = ['edge', '--device', options.deviceDir, '--events', '--reader', 'Virtual PCD 00 00'];
  const child = spawn(
    process.execPath,
    ['--disable-warning=ExperimentalWarning', KVYTOK, ...args, ...(options.edgeArgs ?? [])],
    { stdio: ['ignore', 'pipe', 'pipe'], env: edgeEnvironment(reader) },
  );
  const errors: string[] = [];
  createInterface({ input: child.stderr }).on('line', (line) => {
    errors.push(line);
    if (errors.length > LINES_MAX) errors.shift();
  });
  const queue = lineQueue(child);
  return {
    nextLine: queue.next,
    dropLines: queue.drop,
    lastWords: () => errors.slice(-5).join('\n') || 'it said nothing',
    stop: () => endProcess(child),
  };
}

/** Ours without the settings of another validator, and with the way to the reader. */
function edgeEnvironment(reader: VirtualReader): NodeJS.ProcessEnv {
  const own = Object.entries(process.env).filter(([name]) => !name.startsWith('KVYTOK_EDGE_'));
  const socket = reader.socketPath === undefined ? {} : { PCSCLITE_CSOCK_NAME: reader.socketPath };
  return { ...Object.fromEntries(own), ...socket };
}

/** Lines of standard output, each to whoever asks next. At most {@link LINES_MAX} wait; the oldest are dropped. */
function lineQueue(child: ChildProcess): { next: EdgeProcess['nextLine']; drop(): void } {
  const waiting: Line[] = [];
  let taker: ((line: Line | undefined) => void) | undefined;
  let ended = false;
  const give = (line: Line | undefined): void => {
    const take = taker;
    taker = undefined;
    if (take) take(line);
    else if (line) waiting.push(line);
    if (waiting.length > LINES_MAX) waiting.shift();
  };
  if (child.stdout) {
    createInterface({ input: child.stdout }).on('line', (text) => {
      const line = parseLine(text);
      if (line) give(line);
    });
  }
  const onEnd = (): void => {
    ended = true;
    give(undefined);
  };
  child.once('close', onEnd);
  child.once('error', onEnd);
  return {
    drop: () => void waiting.splice(0),
    next: (withinMs) => {
      const first = waiting.shift();
      if (first || ended) return Promise.resolve(first);
      return new Promise((resolve) => {
        const timer = setTimeout(() => give(undefined), withinMs);
        taker = (line) => {
          clearTimeout(timer);
          resolve(line);
        };
      });
    },
  };
}

function parseLine(text: string): Line | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? (value as Line) : undefined;
  } catch {
    return undefined;
  }
}

/** Asks it to end, and insists when it does not. */
async function endProcess(child: ChildProcess): Promise<void> {
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, 'exit');
  child.kill('SIGTERM');
  const insist = setTimeout(() => child.kill('SIGKILL'), STOP_MS_MAX);
  await ended;
  clearTimeout(insist);
}

function requireBinding(): void {
  try {
    createRequire(import.meta.url).resolve('smartcard');
  } catch (error) {
    throw new OperatorError({
      code: 'PCSC_MISSING',
      happened: 'The PC/SC binding was not built when the project was installed.',
      kept: 'Nothing was changed.',
      todo: 'Install its headers and build it: apt-get install -y build-essential python3 libpcsclite-dev pcscd vsmartcard-vpcd && npm ci',
      cause: error,
    });
  }
}

function notReady(words: string): OperatorError {
  return new OperatorError({
    code: 'VALIDATOR_NOT_READY',
    happened: `The validator did not start: ${words}.`,
    kept: 'Its journal is as it was.',
    todo: 'See its own words above; a device folder can be used by one process at a time.',
  });
}

function noAnswer(withinMs: number, words: string): OperatorError {
  return new OperatorError({
    code: 'CARD_NOT_ANSWERED',
    happened: `The validator gave no answer to the card within ${withinMs} ms: ${words}.`,
    kept: 'What it recorded, if anything, stays in its journal.',
    todo: 'Look at the card reader with: npx kvytok doctor',
  });
}
