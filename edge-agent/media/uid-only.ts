/**
 * Any chip by the number that it shows in the field. Such a number is no proof of anything: it can be written into another
 * chip. Where the city's policy does not list this medium, its cards are CARD_UNKNOWN; where it does, the number finds an
 * account, and no more.
 */
import type { UidOnly } from '#contracts/card-media.ts';
import { type Conversation, DONE } from '../apdu.ts';
import { type KeyProvider, tokensOf } from '../keys/key-provider.ts';
import { refused, withKeys } from './desfire-chip.ts';
import type { Medium, OpenedMedium } from './medium.ts';

/** PC/SC part 3, 3.2.2.1.3: Get Data, answered by the reader itself. */
const GET_UID = Uint8Array.of(0xff, 0xca, 0x00, 0x00, 0x00);
/** ISO/IEC 14443-3: a number of 4 bytes that begins so is drawn anew at each presentation. */
const RANDOM_UID = 0x08;
const PREFIX = Buffer.from('uid\n', 'latin1');
/** A chip's number has no end that a reader could see. */
export const NO_END_MS = 0xffffffff * 1000;

export function createUidOnly(policy: UidOnly, keys: KeyProvider): Medium {
  return {
    name: 'uid-only',
    apdusMax: 2,
    open: (talk) => open(talk, policy, keys),
  };
}

async function open(talk: Conversation, policy: UidOnly, keys: KeyProvider): Promise<OpenedMedium> {
  const answer = await talk.send(GET_UID);
  if (!answer) return { reading: refused('CARD_UNREADABLE') };
  const uid = answer.data;
  if (answer.status !== DONE || !policy.uidBytes.some((bytes) => bytes === uid.length)) return 'not-mine';
  if (uid.length === 4 && uid[0] === RANDOM_UID) return 'not-mine';
  return withKeys(async () => {
    const tokens = await tokensOf(Buffer.concat([PREFIX, uid]), keys);
    const { mediumKind, language } = policy;
    const card = { ...tokens, mediumKind, language, validFromMs: 0, validUntilMs: NO_END_MS };
    return { reading: { ok: true, card } };
  });
}
