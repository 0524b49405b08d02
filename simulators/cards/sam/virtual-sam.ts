/**
 * A virtual SAM (MIFARE SAM AV3, S-mode) as far as a validator needs it: the reader's side of EV2 sessions with cards, under
 * keys that never come out. Written from NXP's published reader library, independently of the edge agent; **no real SAM was
 * at hand**. What a session may get wrong on the card's side is `901E`; every other refusal is the SAM's own trouble.
 */
import { randomBytes } from 'node:crypto';
import {
  BLOCK_BYTES,
  cmac,
  decryptCbc,
  encryptCbc,
  MAC_BYTES,
  oddBytes,
  rotateLeft,
} from '../desfire/aes.ts';
import { diversifyKey, ev2SessionKeys } from '../desfire/derive-keys.ts';
import { type Command, parseCommand, status } from '../short-apdu.ts';
import type { VirtualCard } from '../virtual-card.ts';

/** Number of a key entry, and its keys by version: AES-128. */
export type SamKeyTable = ReadonlyMap<number, ReadonlyMap<number, Uint8Array>>;

const STATUS = {
  done: 0x9000,
  more: 0x90af,
  /** The card's answer does not hold: authentication, MAC, padding. */
  cryptoFailure: 0x901e,
  wrongLength: 0x6700,
  conditions: 0x6985,
  wrongData: 0x6a80,
  noSuchVersion: 0x6a82,
  unknownInstruction: 0x6d00,
} as const;
const INS = { authenticatePicc: 0x0a, applySm: 0xae, removeSm: 0xad } as const;
const P1 = { ev2First: 0x80, ev2NonFirst: 0xc0, ev2Mask: 0xc0, diversified: 0x11 } as const;
const MODE = { plain: 0x00, mac: 0x10, full: 0x30 } as const;
const CAPABILITY_BYTES = 12;
const TI_BYTES = 4;

interface Session {
  readonly enc: Buffer;
  readonly mac: Buffer;
  readonly ti: Buffer;
  counter: number;
}
interface Half {
  readonly key: Buffer;
  readonly rndA: Buffer;
  readonly rndB: Buffer;
  /** The session that goes on under another key. */
  readonly within: Session | undefined;
}

/** `TS T0 TD1 TD2`, ten historical bytes, check byte: T=0 and T=1. */
export const SAM_ATR: Uint8Array = atrOf(Buffer.from('KVYTOK SAM', 'latin1'));

function atrOf(historical: Buffer): Uint8Array {
  const body = [0x80 | historical.length, 0x80, 0x01, ...historical];
  return Uint8Array.of(
    0x3b,
    ...body,
    body.reduce((sum, byte) => sum ^ byte, 0),
  );
}

/** Makes a SAM that holds these keys. It has one session at a time, which is lost with its power. */
export function createVirtualSam(keys: SamKeyTable): VirtualCard {
  let half: Half | undefined;
  let session: Session | undefined;

  const begin = ({ p1, data = Buffer.alloc(0) }: Command): Buffer => {
    const [entry = -1, version = -1, aes] = data;
    const challenge = data.subarray(3, 3 + BLOCK_BYTES);
    const input = data.subarray(3 + BLOCK_BYTES);
    if (challenge.length !== BLOCK_BYTES || aes !== 0x00) return status(STATUS.wrongData);
    const diversified = (p1 & P1.diversified) === P1.diversified;
    if (diversified === (input.length === 0)) return status(STATUS.wrongLength);
    const master = keys.get(entry)?.get(version);
    if (!master) return status(keys.has(entry) ? STATUS.noSuchVersion : STATUS.wrongData);
    const first = (p1 & P1.ev2Mask) === P1.ev2First;
    if (!first && session === undefined) return status(STATUS.conditions);
    const key = diversified ? diversifyKey(master, input) : Buffer.from(master);
    const rndA = randomBytes(BLOCK_BYTES);
    const rndB = decryptCbc(key, challenge);
    half = { key, rndA, rndB, within: first ? undefined : session };
    return Buffer.concat([encryptCbc(key, Buffer.concat([rndA, rotateLeft(rndB)])), status(STATUS.more)]);
  };

  const finish = ({ data = Buffer.alloc(0) }: Command): Buffer => {
    const begun = half;
    half = undefined;
    if (!begun) return status(STATUS.conditions);
    const { key, rndA, rndB, within } = begun;
    if (data.length !== (within ? BLOCK_BYTES : 2 * BLOCK_BYTES)) return status(STATUS.wrongLength);
    const proof = decryptCbc(key, data);
    const turned = within ? proof : proof.subarray(TI_BYTES, TI_BYTES + BLOCK_BYTES);
    session = undefined;
    if (!turned.equals(rotateLeft(rndA))) return status(STATUS.cryptoFailure);
    const derived = ev2SessionKeys(key, rndA, rndB);
    session = within
      ? { ...within, ...derived }
      : { ...derived, ti: Buffer.from(proof.subarray(0, TI_BYTES)), counter: 0 };
    const capabilities = within ? Buffer.alloc(0) : proof.subarray(-CAPABILITY_BYTES);
    return Buffer.concat([capabilities, status(STATUS.done)]);
  };

  return {
    atr: SAM_ATR,
    reset: () => {
      half = undefined;
      session = undefined;
    },
    transmit: async (apdu) => {
      const command = parseCommand(Buffer.from(apdu));
      if (!command) return status(STATUS.wrongLength);
      const { cla, ins, p1, p2, data = Buffer.alloc(0) } = command;
      if (cla !== 0x80) return status(0x6e00);
      if (ins === INS.authenticatePicc) return p1 === 0 && half ? finish(command) : begin(command);
      if (ins !== INS.applySm && ins !== INS.removeSm) return status(STATUS.unknownInstruction);
      if (!session) return status(STATUS.conditions);
      return ins === INS.applySm ? applySm(session, p2, data) : removeSm(session, p2, data);
    },
  };
}

