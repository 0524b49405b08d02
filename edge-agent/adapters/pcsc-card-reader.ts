/**
 * Cards over PC/SC. The binding lives in a process of its own (`pcsc-child.ts`); this is its supervisor: it starts it,
 * kills it when it faults, hangs or falls silent, and starts a fresh one, for ever, with growing pauses.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { Logger } from '#platform/logger.ts';
import type {
  CardLogEntry,
  CardReader,
  CardReading,
  CardVisit,
  ReaderState,
  SettleOutcome,
} from '../ports.ts';
import type { FromReader, ToReader } from './pcsc-messages.ts';

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
const UNREADABLE: CardReading = { ok: false, reason: 'CARD_UNREADABLE' };

type OnCard = (visit: CardVisit) => Promise<void>;

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
      onCard: (visit) => {
        lastCard = lastCard.then(() => handle(visit));
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

  const handle = async (visit: CardVisit): Promise<void> => {
    try {
      await onCard?.(visit);
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
  let visit: Visit | undefined;
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

  const tellTime = (): void => {
    if (options.nowMs) send({ kind: 'time', nowMs: options.nowMs() });
  };
  tellTime();

  const offer = async (): Promise<void> => {
    const mine = startVisit((entry) => {
      if (child.connected) send({ kind: 'settle', entry });
      return child.connected;
    });
    visit = mine;
    await events.onCard(mine);
    send({ kind: 'done' });
  };

  child.on('message', (message: FromReader) => {
    silence.refresh();
    if (message.kind === 'alive') tellTime();
    if (message.kind === 'readers') events.onReaders(message.names);
    else if (message.kind === 'card') void offer();
    else if (message.kind === 'reading') visit?.says(message.reading);
    else if (message.kind === 'settled') visit?.settled(message.outcome);
    else if (message.kind === 'removed') options.log.debug('reader.card removed');
    else if (message.kind === 'fault') {
      noService = message.absent;
      // It wants to end and may not be able to: a thread of PC/SC may hang.
      kill(message.why);
    }
  });
  const ended = once(child, 'exit').then(
    ([code, signal]) => `the reader process ended (${signal ?? code})`,
    (error: Error) => `the reader process failed: ${error.message}`,
  );
  void ended.then((how) => {
    clearTimeout(silence);
    visit?.lost();
    events.onEnd(why || how, noService);
  });

  return {
    stop: async () => {
      kill('stopped');
      await ended;
    },
  };
}

/** A card's stay, as the agent sees it, and what the reader process says of it. */
interface Visit extends CardVisit {
  says(reading: CardReading): void;
  settled(outcome: SettleOutcome): void;
  /** The process died: what was not read is unreadable, what was to be settled is unknown. */
  lost(): void;
}

/** `ask` says whether the wish to settle could be sent. */
function startVisit(ask: (entry: CardLogEntry) => boolean): Visit {
  const reading = Promise.withResolvers<CardReading>();
  const settling = Promise.withResolvers<SettleOutcome>();
  return {
    read: () => reading.promise,
    settle: async (entry) => (ask(entry) ? settling.promise : 'not-written'),
    says: reading.resolve,
    settled: settling.resolve,
    lost: () => {
      reading.resolve(UNREADABLE);
      settling.resolve('unknown');
    },
  };
}

function forkChild(options: PcscReaderOptions): ChildProcess {
  // Only what the process needs: it has no business with the agent's environment.
  const socketPath = options.socketPath ?? process.env['PCSCLITE_CSOCK_NAME'];
  const env: NodeJS.ProcessEnv = socketPath === undefined ? {} : { PCSCLITE_CSOCK_NAME: socketPath };
  const apduMsMax = String(options.apduMsMax ?? APDU_MS_MAX);
  return fork(CHILD, [options.deviceDir, apduMsMax, options.readerName ?? ''], {
    execPath: process.execPath,
    execArgv: [],
    env,
    serialization: 'advanced',
    stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
  });
}
