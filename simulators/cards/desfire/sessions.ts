/** Secure messaging as the card does it: commands are opened, answers are sealed, by session and communication mode. */
import { timingSafeEqual } from 'node:crypto';
import { BLOCK_BYTES, cmac, crc32, decryptCbc, encryptCbc, MAC_BYTES, oddBytes } from './aes.ts';
import { DES_BYTES, openDesCommand } from './des.ts';
import type { CommMode } from './eeprom.ts';

export interface Ev2Session {
  readonly kind: 'ev2';
  readonly keyNo: number;
  readonly enc: Buffer;
  readonly mac: Buffer;
  readonly ti: Buffer;
  counter: number;
}
export interface Ev1Session {
  readonly kind: 'ev1';
  readonly keyNo: number;
  readonly key: Buffer;
  iv: Buffer;
}
/** Under the factory's DES key; it takes ChangeKey alone. */
export interface DesSession {
  readonly kind: 'des';
  readonly keyNo: number;
  readonly key: Buffer;
}
export type Session = Ev2Session | Ev1Session | DesSession;

/** What a card may get wrong in its answers; a test orders one. */
export interface MessagingFlaws {
  /** Answers are made under the counter of so many commands ago. */
  readonly counterBehind?: number;
  /** Answers are made under another transaction identifier. */
  readonly wrongTi?: boolean;
  /** The end of enciphered data is not marked as it has to be. */
  readonly wrongPadding?: boolean;
  /** This byte of each MAC, 0 to 7, is wrong. */
  readonly macByte?: number;
}

/** How a command lies on the air. */
export interface CommandShape {
  readonly ins: number;
  readonly header: Uint8Array;
  readonly mode: CommMode;
  /** Bytes of data in clear. */
  readonly dataBytes: number;
  /** EV1: further bytes behind the CRC (the new key's own CRC). */
  readonly tailBytes?: number;
  /** EV1: the reader sends a MAC where the mode is MAC (commands that carry a file's data). */
  readonly macSent?: boolean;
}

/** Bytes that have to follow the header. */
export function wireBytes(session: Session | undefined, shape: Omit<CommandShape, 'header' | 'ins'>): number {
  const { mode, dataBytes, tailBytes = 0, macSent = false } = shape;
  if (session === undefined || mode === 'plain') return dataBytes;
  if (session.kind === 'des') return Math.ceil((dataBytes + 4) / DES_BYTES) * DES_BYTES;
  if (session.kind === 'ev2')
    return (mode === 'full' && dataBytes > 0 ? upToBlocks(dataBytes + tailBytes + 1) : dataBytes) + MAC_BYTES;
  if (mode === 'full' && dataBytes > 0) return upToBlocks(dataBytes + 4 + tailBytes);
  return dataBytes + (mode === 'mac' && macSent ? MAC_BYTES : 0);
}

/** The data in clear, with the tail behind them; `undefined` when MAC, CRC or padding is wrong. */
export function openCommand(
  session: Session | undefined,
  shape: CommandShape,
  body: Uint8Array,
): Buffer | undefined {
  if (session === undefined) return Buffer.from(body);
  if (session.kind === 'des') {
    const head = Buffer.concat([Uint8Array.of(shape.ins), shape.header]);
    return openDesCommand(session.key, head, body, shape.dataBytes);
  }
  return session.kind === 'ev2' ? openEv2(session, shape, body) : openEv1(session, shape, body);
}

/** The answer's bytes without status word. The session moves on. */
export function sealAnswer(
  session: Session | undefined,
  mode: CommMode,
  data: Buffer,
  options: { readonly endMarked?: boolean; readonly flaws?: MessagingFlaws } = {},
): Buffer {
  // The one command that a DES session takes ends it.
  if (session === undefined || session.kind === 'des') return data;
  if (session.kind === 'ev2') return sealEv2(session, mode, data, options.flaws ?? {});
  return sealEv1(session, mode, data, options.endMarked === true, options.flaws ?? {});
}

function openEv2(session: Ev2Session, shape: CommandShape, body: Uint8Array): Buffer | undefined {
  if (shape.mode === 'plain') return Buffer.from(body);
  const sent = body.subarray(0, body.length - MAC_BYTES);
  const counter = counterBytes(session.counter);
  const parts = [Uint8Array.of(shape.ins), counter, session.ti, shape.header, sent];
  const mac = oddBytes(cmac(session.mac, Buffer.concat(parts)));
  if (!timingSafeEqual(mac, body.subarray(body.length - MAC_BYTES))) return undefined;
  if (shape.mode === 'mac' || sent.length === 0) return Buffer.from(sent);
  const iv = encryptCbc(session.enc, ivInput([0xa5, 0x5a], session.ti, counter));
  const clear = decryptCbc(session.enc, sent, iv);
  const dataBytes = shape.dataBytes + (shape.tailBytes ?? 0);
  const padding = clear.subarray(dataBytes);
  if (padding[0] !== 0x80 || padding.subarray(1).some((byte) => byte !== 0)) return undefined;
  return clear.subarray(0, dataBytes);
}

