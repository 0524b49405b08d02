/**
 * The supervisor of the reader process (`pcsc-child.ts`): it starts it, kills it when it faults, hangs or falls silent, and
 * starts a fresh one, for ever, with growing pauses. What is done with a card is its user's: a validator reads it, a station
 * works on it.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { fairTimeout } from '#platform/fair-timeout.ts';
import type { Logger } from '#platform/logger.ts';
import type { ReaderState } from '../ports.ts';
import type { FromReader, ReaderPurpose, ToReader } from './pcsc-messages.ts';

export interface PcscReaderOptions {
  /** The device folder: the reader process takes its keys from there. */
  readonly deviceDir: string;
  /** Part of the PC/SC name of the readers to use; all when absent. */
  readonly readerName?: string;
  readonly log: Logger;
  /** City time for the reader process; its machine's when absent. */
  readonly nowMs?: () => number;
  /** Socket of another pcscd than the machine's own (`PCSCLITE_CSOCK_NAME`). */
  readonly socketPath?: string;
  /** An APDU that takes longer means that PC/SC hangs. The longest card answer that standards allow is 5 s away. */
  readonly apduMsMax?: number;
  /** No sign of life for this long means that the process hangs. */
  readonly silenceMsMax?: number;
}

const CHILD = fileURLToPath(new URL('./pcsc-child.ts', import.meta.url));
const PAUSE_MS_MIN = 100;
const PAUSE_MS_MAX = 2000;
const APDU_MS_MAX = 3000;
const SILENCE_MS_MAX = 5000;
/** Until its first sign of life: a process loads its code, and on a slow machine that alone takes longer than a silence may. */
const FIRST_SIGN_MS_MAX = 60_000;

/** Sends to the reader process; false when it has gone. */
export type Send = (message: ToReader) => boolean;

/** One card on offer. */
export interface Offer {
  /** What is done with it, when its turn has come. */
  run(): Promise<void>;
  /** Messages of the reader process while it is on offer. */
  hear(message: FromReader): void;
  /** The process died. */
  lost(): void;
}

/** Who uses the reader. */
export interface ReaderUser {
  readonly purpose: ReaderPurpose;
  /** A card has come. */
  offer(send: Send): Offer;
  /** Every message. */
  hear?(message: FromReader): void;
  /** A process died; the next one knows nothing of what the last was asked. */
  lost?(): void;
}

export interface PcscHost {
  start(user: ReaderUser): Promise<void>;
  stop(): Promise<void>;
  state(): ReaderState;
  send: Send;
}

/** A PC/SC reader that survives its service. `state()` says whether a card would be read now. */
export function createPcscHost(options: PcscReaderOptions): PcscHost {
  const { log } = options;
  let user: ReaderUser | undefined;
  let lastCard: Promise<void> = Promise.resolve();
  let session: Session | undefined;
  let pause: NodeJS.Timeout | undefined;
  let pauseMs = PAUSE_MS_MIN;
  let state: ReaderState['state'] = 'absent';
  let wasReady = false;
  let recoveries = 0;
  let lastWhy = '';

  const ready = (names: string[]): void => {
    if (state === 'ready') return;
    if (wasReady) recoveries += 1;
    wasReady = true;
    state = 'ready';
    lastWhy = '';
    log.info({ readers: names, recoveries }, 'reader.ready');
  };
  const absent = (why: string): void => {
    state = 'absent';
    if (why !== lastWhy) log.warn({ why }, 'reader.absent; it is looked for again and again');
    lastWhy = why;
  };
  const lost = (why: string): void => {
    if (state === 'absent') return;
    state = 'recovering';
    log.warn({ why }, 'reader.lost; its process is started anew');
  };

  const begin = (): void => {
    const bornMs = performance.now();
    if (!user) return;
    session = startSession(options, user, {
      onReaders: (names) => (names.length > 0 ? ready(names) : absent('no PC/SC reader is connected')),
      // One at a time, also when a fresh process offers a card while the answer to the last one is being written.
      onCard: (offer) => {
        lastCard = lastCard.then(() => handle(offer));
        return lastCard;
      },
      onEnd: (why, noService) => {
        session = undefined;
        if (!user) return;
        if (noService) absent(why);
        else lost(why);
        if (performance.now() - bornMs > PAUSE_MS_MAX) pauseMs = PAUSE_MS_MIN;
        pause = setTimeout(begin, pauseMs);
        pauseMs = Math.min(pauseMs * 2, PAUSE_MS_MAX);
      },
    });
  };

  const handle = async (offer: Offer): Promise<void> => {
    try {
      if (user) await offer.run();
    } catch (error) {
      // The agent answers every card with a view; a throw is its bug and must not stop the reader.
      log.error({ err: error }, 'reader.card handler failed');
    }
  };

  return {
    start: async (whose) => {
      if (user) throw new Error('the reader is started already');
      user = whose;
      pauseMs = PAUSE_MS_MIN;
      begin();
    },
    stop: async () => {
      user = undefined;
      clearTimeout(pause);
      await session?.stop();
      await lastCard;
      state = 'absent';
    },
    state: () => ({ state, recoveries }),
    send: (message) => session?.send(message) ?? false,
  };
}

