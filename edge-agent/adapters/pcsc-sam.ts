/**
 * The SAM in a PC/SC slot, for the reader process. It is connected when a card first needs it, alone for this process, and
 * anew whenever it was lost: one that is missing, or another, answers nothing, and the validator is out of order for cards
 * that need its keys.
 */
import type { CardInterface, ContextInterface } from 'smartcard';
import type { CardTransport } from '../ports.ts';
import type { SamPlace } from './load-key-provider.ts';

type Smartcard = typeof import('smartcard');

/** PC/SC, once the process has it. */
export interface Pcsc {
  readonly context: ContextInterface;
  readonly smartcard: Smartcard;
}

export interface SamSlots {
  open(place: SamPlace): CardTransport;
  /** Whether a PC/SC name is that of a SAM's slot: what lies there is no passenger's card. */
  has(readerName: string): boolean;
}

export interface SamSlotOptions {
  readonly pcsc: () => Pcsc | undefined;
  /** Runs a call of PC/SC within its time. */
  readonly timed: <T>(call: () => Promise<T>) => Promise<T>;
  /** The call failed, and neither the SAM nor its absence is the reason. */
  readonly onFault: (error: Error) => void;
  /** Whether an error is the chip's and not PC/SC's. */
  readonly isChipFault: (error: Error) => boolean;
}

const NOTHING = new Uint8Array(0);

/** Slots of this process. */
export function createSamSlots(options: SamSlotOptions): SamSlots {
  const places: SamPlace[] = [];
  return {
    has: (name) => places.some(({ slot }) => name.includes(slot)),
    open: (place) => {
      places.push(place);
      let sam: CardInterface | undefined;
      const letGo = () => {
        disconnect(sam);
        sam = undefined;
      };
      return {
        transmit: async (apdu) => {
          try {
            sam ??= await options.timed(() => connect(place, options.pcsc()));
            const connected = sam;
            const answer = connected && (await options.timed(() => connected.transmit(Buffer.from(apdu))));
            // An empty answer: it was pulled out of its slot.
            if (!answer || answer.length < 2) letGo();
            return answer ?? NOTHING;
          } catch (error) {
            letGo();
            if (!options.isChipFault(error as Error)) options.onFault(error as Error);
            return NOTHING;
          }
        },
      };
    },
  };
}

/** At once, not when it is garbage: until then the next connection would meet our own as a sharing violation. */
function disconnect(card: CardInterface | undefined): void {
  try {
    card?.disconnect();
  } catch {
    // It left: there is nothing to disconnect from.
  }
}

async function connect({ slot, atr }: SamPlace, pcsc: Pcsc | undefined): Promise<CardInterface | undefined> {
  const reader = pcsc?.context.listReaders().find(({ name }) => name.includes(slot));
  if (!pcsc || !reader) return undefined;
  const { SCARD_SHARE_EXCLUSIVE, SCARD_PROTOCOL_T0, SCARD_PROTOCOL_T1 } = pcsc.smartcard;
  const card = await reader.connect(SCARD_SHARE_EXCLUSIVE, SCARD_PROTOCOL_T0 | SCARD_PROTOCOL_T1);
  if (!atr || card.atr?.equals(atr)) return card;
  disconnect(card);
  return undefined;
}
