/** What media on DESFire have in common: which chip lies there, what the policy says of it, and its UID. */
import type { RefusalCode } from '#contracts/reason-codes.ts';
import type { HandshakeKind } from '../desfire/card-key.ts';
import { type Generation, getCardUid, getKeyVersion, getVersion } from '../desfire/commands/version.ts';
import type { DesfireCard } from '../desfire/desfire-card.ts';
import { type KeyProvider, KeysUnavailable } from '../keys/key-provider.ts';
import type { CardReading } from '../ports.ts';
import { refusalOf } from './desfire-refusals.ts';
import type { MediumSession } from './medium.ts';

/** A step of reading: what it gave, or why the card is refused. */
export type Step<T> = { readonly value: T } | { readonly reason: RefusalCode };

/** A chip that the policy takes. */
export interface Chip {
  readonly generation: Generation;
  /** As the card tells it before it is authentic; absent when it hides it. */
  readonly toldUid: Buffer | undefined;
}

/** GetVersion. An EV1 is taken where the policy says so and the keys' holder can speak it. */
export async function openChip(
  card: DesfireCard,
  policy: { readonly ev1: boolean; readonly keys: KeyProvider },
): Promise<Step<Chip>> {
  const version = await getVersion(card);
  if (!version.ok) return { reason: refusalOf(version.failure) };
  const { generation, uid } = version.value;
  if (!generation) return { reason: 'CARD_UNKNOWN' };
  const spoken = policy.ev1 && policy.keys.handshakes.has('ev1');
  if (generation === 'ev1' && !spoken) return { reason: 'MEDIUM_NOT_TAKEN' };
  card.framing = generation === 'ev1' ? 'native' : 'iso';
  return { value: { generation, toldUid: uid } };
}

/**
 * The version of a key on the card, when it is one that lives.
 * @throws KeysUnavailable where the device has no such key at all: that is no fault of the card.
 */
export async function liveVersion(
  card: DesfireCard,
  keys: KeyProvider,
  key: { readonly no: number; readonly name: string },
): Promise<Step<number>> {
  const live = keys.versions(key.name);
  if (live.length === 0) throw new KeysUnavailable(`there is no key ${key.name} on this device`);
  const version = await getKeyVersion(card, key.no);
  if (!version.ok) return { reason: refusalOf(version.failure) };
  return live.includes(version.value) ? { value: version.value } : { reason: 'CARD_UNKNOWN' };
}

/** How a session with this chip begins, or goes over to another key. */
export function handshakeOf(chip: Chip, card: DesfireCard): HandshakeKind {
  if (chip.generation === 'ev1') return 'ev1';
  return card.session ? 'ev2-non-first' : 'ev2-first';
}

/** The UID of a card that hides it, asked for in a session under a key that all cards share. */
export async function askUid(
  card: DesfireCard,
  chip: Chip,
  keys: KeyProvider,
  key: { readonly no: number; readonly name: string },
): Promise<Step<Buffer>> {
  const version = await liveVersion(card, keys, key);
  if ('reason' in version) return version;
  const uidKey = await keys.cardKey(key.name, version.value, null);
  const opened = await card.authenticate(handshakeOf(chip, card), key.no, uidKey);
  if (!opened.ok) return { reason: refusalOf(opened.failure) };
  const uid = await getCardUid(card);
  return uid.ok ? { value: uid.value } : { reason: refusalOf(uid.failure) };
}

export function refused(reason: RefusalCode): CardReading {
  return { ok: false, reason };
}

/** Reads with keys that may fail: without them the validator is out of order, whatever the card is. */
export async function withKeys(read: () => Promise<MediumSession>): Promise<MediumSession> {
  try {
    return await read();
  } catch (error) {
    if (error instanceof KeysUnavailable) return { reading: refused('VALIDATOR_OUT_OF_ORDER') };
    throw error;
  }
}
