/** From the city's list of card kinds to the media that read them, in its order. */
import type { CardMediaFile } from '#contracts/card-media.ts';
import type { PinnedKeys } from '#contracts/signed-envelope.ts';
import type { KeyProvider } from '../keys/key-provider.ts';
import { createKvytokDesfire } from './kvytok-desfire/kvytok-desfire.ts';
import { createKvytokPlain } from './kvytok-plain.ts';
import type { Medium } from './medium.ts';
import { createStrangerDesfire } from './stranger-desfire.ts';
import { createUidOnly } from './uid-only.ts';

/** What media are made with, beside the list. */
export interface MediaContext {
  readonly keys: KeyProvider;
  readonly issuerKeys: PinnedKeys;
  readonly listKeys: PinnedKeys;
  /** Takes bank cards, or says that none are taken. */
  readonly bankCard: Medium;
}

/** Makes the media of a list. */
export function createMedia({ media }: CardMediaFile, context: MediaContext): Medium[] {
  return media.map((entry) => createMedium(entry, context));
}

function createMedium(entry: CardMediaFile['media'][number], context: MediaContext): Medium {
  switch (entry.kind) {
    case 'kvytok-desfire':
      return createKvytokDesfire({ ...context, ev1: entry.ev1 === true });
    case 'kvytok-plain':
      return createKvytokPlain(context);
    case 'stranger-desfire':
      return createStrangerDesfire(entry, context.keys);
    case 'bank-card':
      return context.bankCard;
    case 'uid-only':
      return createUidOnly(entry, context.keys);
  }
}
