import { createCipheriv } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { cmac } from '../../../edge-agent/desfire/aes.ts';
import { jamCrc } from '../../../edge-agent/desfire/bytes.ts';
import { Ev1Channel, ev1SessionKey } from '../../../edge-agent/desfire/ev1-channel.ts';
import { softwareCardKey } from '../../../edge-agent/desfire/software-card-key.ts';
import { knownRandom, mutations, resized } from './scripted-card.ts';
import * as V from './vectors.ts';
import { hex } from './vectors.ts';

const never = knownRandom();
const NONE = Buffer.alloc(0);
const SESSION = hex('C2A1E47BD8100044FE6D00A74D7AB17C');
const OK = Uint8Array.of(0);

function encrypted(iv: Uint8Array, data: Buffer): Buffer {
  const filled = Buffer.concat([data, Buffer.alloc((16 - (data.length % 16)) % 16)]);
  return createCipheriv('aes-128-cbc', SESSION, iv).setAutoPadding(false).update(filled);
}

describe('AuthenticateAES', () => {
  test('the passes are chained', () => {
    const { key, rndA, challenge, answer } = V.EV1_HANDSHAKE;
    const handshake = softwareCardKey(hex(key), knownRandom(rndA)).begin('ev1', 0);
    expect(handshake.answer(hex(challenge))).toEqual(hex(answer));
  });
  test('the proof is chained to what was sent; the session key is quarters of both randoms', async () => {
    const { key, rndA, rndB, challenge, answer } = V.EV1_HANDSHAKE;
    const iv = hex(answer).subarray(16);
    const turned = Buffer.concat([hex(rndA).subarray(1), hex(rndA).subarray(0, 1)]);
    const proof = createCipheriv('aes-128-cbc', hex(key), iv).setAutoPadding(false).update(turned);
    const finish = async (bytes: Uint8Array) => {
      const handshake = softwareCardKey(hex(key), knownRandom(rndA)).begin('ev1', 0);
      await handshake.answer(hex(challenge));
      return handshake.finish(bytes);
    };
    const channel = (await finish(proof)) as Ev1Channel;
    const expected = new Ev1Channel(0, hex('01010101 306CB0EA 01010101 808AE3C8'));
    expect(ev1SessionKey(hex(rndA), hex(rndB))).toEqual(hex('01010101 306CB0EA 01010101 808AE3C8'));
    const command = { ins: 0xbd, header: hex('01'), data: NONE, mode: 'full', macSent: false } as const;
    channel.protect(command);
    expected.protect(command);
    const write = { ...command, ins: 0x3d, data: hex('02') };
    expect(channel.protect(write)).toEqual(expected.protect(write));
    for (const changed of mutations(`${proof.toString('hex')}9100`))
      expect(await finish(hex(changed).subarray(0, -2)), changed).toBeUndefined();
  });
});

describe('ChangeKey', () => {
  test.each(V.EV1_CHANGE_KEY)('$name', ({ session, iv, keyNo, newKey, oldKey, version, sent }) => {
    const channel = new Ev1Channel(0, hex(session), hex(iv));
    const body = channel.protectKeyChange({
      ins: 0xc4,
      header: Uint8Array.of(keyNo),
      newKey: softwareCardKey(hex(newKey), never),
      newVersion: version,
      oldKey: oldKey === undefined ? undefined : softwareCardKey(hex(oldKey), never),
    });
    expect(body.subarray(1)).toEqual(hex(sent));
  });
});

describe('the running IV', () => {
  test('a command moves it by its MAC, which is sent with data written in mode MAC alone', () => {
    const message = hex('BD01000000100000');
    const mac = cmac(SESSION, message);
    const channel = new Ev1Channel(1, SESSION);
    const command = {
      ins: 0xbd,
      header: message.subarray(1),
      data: NONE,
      mode: 'mac',
      macSent: false,
    } as const;
    expect(channel.protect(command)).toEqual(message.subarray(1));
    const answered = cmac(SESSION, Buffer.concat([hex('AABB'), OK]), undefined, mac);
    const answer = Buffer.concat([hex('AABB'), answered.subarray(0, 8)]);
    expect(channel.open(answer, { mode: 'mac', bytes: 2 })).toEqual(hex('AABB'));
    const write = { ins: 0x3d, header: hex('01'), data: hex('CC'), mode: 'mac', macSent: true } as const;
    const next = cmac(SESSION, hex('3D01CC'), undefined, answered);
    expect(channel.protect(write)).toEqual(Buffer.concat([hex('01CC'), next.subarray(0, 8)]));
  });
  test('an encrypted answer is data, CRC and zeros, chained to the command', () => {
    const iv = cmac(SESSION, hex('BD01'));
    const data = Buffer.alloc(20, 0x42);
    const answer = encrypted(iv, Buffer.concat([data, jamCrc(data, OK)]));
    const ask = (): Ev1Channel => {
      const channel = new Ev1Channel(1, SESSION);
      channel.protect({ ins: 0xbd, header: hex('01'), data: NONE, mode: 'full', macSent: false });
      return channel;
    };
    expect(ask().open(answer, { mode: 'full', bytes: 20 })).toEqual(data);
    expect(ask().open(answer, { mode: 'full', bytes: 'any' })).toEqual(data);
    expect(ask().open(answer, { mode: 'full', bytes: 19 })).toBeUndefined();
    expect(new Ev1Channel(1, SESSION).open(answer, { mode: 'full', bytes: 20 })).toBeUndefined();
    const text = `${answer.toString('hex')}9100`;
    for (const changed of [...mutations(text), ...resized(text)]) {
      const bytes = hex(changed).subarray(0, -2);
      expect(ask().open(bytes, { mode: 'full', bytes: 20 }), changed).toBeUndefined();
      expect(ask().open(bytes, { mode: 'full', bytes: 'any' }), changed).toBeUndefined();
    }
  });
  test('an encrypted command is data, CRC over command and data, and zeros; its answer has a MAC', () => {
    const channel = new Ev1Channel(2, SESSION);
    const data = Buffer.alloc(32, 0x17);
    const header = hex('02000000200000');
    const body = channel.protect({ ins: 0x3b, header, data, mode: 'full', macSent: true });
    const crc = jamCrc(hex('3B'), header, data);
    const sent = encrypted(Buffer.alloc(16), Buffer.concat([data, crc]));
    expect(body).toEqual(Buffer.concat([header, sent]));
    const mac = cmac(SESSION, OK, undefined, sent.subarray(-16)).subarray(0, 8);
    expect(channel.open(mac, { mode: 'full', bytes: 0 })).toEqual(NONE);
  });
  test('no changed byte of a MACed answer passes', () => {
    const mac = cmac(SESSION, Buffer.concat([hex('1122'), OK]))
      .subarray(0, 8)
      .toString('hex');
    const answer = `1122${mac}9100`;
    for (const changed of [...mutations(answer), ...resized(answer)]) {
      const channel = new Ev1Channel(2, SESSION);
      expect(channel.open(hex(changed).subarray(0, -2), { mode: 'mac', bytes: 2 }), changed).toBeUndefined();
    }
  });
});
