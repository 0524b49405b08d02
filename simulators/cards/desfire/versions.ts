/** What GetVersion tells: chip, software, and the production data of this piece. */
import type { ChipModel } from './eeprom.ts';

interface Version {
  readonly hardware: readonly [number, number];
  readonly software: readonly [number, number];
  /** 2^(n/2) bytes; an odd n means "between that and the next". */
  readonly storage: number;
}

const VERSIONS: Readonly<Record<ChipModel, Version>> = {
  EV1: { hardware: [0x01, 0x00], software: [0x01, 0x04], storage: 0x18 },
  EV2: { hardware: [0x12, 0x00], software: [0x02, 0x01], storage: 0x1a },
  EV3: { hardware: [0x33, 0x00], software: [0x03, 0x00], storage: 0x1a },
};
const NXP = 0x04;
const DESFIRE = 0x01;
const PROTOCOL = 0x05;
/** Batch number, week and year of production; no two real cards need differ in them. */
const PRODUCTION = Buffer.from('ba55ed10002621', 'hex');

/** The three frames in one piece: 7, 7 and 14 bytes. */
export function versionBytes(model: ChipModel, uid: Uint8Array): Buffer {
  const { hardware, software, storage } = VERSIONS[model];
  const part = (subtype: number, version: readonly [number, number]) =>
    Buffer.from([NXP, DESFIRE, subtype, ...version, storage, PROTOCOL]);
  return Buffer.concat([part(0x01, hardware), part(0x01, software), uid, PRODUCTION]);
}

export const VERSION_FRAME_BYTES: readonly number[] = [7, 7];
