/**
 * The factory's DES key: transcripts of real cards, published with the DESFire library of CodeProject 1096861 ("Elmue") and
 * used as tests by skelsec/pydesfire and patsys/desfire-python. Restated as data.
 */
import { expect, test } from 'vitest';
import { factoryCryptogram, factoryKey } from '../../../edge-agent/desfire/factory-key.ts';
import { softwareCardKey } from '../../../edge-agent/desfire/software-card-key.ts';
import { desSessionKey, encryptDesCbc, openDesCommand } from '../../../simulators/cards/desfire/des.ts';
import { createDesfireCard } from '../../../simulators/cards/desfire/desfire-card.ts';
import { factoryEeprom } from '../../../simulators/cards/desfire/eeprom.ts';

const hex = (text: string): Buffer => Buffer.from(text, 'hex');

/** Key 0^8: what each side drew and said. */
const HANDSHAKES = [
  {
    rndA: '849b36c5f8bf4a09',
    rndB: '4fd1b75942a8b8e1',
    challenge: '5d994ce085f24089',
    answer: '21d0ad5f2fd97454a746cc80567f1b1c',
    proof: '913c6ded84221c41',
    sessionKey: '849b36c54fd1b759',
  },
  {
    rndA: 'c96ce35e4d6087f2',
    challenge: 'de50f92310caf5a5',
    answer: 'e00616668704d5549c8d6a13a0f8fced',
    proof: '1d9d2954697de760',
    // As published: the parity bits of the halves are cleared.
    sessionKey: 'c86ce25e4c647e56',
  },
] as const;

test.each(HANDSHAKES)('AuthenticateISO with challenge $challenge goes as published', async (vector) => {
  const handshake = factoryKey(() => hex(vector.rndA)).begin('iso-des', 0);
  expect(Buffer.from(await handshake.answer(hex(vector.challenge))).toString('hex')).toBe(vector.answer);
  expect(await handshake.finish(hex(vector.proof))).toBeDefined();
  const spoilt = factoryKey(() => hex(vector.rndA)).begin('iso-des', 0);
  await spoilt.answer(hex(vector.challenge));
  expect(await spoilt.finish(hex(vector.proof).map((byte, at) => (at === 3 ? byte ^ 0x10 : byte)))).toBe(
    undefined,
  );
});

test('the virtual card says and takes the published bytes', () => {
  const [{ rndA, rndB, challenge, answer, proof, sessionKey }] = HANDSHAKES;
  const random = (bytes: number): Buffer => (bytes === 8 ? hex(rndB) : Buffer.alloc(bytes));
  const card = createDesfireCard({ eeprom: factoryEeprom('EV1', hex('04112233445566')), random });
  const say = (command: string) => card.answer(hex(command)).toString('hex');
  expect(say('9045000000')).toBe('0f019100');
  expect(say('901a0000010000')).toBe(`${challenge}91af`);
  expect(say(`90af000010${answer}00`)).toBe(`${proof}9100`);
  expect(desSessionKey(hex(rndA), hex(rndB)).toString('hex')).toBe(sessionKey);
  // AES under a DES key, and DES under an AES key, are no handshakes.
  expect(say('90aa0000010000')).toBe('91ae');
});

test('a new key is encrypted as published, on both sides', () => {
  // ChangeKey of key 0 to a key of two-key triple DES, which carries no version.
  const key = '00102031405060708090a0b0b0a09080';
  const session = hex('c86ce25e4c647e56');
  const header = Buffer.of(0x00);
  const sent = factoryCryptogram(session, { ins: 0xc4, header, data: hex(key) });
  expect(sent.toString('hex')).toBe('bede0fc6ed347dcf0d51c717df75d97d2c5a2ba6cac7479d');
  const head = Buffer.of(0xc4, 0x00);
  expect(openDesCommand(session, head, sent, 16)?.toString('hex')).toBe(key);
  for (let at = 0; at < sent.length; at++) {
    const spoilt = Buffer.from(sent.map((byte, i) => (i === at ? byte ^ 1 : byte)));
    expect(openDesCommand(session, head, spoilt, 16)).toBeUndefined();
  }
  expect(encryptDesCbc(hex('0000000000000000'), hex(HANDSHAKES[0].rndB)).toString('hex')).toBe(
    HANDSHAKES[0].challenge,
  );
});

test('an AES key does not open AuthenticateISO, and the factory key nothing else', () => {
  const random = (bytes: number) => Buffer.alloc(bytes);
  expect(() => softwareCardKey(Buffer.alloc(16), random).begin('iso-des', 0)).toThrow(TypeError);
  expect(() => factoryKey(random).begin('ev1', 0)).toThrow(TypeError);
});
