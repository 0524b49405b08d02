/**
 * What the reader process and its supervisor say to each other over the fork's channel (advanced serialisation). Neither
 * APDUs nor keys nor card numbers pass here: the reading is what the card came to.
 */
import type { IssueStep } from '../issue/card-work.ts';
import type { BegunCard, CardLook, IssueOrder, Outcome } from '../issue/orders.ts';
import type { CardLogEntry, CardReading, SettleOutcome } from '../ports.ts';

/** From the supervisor. */
export type ToReader =
  /** City time as the agent knows it: cards and certificates are judged by it. Sent at the start and at each heartbeat. */
  | { readonly kind: 'time'; readonly nowMs: number }
  /** Write the card's own log; answered by `settled`. */
  | { readonly kind: 'settle'; readonly entry: CardLogEntry }
  /** A station's work; answered by `returned`, or by the end of the process. */
  | { readonly kind: 'call'; readonly id: number; readonly call: StationCall }
  /** The card has been answered: the next may come as soon as this one is gone. */
  | { readonly kind: 'done' };

/** From the reader process. */
export type FromReader =
  /** Readers that can be used now; none means that PC/SC runs but has no reader of ours. */
  | { readonly kind: 'readers'; readonly names: string[] }
  /** A card came and is being read. None other is offered until this one is done and gone. */
  | { readonly kind: 'card'; readonly reader: string }
  /** What the card offered last says. */
  | { readonly kind: 'reading'; readonly reading: CardReading }
  | { readonly kind: 'settled'; readonly outcome: SettleOutcome }
  /** A station's work goes on. */
  | { readonly kind: 'step'; readonly step: IssueStep }
  | { readonly kind: 'returned'; readonly id: number; readonly value: StationAnswer }
  /** The card offered last has left the field. */
  | { readonly kind: 'removed' }
  /** Its event loop turns: sent when its code is loaded, before it calls PC/SC, and each {@link HEARTBEAT_MS}. */
  | { readonly kind: 'alive' }
  /** It cannot go on and ends itself. `absent`: there is no PC/SC to talk to, and none was lost. */
  | { readonly kind: 'fault'; readonly absent: boolean; readonly why: string };

/** What a station asks its reader process for: of the card on offer, or of the cards that were begun. */
export type StationCall =
  | { readonly name: 'look' | 'finish' | 'rekey' | 'wipe' | 'begun' }
  | { readonly name: 'begin'; readonly order: IssueOrder }
  | { readonly name: 'forget'; readonly tokenId: string };

export type StationAnswer = CardLook | BegunCard | Outcome | readonly BegunCard[] | null;

/** What the reader process is for. */
export type ReaderPurpose = 'read' | 'issue';

export const HEARTBEAT_MS = 1000;
