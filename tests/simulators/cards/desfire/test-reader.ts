/** The reader's half of secure messaging, as short as a test can do with, for one virtual card. */
import { randomBytes } from 'node:crypto';
import {
  cmac,
  crc32,
  decryptCbc,
  encryptCbc,
  oddBytes,
  rotateLeft,
} from '../../../../simulators/cards/desfire/aes.ts';
import { ev1SessionKey, ev2SessionKeys } from '../../../../simulators/cards/desfire/derive-keys.ts';
import type { DesfireCard } from '../../../../simulators/cards/desfire/desfire-card.ts';

export type Mode = 'plain' | 'mac' | 'full';

/** An answer in clear: hex of the data, and the status word. */
export interface Heard {
  readonly data: string;
  readonly status: string;
}

export const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
export const unhex = (text: string): Buffer => Buffer.from(text.replaceAll(/\s/g, ''), 'hex');

export function wrap(ins: number, data: Uint8Array = new Uint8Array(0)): Buffer {
  const body = data.length === 0 ? [] : [data.length, ...data];
  return Buffer.from([0x90, ins, 0, 0, ...body, 0]);
}

/** Commands that come in one piece whatever their length. */
const WHOLE = [0x8d, 0x8b, 0xba];

/** Sends one command with all its frames; no session. */
export function plain(card: DesfireCard, ins: number, data = ''): Heard {
  const bytes = unhex(data);
  const frameBytes = WHOLE.includes(ins) ? 255 : 55;
  let answer = card.answer(wrap(ins, bytes.subarray(0, frameBytes)));
  for (let at = frameBytes; at < bytes.length; at += frameBytes) {
    if (hex(answer) !== '91af') break;
    answer = card.answer(wrap(0xaf, bytes.subarray(at, at + frameBytes)));
  }
  const parts = [answer.subarray(0, -2)];
  while (hex(answer.subarray(-2)) === '91af' && ![0x71, 0x77, 0xaa].includes(ins)) {
    answer = card.answer(wrap(0xaf));
    parts.push(answer.subarray(0, -2));
  }
  return { data: hex(Buffer.concat(parts)), status: hex(answer.subarray(-2)) };
}

export interface TestSession {
  /** A command of this mode; EV1 wants to be told where the reader sends a MAC. */
  send(ins: number, mode: Mode, header: string, data?: string, options?: SendOptions): Heard;
}
interface SendOptions {
  readonly macSent?: boolean;
  /** Bytes behind EV1's CRC; EV2 takes them as data. */
  readonly tail?: string;
  /** Length of the data in the answer, for EV1's zero padding. */
  readonly answerBytes?: number;
}

/** Authenticates by EV2First or, given a session, EV2NonFirst. Throws with the status when the card refuses. */
export function ev2(card: DesfireCard, keyNo: number, key: Uint8Array, after?: TestSession): TestSession {
  const first = after === undefined;
  const challenge = plain(card, first ? 0x71 : 0x77, first ? `0${keyNo}00` : `0${keyNo}`);
  if (challenge.status !== '91af') throw new Error(challenge.status);
  const rndB = decryptCbc(key, unhex(challenge.data));
  const rndA = randomBytes(16);
  const proof = card.answer(wrap(0xaf, encryptCbc(key, Buffer.concat([rndA, rotateLeft(rndB)]))));
  if (hex(proof.subarray(-2)) !== '9100') throw new Error(hex(proof.subarray(-2)));
  const clear = decryptCbc(key, proof.subarray(0, -2));
  const echoed = first ? clear.subarray(4, 20) : clear;
  if (!echoed.equals(rotateLeft(rndA))) throw new Error('the card does not hold the key');
  const keys = ev2SessionKeys(key, rndA, rndB);
  const before = after as Ev2TestSession | undefined;
  return ev2Session(card, {
    ...keys,
    ti: before?.state.ti ?? clear.subarray(0, 4),
    counter: before?.state.counter ?? 0,
  });
}

interface Ev2State {
  readonly enc: Buffer;
  readonly mac: Buffer;
  readonly ti: Buffer;
  counter: number;
}
interface Ev2TestSession extends TestSession {
  readonly state: Ev2State;
}

