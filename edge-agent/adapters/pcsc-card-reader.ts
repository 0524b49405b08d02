/**
 * Cards over PC/SC. The binding lives in a process of its own (`pcsc-child.ts`); this is its supervisor: it starts it,
 * kills it when it faults, hangs or falls silent, and starts a fresh one, for ever, with growing pauses.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { Logger } from '#platform/logger.ts';
import type { CardReader, CardTransport, ReaderState } from '../ports.ts';
import type { FromReader, ToReader } from './pcsc-messages.ts';

export interface PcscReaderOptions {
  /** Part of the PC/SC name of the readers to use; all when absent. */
  readonly readerName?: string;
  readonly log: Logger;
  /** Socket of another pcscd than the machine's own (`PCSCLITE_CSOCK_NAME`). */
  readonly socketPath?: string;
  /** An APDU that takes longer means that PC/SC hangs. The longest card answer that standards allow is 5 s away. */
  readonly transmitMsMax?: number;
  /** No sign of life for this long means that the process hangs. */
  readonly silenceMsMax?: number;
}

const CHILD = fileURLToPath(new URL('./pcsc-child.ts', import.meta.url));
const PAUSE_MS_MIN = 100;
const PAUSE_MS_MAX = 2000;
const TRANSMIT_MS_MAX = 3000;
const SILENCE_MS_MAX = 5000;
const EMPTY = new Uint8Array(0);

type OnCard = (card: CardTransport) => Promise<void>;

/** A PC/SC reader that survives its service. `state()` says whether a card would be read now. */
export function createPcscCardReader(options: PcscReaderOptions): CardReader {
  const { log } = options;
  let onCard: OnCard | undefined;
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
    session = startSession(options, {
      onReaders: (names) => (names.length > 0 ? ready(names) : absent('no PC/SC reader is connected')),
      // One at a time, also when a fresh process offers a card while the answer to the last one is being written.
      onCard: (card) => {
        lastCard = lastCard.then(() => handle(card));
        return lastCard;
      },
      onEnd: (why, noService) => {
        session = undefined;
        if (!onCard) return;
        if (noService) absent(why);
        else lost(why);
        if (performance.now() - bornMs > PAUSE_MS_MAX) pauseMs = PAUSE_MS_MIN;
        pause = setTimeout(begin, pauseMs);
        pauseMs = Math.min(pauseMs * 2, PAUSE_MS_MAX);
      },
    });
  };

  const handle = async (card: CardTransport): Promise<void> => {
    try {
      await onCard?.(card);
    } catch (error) {
      // The agent answers every card with a view; a throw is its bug and must not stop the reader.
      log.error({ err: error }, 'reader.card handler failed');
    }
  };

  return {
    start: async (handler) => {
      if (onCard) throw new Error('the reader is started already');
      onCard = handler;
      pauseMs = PAUSE_MS_MIN;
      begin();
    },
    stop: async () => {
      onCard = undefined;
      clearTimeout(pause);
      await session?.stop();
      await lastCard;
      state = 'absent';
    },
    state: () => ({ state, recoveries }),
  };
}

interface SessionEvents {
  onReaders(names: string[]): void;
  onCard: OnCard;
  /** Once, when the process is dead. `noService`: there was no PC/SC (or no binding) to begin with. */
  onEnd(why: string, noService: boolean): void;
}

interface Session {
  stop(): Promise<void>;
}

/** One life of the reader process. */
function startSession(options: PcscReaderOptions, events: SessionEvents): Session {
  const child = forkChild(options);
  const answers = new Map<number, (bytes: Uint8Array) => void>();
  let nextId = 1;
  let why = '';
  let noService = false;

  const kill = (reason: string): void => {
    why = reason;
    child.kill('SIGKILL');
  };
  const silence = setTimeout(
    () => kill('the reader process fell silent'),
    options.silenceMsMax ?? SILENCE_MS_MAX,
  );
  const send = (message: ToReader): void => {
    // A failed send is followed by the exit of the process, which is handled there.
    if (child.connected) child.send(message, () => {});
  };

  const transmit = (apdu: Uint8Array): Promise<Uint8Array> => {
    if (!child.connected) return Promise.resolve(EMPTY);
    const id = nextId++;
    return new Promise((resolve) => {
      const watchdog = setTimeout(
        () => kill('PC/SC did not answer in time'),
        options.transmitMsMax ?? TRANSMIT_MS_MAX,
      );
      answers.set(id, (bytes) => {
        clearTimeout(watchdog);
        answers.delete(id);
        resolve(bytes);
      });
      send({ kind: 'transmit', id, apdu });
    });
  };

  const offer = async (): Promise<void> => {
    await events.onCard({ transmit });
    send({ kind: 'done' });
  };

  child.on('message', (message: FromReader) => {
    silence.refresh();
    if (message.kind === 'readers') events.onReaders(message.names);
    else if (message.kind === 'card') void offer();
    else if (message.kind === 'answer') answers.get(message.id)?.(message.bytes);
    else if (message.kind === 'removed') options.log.debug('reader.card removed');
    else if (message.kind === 'fault') ({ why, absent: noService } = message);
  });
  const ended = once(child, 'exit').then(
    ([code, signal]) => `the reader process ended (${signal ?? code})`,
    (error: Error) => `the reader process failed: ${error.message}`,
  );
  void ended.then((how) => {
    clearTimeout(silence);
    for (const answer of [...answers.values()]) answer(EMPTY);
    events.onEnd(why || how, noService);
  });

  return {
    stop: async () => {
      kill('stopped');
      await ended;
    },
  };
}

function forkChild(options: PcscReaderOptions): ChildProcess {
  // Only what the process needs: it has no business with the agent's environment.
  const socketPath = options.socketPath ?? process.env['PCSCLITE_CSOCK_NAME'];
  const env: NodeJS.ProcessEnv = socketPath === undefined ? {} : { PCSCLITE_CSOCK_NAME: socketPath };
  return fork(CHILD, [options.readerName ?? ''], {
    execPath: process.execPath,
    execArgv: [],
    env,
    serialization: 'advanced',
    stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
  });
}
