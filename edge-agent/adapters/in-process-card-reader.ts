/**
 * A reader without hardware: whoever drives the agent (fleet, tests) presents cards by a call. Cards are read here by the
 * media of a device folder, as the reader process does it with real ones.
 */
import type { Medium } from '../media/medium.ts';
import { type OpenedCard, openCard, VISIT_MS_MAX } from '../media/read-medium.ts';
import type { CardReader, CardTransport, CardVisit, ReaderState } from '../ports.ts';
import { loadMedia } from './load-media.ts';
import { realTimers } from './timers.ts';

export interface InProcessCardReader extends CardReader {
  /**
   * Holds a card to the reader; fulfilled when the agent has answered. Presentations run one after the other.
   * Rejects when the reader is not started, or with what the agent threw.
   */
  present(card: CardTransport): Promise<void>;
}

/** Most cards waiting in front of one reader: a crowd longer than this is a mistake of the caller. */
const WAITING_MAX = 1000;

/**
 * A reader with the media of a device folder (read when it starts), or with given ones. `nowMs` is the city's time, by
 * which bank cards are judged.
 */
export function createInProcessCardReader(
  media: string | readonly Medium[],
  nowMs?: () => number,
): InProcessCardReader {
  let onCard: ((visit: CardVisit) => Promise<void>) | undefined;
  let loaded: readonly Medium[] = [];
  let last: Promise<void> = Promise.resolve();
  let waiting = 0;

  const presentNow = async (card: CardTransport): Promise<void> => {
    if (!onCard) throw new Error('the reader is not started');
    let opened: Promise<OpenedCard> | undefined;
    const open = (): Promise<OpenedCard> => {
      // A virtual card's own memory is not the reader's to wipe.
      const copied = { transmit: async (apdu: Uint8Array) => Uint8Array.from(await card.transmit(apdu)) };
      opened ??= openCard(copied, loaded, { timers: realTimers, timeMsMax: VISIT_MS_MAX });
      return opened;
    };
    try {
      await onCard({
        read: async () => (await open()).reading,
        settle: async (entry) => (await open()).settle(entry),
      });
    } finally {
      await opened?.then(
        (session) => session.end(),
        () => {}, // whoever asked for the reading has heard of it
      );
    }
  };

  return {
    start: async (handler) => {
      loaded = typeof media === 'string' ? loadMedia(media, nowMs) : media;
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