function sealEv2(session: Ev2Session, mode: CommMode, data: Buffer, flaws: MessagingFlaws): Buffer {
  session.counter = (session.counter + 1) & 0xffff;
  if (mode === 'plain') return data;
  const counter = counterBytes((session.counter - (flaws.counterBehind ?? 0)) & 0xffff);
  const ti = flaws.wrongTi === true ? Buffer.from(session.ti.map((byte) => byte ^ 0xff)) : session.ti;
  let sent = data;
  if (mode === 'full' && data.length > 0) {
    const iv = encryptCbc(session.enc, ivInput([0x5a, 0xa5], ti, counter));
    sent = encryptCbc(session.enc, padded(data, flaws.wrongPadding === true ? 0x81 : 0x80), iv);
  }
  const mac = oddBytes(cmac(session.mac, Buffer.concat([Uint8Array.of(0), counter, ti, sent])));
  return Buffer.concat([sent, spoilt(mac, flaws.macByte)]);
}

function openEv1(session: Ev1Session, shape: CommandShape, body: Uint8Array): Buffer | undefined {
  const head = Buffer.concat([Uint8Array.of(shape.ins), shape.header]);
  if (shape.mode === 'full' && body.length > 0) {
    const clear = decryptCbc(session.key, body, session.iv);
    session.iv = Buffer.from(body.subarray(body.length - BLOCK_BYTES));
    const data = clear.subarray(0, shape.dataBytes);
    const crcEnd = shape.dataBytes + 4;
    const end = crcEnd + (shape.tailBytes ?? 0);
    if (!crc32(head, data).equals(clear.subarray(shape.dataBytes, crcEnd))) return undefined;
    if (clear.subarray(end).some((byte) => byte !== 0)) return undefined;
    return Buffer.concat([data, clear.subarray(crcEnd, end)]);
  }
  const macBytes = shape.mode === 'mac' && shape.macSent === true ? MAC_BYTES : 0;
  const data = body.subarray(0, body.length - macBytes);
  session.iv = cmac(session.key, Buffer.concat([head, data]), { iv: session.iv });
  const expected = session.iv.subarray(0, macBytes);
  return timingSafeEqual(expected, body.subarray(data.length)) ? Buffer.from(data) : undefined;
}

function sealEv1(
  session: Ev1Session,
  mode: CommMode,
  data: Buffer,
  endMarked: boolean,
  flaws: MessagingFlaws,
): Buffer {
  const status = Uint8Array.of(0);
  if (mode === 'full' && data.length > 0) {
    const clear = Buffer.concat([data, crc32(data, status)]);
    const mark = (endMarked ? 0x80 : 0x00) ^ (flaws.wrongPadding === true ? 0x01 : 0x00);
    const whole = endMarked || clear.length % BLOCK_BYTES !== 0 ? padded(clear, mark) : clear;
    const sent = encryptCbc(session.key, whole, session.iv);
    session.iv = sent.subarray(sent.length - BLOCK_BYTES);
    return sent;
  }
  session.iv = cmac(session.key, Buffer.concat([data, status]), { iv: session.iv });
  return Buffer.concat([data, spoilt(session.iv.subarray(0, MAC_BYTES), flaws.macByte)]);
}

function spoilt(mac: Buffer, at: number | undefined): Buffer {
  return at === undefined ? mac : Buffer.from(mac.map((byte, i) => (i === at ? byte ^ 0x01 : byte)));
}

function ivInput(label: readonly number[], ti: Uint8Array, counter: Uint8Array): Buffer {
  return Buffer.concat([Uint8Array.of(...label), ti, counter, Buffer.alloc(8)]);
}

/** At least one byte of padding, up to whole blocks. */
function padded(data: Uint8Array, mark: number): Buffer {
  const whole = Buffer.alloc(upToBlocks(data.length + 1));
  whole.set(data);
  whole[data.length] = mark;
  return whole;
}

function upToBlocks(bytes: number): number {
  return Math.ceil(bytes / BLOCK_BYTES) * BLOCK_BYTES;
}

function counterBytes(counter: number): Buffer {
  const bytes = Buffer.alloc(2);
  bytes.writeUInt16LE(counter);
  return bytes;
}
