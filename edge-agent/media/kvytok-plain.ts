/**
 * A Kvytok card, layout version 1 (docs/CARD-LAYOUT.md): select, two files, signature, token. Everything that a card may
 * say wrong ends in a reason code; nothing that it says can make this throw, hang or grow.
 *
 * The medium id lives only in this file's buffers: it is neither returned nor logged.
 */
import { type KeyObject, verify } from 'node:crypto';
import { LANGUAGES, type Language, type RefusalCode } from '#contracts/reason-codes.ts';
import type { PinnedKeys } from '#contracts/signed-envelope.ts';
import { type Conversation, DONE, isCheckingError, readFile, selectByName } from '../apdu.ts';
import { type KeyProvider, tokensOf } from '../keys/key-provider.ts';
import type { CardFacts, CardReading } from '../ports.ts';
import { readObjects } from '../tlv.ts';
import type { Medium, OpenedMedium } from './medium.ts';

/** DF name of the application. */
export const DF_NAME = Buffer.from('f04b5659544f4b01', 'hex');

/** Most commands for one card: three are needed, a card that corrects every length needs six. */
const CARD_APDUS_MAX = 16;

/** What it takes to check and to name a card of this layout. */
export interface PlainCardKeys {
  /** Public keys of the city's card issuers, by key id. */
  readonly issuerKeys: PinnedKeys;
  /** Holds the key under which a medium id becomes a token. */
  readonly keys: KeyProvider;
}

const IDENTITY = { sfi: 1, bytes: 40 } as const;
const SIGNATURE = { sfi: 2, bytes: 64 } as const;
const SIGNED_PREFIX = Buffer.from('kvytok card v1\n', 'latin1');
const MEDIUM_KINDS: Readonly<Record<number, 'social' | 'wallet'>> = { 1: 'social', 2: 'wallet' };

/** The application is there and was invalidated. */
const INVALIDATED = 0x6283;

type Step<T> = { readonly value: T } | { readonly reason: RefusalCode };

/** The medium of layout 1. Refuses with CARD_UNREADABLE, CARD_UNKNOWN, CARD_LOCKED or CARD_NOT_GENUINE. */
export function createKvytokPlain(keys: PlainCardKeys): Medium {
  return {
    name: 'kvytok-plain',
    apdusMax: CARD_APDUS_MAX,
    async open(talk): Promise<OpenedMedium> {
      const selected = await selectApplication(talk);
      if (selected === 'not-mine') return selected;
      return { reading: selected === undefined ? await readFiles(talk, keys) : refused(selected) };
    },
  };
}

async function readFiles(talk: Conversation, keys: PlainCardKeys): Promise<CardReading> {
  const identity = await readWhole(talk, IDENTITY);
  if ('reason' in identity) return refused(identity.reason);
  // A later layout has other files: say so before asking for them.
  if (identity.value[0] !== 1) return refused('CARD_UNKNOWN');
  const signature = await readWhole(talk, SIGNATURE);
  if ('reason' in signature) return refused(signature.reason);
  const issuerKey = keys.issuerKeys.get(identity.value.toString('latin1', 28, 32));
  if (!issuerKey) return refused('CARD_UNKNOWN');
  if (!signatureHolds(identity.value, signature.value, issuerKey)) return refused('CARD_NOT_GENUINE');
  const facts = factsOf(identity.value);
  if (!facts) return refused('CARD_UNKNOWN');
  return { ok: true, card: { ...facts, ...(await tokensOf(identity.value.subarray(2, 18), keys.keys)) } };
}

/** `undefined` when our application answers. */
async function selectApplication(talk: Conversation): Promise<RefusalCode | 'not-mine' | undefined> {
  const answer = await talk.send(selectByName(DF_NAME));
  if (answer === undefined) return 'CARD_UNREADABLE';
  if (answer.status === INVALIDATED) return 'CARD_LOCKED';
  if (answer.status !== DONE) return isCheckingError(answer.status) ? 'not-mine' : 'CARD_UNREADABLE';
  const name = dfNameOf(answer.data);
  if (name === undefined) return 'CARD_UNREADABLE';
  return name.equals(DF_NAME) ? undefined : 'not-mine';
}

/** The DF name in an FCI template; `undefined` when it is malformed, missing or there twice. */
function dfNameOf(fci: Buffer): Buffer | undefined {
  const outer = readObjects(fci);
  if (outer?.length !== 1 || outer[0]?.tag !== 0x6f) return undefined;
  const names = readObjects(outer[0].value)?.filter((object) => object.tag === 0x84);
  return names?.length === 1 ? names[0]?.value : undefined;
}

async function readWhole(
  talk: Conversation,
  file: { readonly sfi: number; readonly bytes: number },
): Promise<Step<Buffer>> {
  const answer = await talk.send(readFile(file.sfi, file.bytes));
  if (answer === undefined) return { reason: 'CARD_UNREADABLE' };
  if (isCheckingError(answer.status)) return { reason: 'CARD_UNKNOWN' };
  if (answer.status !== DONE || answer.data.length !== file.bytes) return { reason: 'CARD_UNREADABLE' };
  return { value: answer.data };
}

/** Every field; `undefined` for a card that this city does not issue so. */
function factsOf(identity: Buffer): Omit<CardFacts, 'tokenId'> | undefined {
  const mediumKind = MEDIUM_KINDS[identity.readUInt8(1)];
  const language = languageOf(identity.toString('latin1', 26, 28));
  const validFromMs = identity.readUInt32BE(18) * 1000;
  const validUntilMs = identity.readUInt32BE(22) * 1000;
  const reserved = identity.subarray(32, 40);
  if (!mediumKind || !language || validUntilMs <= validFromMs || reserved.some((byte) => byte !== 0))
    return undefined;
  return { mediumKind, validFromMs, validUntilMs, language };
}

function signatureHolds(identity: Buffer, signature: Buffer, issuerKey: KeyObject): boolean {
  return verify(null, Buffer.concat([SIGNED_PREFIX, identity]), issuerKey, signature);
}

function languageOf(code: string): Language | undefined {
  return LANGUAGES.find((language) => language === code);
}

function refused(reason: RefusalCode): CardReading {
  return { ok: false, reason };
}
