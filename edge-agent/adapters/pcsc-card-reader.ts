/** Cards over PC/SC, read in a process of their own. */
import type { CardLogEntry, CardReader, CardReading, CardVisit, SettleOutcome } from '../ports.ts';
import { createPcscHost, type PcscReaderOptions } from './pcsc-host.ts';

export type { PcscReaderOptions } from './pcsc-host.ts';

const UNREADABLE: CardReading = { ok: false, reason: 'CARD_UNREADABLE' };

/** A PC/SC reader that survives its service. `state()` says whether a card would be read now. */
export function createPcscCardReader(options: PcscReaderOptions): CardReader {
  const host = createPcscHost(options);
  return {
    start: (onCard) =>
      host.start({
        purpose: 'read',
        offer: (send) => {
          const visit = startVisit((entry) => send({ kind: 'settle', entry }));
          return {
            run: () => onCard(visit),
            hear: (message) => {
              if (message.kind === 'reading') visit.says(message.reading);
              else if (message.kind === 'settled') visit.settled(message.outcome);
            },
            lost: () => visit.lost(),
          };
        },
      }),
    stop: () => host.stop(),
    state: () => host.state(),
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