function ev2Session(card: DesfireCard, state: Ev2State): Ev2TestSession {
  const le16 = (n: number) => Buffer.of(n & 0xff, n >> 8);
  const macOf = (...parts: Uint8Array[]) => oddBytes(cmac(state.mac, Buffer.concat(parts)));
  const iv = (label: number[], counter: number) =>
    encryptCbc(state.enc, Buffer.concat([Buffer.from(label), state.ti, le16(counter), Buffer.alloc(8)]));
  return {
    state,
    send(ins, mode, header, data = '', { tail = '' } = {}) {
      const head = unhex(header);
      const clear = unhex(data + tail);
      let sent = clear;
      if (mode === 'full' && clear.length > 0) {
        const padded = Buffer.alloc(Math.ceil((clear.length + 1) / 16) * 16);
        padded.set(clear);
        padded[clear.length] = 0x80;
        sent = encryptCbc(state.enc, padded, iv([0xa5, 0x5a], state.counter));
      }
      const mac = macOf(Buffer.of(ins), le16(state.counter), state.ti, head, sent);
      const heard = plain(card, ins, hex(Buffer.concat([head, sent, ...(mode === 'plain' ? [] : [mac])])));
      state.counter += 1;
      const answer = unhex(heard.data);
      if (heard.status !== '9100' || mode === 'plain' || answer.length === 0) return heard;
      const body = answer.subarray(0, -8);
      if (!macOf(Buffer.of(0), le16(state.counter), state.ti, body).equals(answer.subarray(-8)))
        throw new Error('MAC of the answer');
      if (mode === 'mac' || body.length === 0) return { ...heard, data: hex(body) };
      const open = decryptCbc(state.enc, body, iv([0x5a, 0xa5], state.counter));
      return { ...heard, data: hex(open.subarray(0, open.lastIndexOf(0x80))) };
    },
  };
}

/** Authenticates by EV1's AES command. */
export function ev1(card: DesfireCard, keyNo: number, key: Uint8Array): TestSession {
  const challenge = plain(card, 0xaa, `0${keyNo}`);
  if (challenge.status !== '91af') throw new Error(challenge.status);
  const rndB = decryptCbc(key, unhex(challenge.data));
  const rndA = randomBytes(16);
  const sent = encryptCbc(key, Buffer.concat([rndA, rotateLeft(rndB)]), unhex(challenge.data));
  const proof = card.answer(wrap(0xaf, sent));
  if (hex(proof.subarray(-2)) !== '9100') throw new Error(hex(proof.subarray(-2)));
  if (!decryptCbc(key, proof.subarray(0, -2), sent.subarray(16)).equals(rotateLeft(rndA)))
    throw new Error('the card does not hold the key');
  return ev1Session(card, ev1SessionKey(rndA, rndB));
}

function ev1Session(card: DesfireCard, key: Buffer): TestSession {
  let iv: Buffer = Buffer.alloc(16);
  return {
    send(ins, mode, header, data = '', { macSent = false, tail = '', answerBytes } = {}) {
      const head = Buffer.concat([Buffer.of(ins), unhex(header)]);
      const clear = unhex(data);
      let sent: Buffer = clear;
      if (mode === 'full' && clear.length > 0) {
        const whole = Buffer.concat([clear, crc32(head, clear), unhex(tail)]);
        const padded = Buffer.alloc(Math.ceil(whole.length / 16) * 16);
        padded.set(whole);
        sent = encryptCbc(key, padded, iv);
        iv = sent.subarray(-16);
      } else {
        iv = cmac(key, Buffer.concat([head, clear]), { iv });
        if (mode === 'mac' && macSent) sent = Buffer.concat([clear, iv.subarray(0, 8)]);
      }
      const heard = plain(card, ins, header + hex(sent));
      const answer = unhex(heard.data);
      if (heard.status !== '9100' || answer.length === 0) return heard;
      if (mode === 'full' && answer.length % 16 === 0) {
        const open = decryptCbc(key, answer, iv);
        iv = answer.subarray(-16);
        const end = answerBytes ?? open.lastIndexOf(0x80) - 4;
        if (!crc32(open.subarray(0, end), Buffer.of(0)).equals(open.subarray(end, end + 4)))
          throw new Error('CRC of the answer');
        return { ...heard, data: hex(open.subarray(0, end)) };
      }
      const body = answer.subarray(0, -8);
      iv = cmac(key, Buffer.concat([body, Buffer.of(0)]), { iv });
      if (!iv.subarray(0, 8).equals(answer.subarray(-8))) throw new Error('MAC of the answer');
      return { ...heard, data: hex(body) };
    },
  };
}