/** SAM_Apply_SM: of a command (in mode FULL behind the offset of its data) the protected part. */
function applySm(session: Session, mode: number, data: Buffer): Buffer {
  if (mode === MODE.plain) {
    session.counter += data[0] ?? 0;
    return status(STATUS.done);
  }
  if (mode !== MODE.mac && mode !== MODE.full) return status(STATUS.wrongData);
  const full = mode === MODE.full;
  const command = full ? data.subarray(1) : data;
  const at = full ? (data[0] as number) : command.length;
  const clear = command.subarray(at);
  const sealed = clear.length > 0 ? encryptCbc(session.enc, padded(clear), ivOf(session, 0xa5, 0x5a)) : clear;
  const header = command.subarray(1, at);
  const mac = macOf(session, command[0] as number, Buffer.concat([header, sealed]));
  session.counter += 1;
  return Buffer.concat([sealed, mac, status(STATUS.done)]);
}

/** SAM_Remove_SM: of status byte, data and MAC of an answer the data. */
function removeSm(session: Session, mode: number, data: Buffer): Buffer {
  if (data.length < 1 + MAC_BYTES) return status(STATUS.wrongLength);
  const sealed = data.subarray(1, -MAC_BYTES);
  if (!macOf(session, data[0] as number, sealed).equals(data.subarray(-MAC_BYTES)))
    return status(STATUS.cryptoFailure);
  if (mode !== MODE.full || sealed.length === 0) return Buffer.concat([sealed, status(STATUS.done)]);
  if (sealed.length % BLOCK_BYTES !== 0) return status(STATUS.cryptoFailure);
  const clear = decryptCbc(session.enc, sealed, ivOf(session, 0x5a, 0xa5));
  const end = clear.lastIndexOf(0x80);
  const marked = end >= clear.length - BLOCK_BYTES && clear.subarray(end + 1).every((byte) => byte === 0);
  return marked ? Buffer.concat([clear.subarray(0, end), status(STATUS.done)]) : status(STATUS.cryptoFailure);
}

function macOf(session: Session, code: number, body: Uint8Array): Buffer {
  const message = Buffer.concat([Uint8Array.of(code), counterOf(session), session.ti, body]);
  return oddBytes(cmac(session.mac, message));
}

function ivOf(session: Session, ...label: readonly number[]): Buffer {
  const block = Buffer.concat([Uint8Array.from(label), session.ti, counterOf(session), Buffer.alloc(8)]);
  return encryptCbc(session.enc, block);
}

function counterOf({ counter }: Session): Buffer {
  return Buffer.of(counter & 0xff, (counter >> 8) & 0xff);
}

function padded(data: Uint8Array): Buffer {
  const whole = Buffer.alloc((Math.floor(data.length / BLOCK_BYTES) + 1) * BLOCK_BYTES);
  whole.set(data);
  whole[data.length] = 0x80;
  return whole;
}
