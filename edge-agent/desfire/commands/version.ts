/** GetVersion, GetCardUID and GetKeyVersion: which chip this is, and which generation of keys is on it. */
import { INS } from '../command.ts';
import type { DesfireCard } from '../desfire-card.ts';
import { type DesfireResult, done, failed } from '../status.ts';

/** Generations that this code speaks. */
export type Generation = 'ev1' | 'ev2' | 'ev3';

export interface CardVersion {
  /** `undefined` for another chip, or a later generation. */
  readonly generation: Generation | undefined;
  /** 7 bytes; `undefined` when the card keeps it to itself (random UID). */
  readonly uid: Buffer | undefined;
}

const UID_BYTES = 7;
/** Hardware, software and production information; a byte more on some chips. */
const VERSION_BYTES = [28, 29] as const;
const NXP = 0x04;
const DESFIRE = 0x01;

/** GetVersion. Unless it is asked within a session the answer is not authentic: it chooses a protocol, no more. */
export async function getVersion(card: DesfireCard): Promise<DesfireResult<CardVersion>> {
  const answer = await card.run({ ins: INS.getVersion, answerBytes: 'any' });
  if (!answer.ok) return answer;
  const bytes = answer.value;
  if (!VERSION_BYTES.some((length) => length === bytes.length)) return failed({ kind: 'malformed' });
  const uid = bytes.subarray(14, 14 + UID_BYTES);
  return done({
    generation: generationOf(bytes),
    uid: uid.every((byte) => byte === 0) ? undefined : uid,
  });
}

/** Vendor, type (its high nibble tells the form of the chip) and hardware major version. */
function generationOf(version: Buffer): Generation | undefined {
  const [vendor, type, , major] = version as unknown as number[];
  if (vendor !== NXP || type === undefined || major === undefined || (type & 0x0f) !== DESFIRE)
    return undefined;
  if (major === 0x01) return 'ev1';
  if (major >> 4 === 0) return undefined;
  return ({ 2: 'ev2', 3: 'ev3' } as const)[major & 0x0f];
}

/** GetCardUID, within a session: the real UID, 7 bytes, encrypted on the way. */
export function getCardUid(card: DesfireCard): Promise<DesfireResult<Buffer>> {
  return card.run({ ins: INS.getCardUid, answerBytes: UID_BYTES });
}

/** GetKeyVersion of a key of the selected application. */
export async function getKeyVersion(card: DesfireCard, keyNo: number): Promise<DesfireResult<number>> {
  const answer = await card.run({ ins: INS.getKeyVersion, header: Uint8Array.of(keyNo), answerBytes: 1 });
  return answer.ok ? done(answer.value[0] as number) : answer;
}
