/** The selection scenario: one kind of card after the other is tried until one says that the card is its own. */
import { type Conversation, converse } from '../apdu.ts';
import type { CardLogEntry, CardReading, CardTransport, SettleOutcome, Timers } from '../ports.ts';
import type { Medium, MediumSession } from './medium.ts';

/** How long one card may take. */
export interface VisitBudget {
  readonly timers: Timers;
  /** Real milliseconds for the whole visit; a card that answers later has gone. */
  readonly timeMsMax: number;
}

/** Real milliseconds for reading and settling one card; the passenger waits. */
export const VISIT_MS_MAX = 2000;

/** A card that was read, still in the field. */
export interface OpenedCard {
  readonly reading: CardReading;
  settle(entry: CardLogEntry): Promise<SettleOutcome>;
  /** Frees the timer; nothing can be sent afterwards. */
  end(): void;
}

/** Reads a card. A card that no medium takes is CARD_UNKNOWN. Rejects only with a medium's bug. */
export async function openCard(
  card: CardTransport,
  media: readonly Medium[],
  { timers, timeMsMax }: VisitBudget,
): Promise<OpenedCard> {
  const untilMs = timers.nowMs() + timeMsMax;
  for (const medium of media) {
    const talk = converse(card, {
      timers,
      timeMsMax: Math.max(0, untilMs - timers.nowMs()),
      apdusMax: medium.apdusMax,
      ...(medium.secret && { wipes: true }),
    });
    try {
      const opened = await medium.open(talk);
      if (opened !== 'not-mine') {
        // Without a log there is nothing more to say to it, and what it said goes at once.
        if (!opened.settle) talk.end();
        return openedCard(opened, talk);
      }
    } catch (error) {
      talk.end();
      throw error;
    }
    talk.end();
  }
  return openedCard({ reading: { ok: false, reason: 'CARD_UNKNOWN' } });
}

function openedCard({ reading, settle }: MediumSession, talk?: Conversation): OpenedCard {
  return {
    reading,
    settle: async (entry) => (settle && reading.ok ? settle(entry) : 'no-log'),
    end: () => talk?.end(),
  };
}
