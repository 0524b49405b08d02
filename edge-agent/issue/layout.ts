/** What an issuing station knows of layout 2 beyond what a reader does (docs/CARD-LAYOUT.md, Issuing). */
import type { NewApplication } from '../desfire/commands/card-settings.ts';
import { KEY_NAMES } from '../keys/key-provider.ts';
import { AID, DF_NAME, ISO_ID, KEY, KEY_SETTINGS, KEYS } from '../media/kvytok-desfire/layout.ts';

export const APPLICATION: NewApplication = {
  aid: AID,
  keySettings: KEY_SETTINGS,
  keys: KEYS,
  iso: { isoId: ISO_ID, dfName: DF_NAME },
};

/** Records that are written at issue, so that the newest ones can always be read. */
export const EMPTY_RECORDS = 5;

/** A key of the card with its name in the provider. */
export interface CardKeyPlace {
  readonly no: number;
  readonly name: string;
  /** False: the same on all cards. */
  readonly diversified: boolean;
}

/** The card's own key. */
export const PICC_KEY: CardKeyPlace = { no: 0, name: KEY_NAMES.desfirePicc, diversified: true };

/** In the order in which they are changed: the master key first, the key by which validators read last. */
export const APPLICATION_KEYS: readonly CardKeyPlace[] = [KEY.master, KEY.hint, KEY.uid, KEY.log, KEY.read];

/** Key of zeros with version 0, as a chip has it before anything was set. A provider that issues has it too. */
export const BLANK_KEY = { name: 'desfire-blank', version: 0 } as const;
