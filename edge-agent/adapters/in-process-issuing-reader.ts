/** A station's reader without hardware: whoever drives the station presents cards by a call. */
import type { IssuingDesk } from '../issue/issuing-desk.ts';
import type { IssuingReader, IssuingVisit } from '../issue/orders.ts';
import type { CardTransport } from '../ports.ts';

export interface InProcessIssuingReader extends IssuingReader {
  /** Holds a card to the reader; fulfilled when the station has done with it. */
  present(card: CardTransport): Promise<void>;
}

/** A reader over a desk in this process. */
export function createInProcessIssuingReader(desk: IssuingDesk): InProcessIssuingReader {
  let onCard: ((visit: IssuingVisit) => Promise<void>) | undefined;
  return {
    start: async (handler) => {
      onCard = handler;
    },
    stop: async () => {
      onCard = undefined;
    },
    state: () => ({ state: onCard ? 'ready' : 'absent', recoveries: 0 }),
    begun: async () => desk.begun(),
    forget: async (tokenId) => desk.forget(tokenId),
    present: async (card) => {
      if (!onCard) throw new Error('the reader is not started');
      await onCard(desk.visit(card));
    },
  };
}
