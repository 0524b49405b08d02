/**
 * What the devices of one vehicle say to each other: one message in one UDP datagram, sealed with the vehicle's key. Who
 * does not have the key can neither read a token nor make a message that is opened.
 *
 *   0 `4B 4E` · 2 format `02` · 3 version of the key 2 · 5 nonce 12 · 17 AES-256-GCM ciphertext of UTF-8 JSON, with its
 *   tag of 16 bytes last
 *
 * The 5 bytes before the nonce are authenticated too. Times are ages in milliseconds at the moment of sending: the clocks
 * of two devices may differ. A repeated datagram is recognised by `boot` and `n`, one that was held back by `sentMs`
 * (`peers.ts`).
 */
import { createCipheriv, createDecipheriv } from 'node:crypto';
import { type Static, Type } from 'typebox';
import { BootId, DeviceId, EpochId, Seq, TokenId } from '#contracts/ids.ts';
import { decodeJson, parserOf } from '#contracts/parse.ts';
import type { SealingKey } from './network-keys.ts';

/** Largest datagram; it fits into one Ethernet frame. */
export const DATAGRAM_BYTES_MAX = 1400;
/** Rides and outages in one answer, as it is read. */
const ITEMS_MAX = 5;
/** As it is written: the newest says it all, and an answer must fit into a datagram. */
export const ANSWER_ITEMS_MAX = 2;
/** Other devices of the vehicle in one answer. */
export const ANSWER_PEERS_MAX = 8;

const FORMAT = Buffer.from('4b4e02', 'hex');
const HEADER_BYTES = 5;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
const CIPHER = 'aes-256-gcm';

const Age = Type.Integer({ minimum: 0, maximum: 366 * 86_400_000 });
/** Paid for in the ride; absent = none. */
const Bags = Type.Optional(Type.Integer({ minimum: 1, maximum: 20 }));
/** 128 random bits. */
const Random = Type.String({ pattern: '^[0-9a-f]{32}$' });

const sender = {
  v: Type.Literal(1),
  from: DeviceId,
  /** This run of the sender. */
  boot: BootId,
  /** Number of the message in this run, rising. */
  n: Type.Integer({ minimum: 0 }),
  /** Monotonic milliseconds of the sender when it was sent; they compare within one run only. */
  sentMs: Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER }),
};

/** The sender let a passenger on. */
export const RideMessage = Type.Object({
  ...sender,
  kind: Type.Literal('ride'),
  tokenId: TokenId,
  formerTokenId: Type.Optional(TokenId),
  epoch: EpochId,
  seq: Seq,
  ageMs: Age,
  companions: Type.Integer({ minimum: 0, maximum: 20 }),
  bags: Bags,
});
export type RideMessage = Static<typeof RideMessage>;

/** The sender is there: so that the others know of it also when nobody boards at its door. */
export const HelloMessage = Type.Object({ ...sender, kind: Type.Literal('hello') });
export type HelloMessage = Static<typeof HelloMessage>;

/** The sender has not met this run of `to` yet: is it there now, or is an old datagram sent again? */
export const WhoMessage = Type.Object({
  ...sender,
  kind: Type.Literal('who'),
  to: DeviceId,
  challenge: Random,
});
export type WhoMessage = Static<typeof WhoMessage>;

/** The answer to {@link WhoMessage}. */
export const HereMessage = Type.Object({
  ...sender,
  kind: Type.Literal('here'),
  to: DeviceId,
  challenge: Random,
});
export type HereMessage = Static<typeof HereMessage>;

/** An inspector asks every validator: did a medium ride here within this time, and were you out of order in it? */
export const AskMessage = Type.Object({
  ...sender,
  kind: Type.Literal('ask'),
  /** The answer carries it: an old answer is none. */
  question: Random,
  /** The medium's token, and the one before while a rotation runs. */
  tokenIds: Type.Array(TokenId, { minItems: 1, maxItems: 2 }),
  sinceAgeMs: Age,
});
export type AskMessage = Static<typeof AskMessage>;

