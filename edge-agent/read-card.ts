/**
 * Reads a Kvytok card, layout version 1 (docs/CARD-LAYOUT.md): select, two files, signature, token. Everything that a
 * card may say wrong ends in a reason code; nothing that it says can make this throw, hang or grow.
 *
 * The medium id lives only in this function's buffers: it is neither returned nor logged.
 */
import { createHmac, type KeyObject, verify } from 'node:crypto';
import { LANGUAGES, type Language, type RefusalCode } from '#contracts/reason-codes.ts';
import { type CardBudget, type Conversation, converse, DONE, readFile, selectByName } from './apdu.ts';
import type { CardFacts, CardKeys, CardReading, CardTransport } from './ports.ts';
import { readObjects } from './tlv.ts';

/** DF name of the application. */
export const DF_NAME = Buffer.from('f04b5659544f4b01', 'hex');

/** Most commands for one card: three are needed, a card that corrects every length needs six. */
export const CARD_APDUS_MAX = 16;

const IDENTITY = { sfi: 1, bytes: 40 } as const;
const SIGNATURE = { sfi: 2, bytes: 64 } as const;
const SIGNED_PREFIX = Buffer.from('kvytok card v1\n', 'latin1');
const MEDIUM_KINDS: Readonly<Record<number, 'social' | 'wallet'>> = { 1: 'social', 2: 'wallet' };

/**
 * Status words that say clearly "what you ask for is not on this card", as opposed to "something went wrong": no such
 * application or file, security not satisfied, function, instruction or class not known, selection failed.
 */
const NOT_OURS = new Set([0x6982, 0x6999, 0x6a81, 0x6a82, 0x6a86, 0x6a87, 0x6d00, 0x6e00, 0x6881, 0x6882]);

type Step<T> = { readonly value: T } | { readonly reason: RefusalCode };

/** Reads one card within the budget. Refuses with CARD_UNREADABLE or CARD_UNKNOWN; never rejects. */
export async function readCard(
  card: CardTransport,
  keys: CardKeys,
  budget: CardBudget,
): Promise<CardReading> {
  const conversation = converse(card, budget);
  try {
    const selected = await selectApplication(conversation);
    if (selected !== undefined) return refused(selected);
    const identity = await readWhole(conversation, IDENTITY);
    if ('reason' in identity) return refused(identity.reason);
    // A later layout has other files: say so before asking for them.
    if (identity.value[0] !== 1) return refused('CARD_UNKNOWN');
    const signature = await readWhole(conversation, SIGNATURE);
    if ('reason' in signature) return refused(signature.reason);
    const facts = checkIdentity(identity.value, signature.value, keys);
    return facts ? { ok: true, card: facts } : refused('CARD_UNKNOWN');
  } finally {
    conversation.end();
  }
}

/** `undefined` when our application answers. */
async function selectApplication(conversation: Conversation): Promise<RefusalCode | undefined> {
  const answer = await conversation.send(selectByName(DF_NAME));
  if (answer === undefined) return 'CARD_UNREADABLE';
  if (answer.status !== DONE) return NOT_OURS.has(answer.status) ? 'CARD_UNKNOWN' : 'CARD_UNREADABLE';
  const name = dfNameOf(answer.data);
  if (name === undefined) return 'CARD_UNREADABLE';
  return name.equals(DF_NAME) ? undefined : 'CARD_UNKNOWN';
}

/** The DF name in an FCI template; `undefined` when it is malformed, missing or there twice. */
function dfNameOf(fci: Buffer): Buffer | undefined {
  const outer = readObjects(fci);
  if (outer?.length !== 1 || outer[0]?.tag !== 0x6f) return undefined;
  const names = readObjects(outer[0].value)?.filter((object) => object.tag === 0x84);
  return names?.length === 1 ? names[0]?.value : undefined;
}

async function readWhole(
  conversation: Conversation,
  file: { readonly sfi: number; readonly bytes: number },
): Promise<Step<Buffer>> {
  const answer = await conversation.send(readFile(file.sfi, file.bytes));
  if (answer === undefined) return { reason: 'CARD_UNREADABLE' };
  if (NOT_OURS.has(answer.status)) return { reason: 'CARD_UNKNOWN' };
  if (answer.status !== DONE || answer.data.length !== file.bytes) return { reason: 'CARD_UNREADABLE' };
  return { value: answer.data };
}

/** Signature first, then every field; `undefined` for a card that this city did not issue so. */
function checkIdentity(identity: Buffer, signature: Buffer, keys: CardKeys): CardFacts | undefined {
  const issuerKey = keys.issuerKeys.get(identity.toString('latin1', 28, 32));
  if (!issuerKey || !signatureHolds(identity, signature, issuerKey)) return undefined;
  const mediumKind = MEDIUM_KINDS[identity.readUInt8(1)];
  const language = languageOf(identity.toString('latin1', 26, 28));
  const validFromMs = identity.readUInt32BE(18) * 1000;
  const validUntilMs = identity.readUInt32BE(22) * 1000;
  const reserved = identity.subarray(32, 40);
  if (!mediumKind || !language || validUntilMs <= validFromMs || reserved.some((byte) => byte !== 0))
    return undefined;
  return {
    tokenId: tokenIdOf(identity.subarray(2, 18), keys),
    mediumKind,
    validFromMs,
    validUntilMs,
    language,
  };
}

function signatureHolds(identity: Buffer, signature: Buffer, issuerKey: KeyObject): boolean {
  return verify(null, Buffer.concat([SIGNED_PREFIX, identity]), issuerKey, signature);
}

function languageOf(code: string): Language | undefined {
  return LANGUAGES.find((language) => language === code);
}

/** The token of a medium: what stands for its number everywhere beyond the reader. */
export function tokenIdOf(mediumId: Buffer, keys: Pick<CardKeys, 'tokenKey' | 'tokenKeyVersion'>): string {
  const mac = createHmac('sha256', keys.tokenKey).update(mediumId).digest();
  return `k${keys.tokenKeyVersion}.${mac.toString('hex', 0, 16)}`;
}

function refused(reason: RefusalCode): CardReading {
  return { ok: false, reason };
}
