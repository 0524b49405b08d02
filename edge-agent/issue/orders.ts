/** What a station and its reader's side say to each other about one card. No key, number or chip id is in it. */
import type { CardKind } from '#contracts/record.ts';
import type { IssueStep } from './card-work.ts';
import type { CardContents } from './identity.ts';

/** A card to be issued, and why. */
export interface IssueOrder {
  readonly contents: CardContents;
  /** Token of the lost card whose place it takes. */
  readonly replacesTokenId?: string;
  /** Name of the batch and number of its line, from 1. */
  readonly batch?: { readonly name: string; readonly line: number };
  readonly staffId: string;
  /** The chip keeps its UID to itself from then on. */
  readonly randomUid: boolean;
}

/** A card that was begun; it is finished at its next presentation. */
export interface BegunCard {
  readonly tokenId: string;
  readonly order: IssueOrder;
  /** Generation of the keys that it gets. */
  readonly keyVersion: number;
  readonly begunAtMs: number;
}

/** Why a card cannot be worked on, or was not finished. */
export type IssueRefusal =
  /** It left the field, or gave no answer in time: hold it again. */
  | 'ISSUE_CARD_GONE'
  | 'ISSUE_NOT_DESFIRE'
  | 'ISSUE_EV1_NOT_TAKEN'
  /** Keys of somebody else, or a generation that is not live any more. */
  | 'ISSUE_FOREIGN_CARD'
  /** It did not prove its keys. */
  | 'ISSUE_NOT_GENUINE'
  /** It said no to a command: full, locked, another kind of chip. */
  | 'ISSUE_CARD_REFUSES'
  /** It was written, and a validator would not read it so. */
  | 'ISSUE_READ_BACK_FAILED';

export interface Refused {
  readonly ok: false;
  readonly reason: IssueRefusal;
  /** Status word or medium's reason, for people who look for the cause. */
  readonly detail?: string;
}

/** What a card is to this station. */
export type CardLook =
  | { readonly ok: true; readonly state: 'blank' }
  | { readonly ok: true; readonly state: 'begun'; readonly begun: BegunCard }
  | {
      readonly ok: true;
      readonly state: 'issued';
      readonly tokenId: string;
      readonly cardKind: CardKind;
      readonly keyVersion: number;
      /** All its keys have the newest generation. */
      readonly current: boolean;
    }
  | Refused;

export type Outcome = { readonly ok: true; readonly tokenId: string; readonly keyVersion: number } | Refused;

/** One card's stay at the reader of a station. Calls follow each other. */
export interface IssuingVisit {
  look(): Promise<CardLook>;
  /** Writes down, durably, what the card is to become; the card is not touched. Only for a blank one. */
  begin(order: IssueOrder): Promise<BegunCard>;
  /** Does what is left to do of what was begun, and reads the card back as a validator does. */
  finish(onStep: (step: IssueStep) => void): Promise<Outcome>;
  /** Keys of an issued card to the newest generation. */
  rekey(onStep: (step: IssueStep) => void): Promise<Outcome>;
  /** Takes off what was begun: the card is blank again. */
  wipe(): Promise<Outcome>;
}

/** The reader of a station, with the memory of cards that were begun. */
export interface IssuingReader {
  start(onCard: (visit: IssuingVisit) => Promise<void>): Promise<void>;
  stop(): Promise<void>;
  state(): import('../ports.ts').ReaderState;
  /** Cards that were begun and not finished, oldest first. */
  begun(): Promise<readonly BegunCard[]>;
  /** Forgets a begun card: it was finished, wiped, or is given up. */
  forget(tokenId: string): Promise<void>;
}
