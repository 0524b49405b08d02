/** Both sides prove that they hold a key: AuthenticateEV2First (71), EV2NonFirst (77), Authenticate AES of EV1 (AA). */
import { BLOCK_BYTES, decryptCbc, encryptCbc, rotateLeft } from './aes.ts';
import type { Chip, HalfAuthentication } from './chip.ts';
import { ev1SessionKey, ev2SessionKeys } from './derive-keys.ts';
import { DES_BYTES, decryptDesCbc, desSessionKey, encryptDesCbc } from './des.ts';
import { activeKeys, type StoredKey } from './eeprom.ts';
import { done, type Outcome, refuse, STATUS } from './status.ts';

export const AUTHENTICATE = { ev2First: 0x71, ev2NonFirst: 0x77, ev1Aes: 0xaa, iso: 0x1a } as const;
const CAPABILITY_BYTES = 6;

/** The first half: the card's challenge under the key. */
export function beginAuthentication(chip: Chip, ins: number, body: Buffer): Outcome {
  const keyNo = body[0];
  if (keyNo === undefined) return refuse(STATUS.length);
  const capabilities = capabilitiesOf(ins, body);
  if (capabilities === undefined) return refuse(STATUS.length);
  if (ins === AUTHENTICATE.ev2NonFirst && chip.ram.session?.kind !== 'ev2')
    return refuse(STATUS.authentication);
  const key = keyOf(chip, keyNo);
  if (key === undefined) return refuse(STATUS.noSuchKey);
  // Each key has its own kind of handshake.
  if ((ins === AUTHENTICATE.iso) !== (key.des === true)) return refuse(STATUS.authentication);
  if (key.des) {
    const rndB = chip.random(DES_BYTES);
    const challenge = encryptDesCbc(key.bytes, rndB);
    chip.ram.half = { ins, keyNo, rndB, context: challenge };
    return { status: STATUS.more, data: challenge };
  }
  const rndB = chip.random(BLOCK_BYTES);
  const challenge = encryptCbc(key.bytes, rndB);
  const context = ins === AUTHENTICATE.ev1Aes ? challenge : capabilities;
  chip.ram.half = { ins, keyNo, rndB, context };
  return { status: STATUS.more, data: challenge };
}

/** The second half: the reader's proof, and the card's. */
export function finishAuthentication(chip: Chip, body: Buffer): Outcome {
  const half = chip.ram.half;
  chip.ram.half = undefined;
  const key = half && keyOf(chip, half.keyNo);
  if (half === undefined || key === undefined) return refuse(STATUS.illegal);
  if (key.des) return finishDes(chip, half, key.bytes, body);
  if (body.length !== 2 * BLOCK_BYTES) return refuse(STATUS.length);
  const ev1 = half.ins === AUTHENTICATE.ev1Aes;
  const proof = decryptCbc(key.bytes, body, ev1 ? half.context : undefined);
  const rndA = proof.subarray(0, BLOCK_BYTES);
  if (!rotateLeft(half.rndB).equals(proof.subarray(BLOCK_BYTES))) return refuse(STATUS.authentication);
  const { keyNo, rndB } = half;
  if (ev1) {
    chip.ram.session = { kind: 'ev1', keyNo, key: ev1SessionKey(rndA, rndB), iv: Buffer.alloc(BLOCK_BYTES) };
    return done(encryptCbc(key.bytes, rotateLeft(rndA), body.subarray(BLOCK_BYTES)));
  }
  const keys = ev2SessionKeys(key.bytes, rndA, rndB);
  const before = chip.ram.session;
  if (half.ins === AUTHENTICATE.ev2NonFirst) {
    if (before?.kind !== 'ev2') return refuse(STATUS.authentication);
    chip.ram.session = { ...before, keyNo, ...keys };
    return done(encryptCbc(key.bytes, rotateLeft(rndA)));
  }
  const ti = chip.random(4);
  chip.ram.session = { kind: 'ev2', keyNo, ...keys, ti, counter: 0 };
  const answer = Buffer.concat([ti, rotateLeft(rndA), Buffer.alloc(CAPABILITY_BYTES), half.context]);
  return done(encryptCbc(key.bytes, answer));
}

/** AuthenticateISO: CBC runs through all three passes. */
function finishDes(chip: Chip, half: HalfAuthentication, key: Buffer, body: Buffer): Outcome {
  if (body.length !== 2 * DES_BYTES) return refuse(STATUS.length);
  const proof = decryptDesCbc(key, body, half.context);
  const rndA = proof.subarray(0, DES_BYTES);
  if (!rotateLeft(half.rndB).equals(proof.subarray(DES_BYTES))) return refuse(STATUS.authentication);
  chip.ram.session = { kind: 'des', keyNo: half.keyNo, key: desSessionKey(rndA, half.rndB) };
  return done(encryptDesCbc(key, rotateLeft(rndA), body.subarray(DES_BYTES)));
}

/** The reader's capabilities, filled up; `undefined` when the command's form is wrong. */
function capabilitiesOf(ins: number, body: Buffer): Buffer | undefined {
  const filled = Buffer.alloc(CAPABILITY_BYTES);
  if (ins !== AUTHENTICATE.ev2First) return body.length === 1 ? filled : undefined;
  const bytes = body[1];
  if (bytes === undefined || bytes > CAPABILITY_BYTES || body.length !== 2 + bytes) return undefined;
  filled.set(body.subarray(2));
  return filled;
}

function keyOf(chip: Chip, keyNo: number): StoredKey | undefined {
  if (chip.ram.app === undefined) return keyNo === 0 ? chip.eeprom.masterKey : undefined;
  return activeKeys(chip.ram.app)[keyNo];
}
