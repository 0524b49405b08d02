/**
 * A reader without hardware: whoever drives the agent (fleet, tests) presents cards by a call.
 */
import type { CardReader, CardTransport, ReaderState } from '../ports.ts';

export interface InProcessCardReader extends CardReader {
  /**
   * Holds a card to the reader; fulfilled when the agent has answered. Presentations run one after the other.
   * Rejects when the reader is not started, or with what the agent threw.
   */
  present(card: CardTransport): Promise<void>;
}

/** Most cards waiting in front of one reader: a crowd longer than this is a mistake of the caller. */
const WAITING_MAX = 1000;

export function createInProcessCardReader(): InProcessCardReader {
  let onCard: ((card: CardTransport) => Promise<void>) | undefined;
  let last: Promise<void> = Promise.resolve();
  let waiting = 0;

  const presentNow = async (card: CardTransport): Promise<void> => {
    if (!onCard) throw new Error('the reader is not started');
    await onCard(card);
  };

  return {
    start: async (handler) => {
      onCard = handler;
    },
    stop: async () => {
      onCard = undefined;
      await last;
    },
    state: (): ReaderState => ({ state: onCard ? 'ready' : 'absent', recoveries: 0 }),
    present: async (card) => {
      if (waiting >= WAITING_MAX) throw new Error(`more than ${WAITING_MAX} cards wait at one reader`);
      waiting += 1;
      const mine = last.then(() => presentNow(card)).finally(() => (waiting -= 1));
      last = mine.catch(() => {});
      await mine;
    },
  };
}
