/**
 * A kind of card. Each is one file of this folder: it opens a session on a card in the field, says what it read, and may
 * write the card's log afterwards. Media run in the reader process; what they hand on is a {@link CardReading}, in which no
 * card number and no key has a place.
 */
import type { Conversation } from '../apdu.ts';
import type { CardLogEntry, CardReading, SettleOutcome } from '../ports.ts';

/** One kind of medium. */
export interface Medium {
  /** For logs and configuration. */
  readonly name: string;
  /** Most command APDUs of one visit, repetitions, GET RESPONSE and settling included. */
  readonly apdusMax: number;
  /** What the card says holds its number: every answer is zeroed as soon as the conversation is over. */
  readonly secret?: true;
  /** Opens a session. What a card says wrong is a reading with a reason; only a bug throws. */
  open(talk: Conversation): Promise<OpenedMedium>;
}

/** `not-mine`: what this medium looks for is not on the card, and the next kind is tried. */
export type OpenedMedium = 'not-mine' | MediumSession;

/** A card that this medium takes care of. */
export interface MediumSession {
  readonly reading: CardReading;
  /** Absent where the medium has no log. */
  readonly settle?: (entry: CardLogEntry) => Promise<SettleOutcome>;
}