interface SessionEvents {
  onReaders(names: string[]): void;
  onCard(offer: Offer): Promise<void>;
  /** Once, when the process is dead. `noService`: there was no PC/SC (or no binding) to begin with. */
  onEnd(why: string, noService: boolean): void;
}

interface Session {
  readonly send: Send;
  stop(): Promise<void>;
}

/** One life of the reader process. */
function startSession(options: PcscReaderOptions, user: ReaderUser, events: SessionEvents): Session {
  const child = forkChild(options, user.purpose);
  let offered: Offer | undefined;
  let why = '';
  let noService = false;
  let over = false;

  const kill = (reason: string): void => {
    why = reason;
    child.kill('SIGKILL');
  };
  // Its words may lie in the pipe of a validator that stood still itself.
  const silent = (): void => kill('the reader process fell silent');
  let silence = fairTimeout(FIRST_SIGN_MS_MAX, silent);
  const send: Send = (message) => {
    // A failed send is followed by the exit of the process, which is handled there.
    return child.connected && child.send(message, () => {});
  };

  const tellTime = (): void => {
    if (options.nowMs) send({ kind: 'time', nowMs: options.nowMs() });
  };
  tellTime();

  const offer = async (): Promise<void> => {
    const mine = user.offer(send);
    offered = mine;
    await events.onCard(mine);
    send({ kind: 'done' });
  };

  child.on('message', (message: FromReader) => {
    silence.cancel();
    // Its last words may come after its end.
    if (!over) silence = fairTimeout(options.silenceMsMax ?? SILENCE_MS_MAX, silent);
    if (message.kind === 'alive') tellTime();
    if (message.kind === 'readers') events.onReaders(message.names);
    else if (message.kind === 'card') void offer();
    else if (message.kind === 'removed') options.log.debug('reader.card removed');
    else if (message.kind === 'fault') {
      noService = message.absent;
      // It wants to end and may not be able to: a thread of PC/SC may hang.
      kill(message.why);
    } else {
      offered?.hear(message);
      user.hear?.(message);
    }
  });
  const ended = once(child, 'exit').then(
    ([code, signal]) => `the reader process ended (${signal ?? code})`,
    (error: Error) => `the reader process failed: ${error.message}`,
  );
  void ended.then((how) => {
    over = true;
    silence.cancel();
    offered?.lost();
    user.lost?.();
    events.onEnd(why || how, noService);
  });

  return {
    send,
    stop: async () => {
      kill('stopped');
      await ended;
    },
  };
}

function forkChild(options: PcscReaderOptions, purpose: ReaderPurpose): ChildProcess {
  // Only what the process needs: it has no business with the agent's environment.
  const socketPath = options.socketPath ?? process.env['PCSCLITE_CSOCK_NAME'];
  const env: NodeJS.ProcessEnv = socketPath === undefined ? {} : { PCSCLITE_CSOCK_NAME: socketPath };
  const apduMsMax = String(options.apduMsMax ?? APDU_MS_MAX);
  return fork(CHILD, [options.deviceDir, apduMsMax, purpose, options.readerName ?? ''], {
    execPath: process.execPath,
    execArgv: [],
    env,
    serialization: 'advanced',
    stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
  });
}
