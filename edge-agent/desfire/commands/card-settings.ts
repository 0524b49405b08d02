/** Applications and the card itself: what an issuing station needs beside files. */
import { INS } from '../command.ts';
import type { DesfireCard } from '../desfire-card.ts';
import { type DesfireResult, done, failed } from '../status.ts';
import { nothingOf } from './contents.ts';

/** AID of the card itself. */
export const PICC_AID: Uint8Array = Uint8Array.of(0, 0, 0);
const APPLICATIONS_MAX = 256;

/** An application to be made, AES keys. */
export interface NewApplication {
  /** As it is sent. */
  readonly aid: Uint8Array;
  readonly keySettings: number;
  /** 1 to 14. */
  readonly keys: number;
  /** With ISO file ids for its files; `isoId` and `dfName` are its own. */
  readonly iso?: { readonly isoId: number; readonly dfName: Uint8Array };
}

/** CreateApplication, at PICC level. */
export async function createApplication(
  card: DesfireCard,
  order: NewApplication,
): Promise<DesfireResult<void>> {
  const AES = 0x80;
  const ISO_FILE_IDS = 0x20;
  if (order.keys < 1 || order.keys > 14) throw new RangeError('an application has 1 to 14 keys');
  const { iso } = order;
  const names = iso ? [iso.isoId & 0xff, iso.isoId >> 8, ...iso.dfName] : [];
  const settings = [order.keySettings, AES | (iso ? ISO_FILE_IDS : 0) | order.keys];
  const header = Uint8Array.from([...order.aid, ...settings, ...names]);
  return nothingOf(await card.run({ ins: INS.createApplication, header, answerBytes: 0 }));
}

export async function deleteApplication(card: DesfireCard, aid: Uint8Array): Promise<DesfireResult<void>> {
  return nothingOf(await card.run({ ins: INS.deleteApplication, header: aid, answerBytes: 0 }));
}

/** GetApplicationIDs, as they are sent. */
export async function getApplicationIds(card: DesfireCard): Promise<DesfireResult<Buffer[]>> {
  const answer = await card.run({ ins: INS.getApplicationIds, answerBytes: 'any' });
  if (!answer.ok) return answer;
  const count = answer.value.length / 3;
  if (!Number.isInteger(count) || count > APPLICATIONS_MAX) return failed({ kind: 'malformed' });
  return done(Array.from({ length: count }, (_, index) => answer.value.subarray(3 * index, 3 * index + 3)));
}

/** GetFreeMemory, bytes. */
export async function getFreeMemory(card: DesfireCard): Promise<DesfireResult<number>> {
  const answer = await card.run({ ins: INS.getFreeMemory, answerBytes: 3 });
  return answer.ok ? done(answer.value.readUIntLE(0, 3)) : answer;
}

/** FormatPICC: deletes all applications and files. */
export async function formatCard(card: DesfireCard): Promise<DesfireResult<void>> {
  return nothingOf(await card.run({ ins: INS.formatPicc, answerBytes: 0 }));
}

/** Settings of the selected application or card, and how many keys it has. */
export async function getKeySettings(
  card: DesfireCard,
): Promise<DesfireResult<{ settings: number; keysAndType: number }>> {
  const answer = await card.run({ ins: INS.getKeySettings, answerBytes: 'any' });
  if (!answer.ok) return answer;
  const [settings, keysAndType] = answer.value;
  return settings === undefined || keysAndType === undefined
    ? failed({ kind: 'malformed' })
    : done({ settings, keysAndType });
}

export async function changeKeySettings(card: DesfireCard, settings: number): Promise<DesfireResult<void>> {
  const data = Uint8Array.of(settings);
  return nothingOf(await card.run({ ins: INS.changeKeySettings, data, answerBytes: 0 }));
}

/** SetConfiguration: an option and its bytes, e.g. 0 with `02` for random UID. Most of it cannot be undone. */
export async function setConfiguration(
  card: DesfireCard,
  option: number,
  data: Uint8Array,
): Promise<DesfireResult<void>> {
  const header = Uint8Array.of(option);
  return nothingOf(await card.run({ ins: INS.setConfiguration, header, data, answerBytes: 0 }));
}