export const AnswerMessage = Type.Object({
  ...sender,
  kind: Type.Literal('answer'),
  question: Random,
  /** Newest first. */
  rides: Type.Array(
    Type.Object({
      /** At whose door, where the sender only heard of it. */
      deviceId: Type.Optional(DeviceId),
      epoch: EpochId,
      seq: Seq,
      ageMs: Age,
      companions: Type.Integer({ minimum: 0, maximum: 20 }),
      bags: Bags,
    }),
    { maxItems: ITEMS_MAX },
  ),
  /** Times in which it took no cards, newest first; `untilAgeMs` null = it still takes none. */
  outOfOrder: Type.Array(Type.Object({ fromAgeMs: Age, untilAgeMs: Type.Union([Age, Type.Null()]) }), {
    maxItems: ITEMS_MAX,
  }),
  /** Other devices of the vehicle that it has heard of late, also before a restart; longest silent first. */
  peers: Type.Optional(Type.Array(DeviceId, { maxItems: ANSWER_PEERS_MAX })),
  /** So far back it can say: before, it was switched off or remembers nothing. */
  knowsSinceAgeMs: Age,
});
export type AnswerMessage = Static<typeof AnswerMessage>;

export const NeighbourMessage = Type.Union([
  RideMessage,
  HelloMessage,
  WhoMessage,
  HereMessage,
  AskMessage,
  AnswerMessage,
]);
export type NeighbourMessage = Static<typeof NeighbourMessage>;

const parse = parserOf(NeighbourMessage);

/**
 * Seals a message. `nonce` is 12 random bytes, never used again under this key.
 * @throws RangeError when the message does not fit into a datagram.
 */
export function sealMessage(
  message: NeighbourMessage,
  { version, key }: SealingKey,
  nonce: Uint8Array,
): Buffer {
  const header = headerOf(version);
  const cipher = createCipheriv(CIPHER, key, nonce).setAAD(header);
  const sealed = cipher.update(JSON.stringify(message), 'utf8');
  const datagram = Buffer.concat([header, nonce, sealed, cipher.final(), cipher.getAuthTag()]);
  if (datagram.length > DATAGRAM_BYTES_MAX)
    throw new RangeError(`a message of ${datagram.length} bytes does not fit into a datagram`);
  return datagram;
}

/** What a datagram says, and the key by which it was sealed: an answer is sealed with the same. */
export interface Opened {
  readonly message: NeighbourMessage;
  readonly key: SealingKey;
}

/** Opens a datagram; `undefined` for anything that none of these keys has sealed, or that is no message. */
export function openMessage(datagram: Uint8Array, keys: readonly SealingKey[]): Opened | undefined {
  const bytes = Buffer.from(datagram.buffer, datagram.byteOffset, datagram.byteLength);
  const tagAt = bytes.length - TAG_BYTES;
  if (bytes.length > DATAGRAM_BYTES_MAX || tagAt < HEADER_BYTES + NONCE_BYTES) return undefined;
  if (!bytes.subarray(0, FORMAT.length).equals(FORMAT)) return undefined;
  const key = keys.find(({ version }) => version === bytes.readUInt16BE(FORMAT.length));
  const opened = key && decipher(bytes, key.key, tagAt);
  if (!key || !opened) return undefined;
  const json = decodeJson(opened, DATAGRAM_BYTES_MAX);
  const message = json.ok ? parse(json.value) : json;
  return message.ok ? { message: message.value, key } : undefined;
}

function headerOf(version: number): Buffer {
  const header = Buffer.alloc(HEADER_BYTES);
  FORMAT.copy(header);
  header.writeUInt16BE(version, FORMAT.length);
  return header;
}

function decipher(bytes: Buffer, key: Uint8Array, tagAt: number): Buffer | undefined {
  const textAt = HEADER_BYTES + NONCE_BYTES;
  const nonce = bytes.subarray(HEADER_BYTES, textAt);
  const header = bytes.subarray(0, HEADER_BYTES);
  const opener = createDecipheriv(CIPHER, key, nonce, { authTagLength: TAG_BYTES }).setAAD(header);
  opener.setAuthTag(bytes.subarray(tagAt));
  try {
    return Buffer.concat([opener.update(bytes.subarray(textAt, tagAt)), opener.final()]);
  } catch {
    return undefined; // another key, or changed on the way
  }
}
