import { describe, expect, test } from 'vitest';
import { encryptBlock } from '../../../edge-agent/desfire/aes.ts';
import { commitTransaction, writeData } from '../../../edge-agent/desfire/commands/contents.ts';
import { openDesfire } from '../../../edge-agent/desfire/desfire-card.ts';
import { Ev2Channel } from '../../../edge-agent/desfire/ev2-channel.ts';
import { wrapped } from '../../../edge-agent/desfire/frames.ts';
import { softwareCardKey } from '../../../edge-agent/desfire/software-card-key.ts';
import { transactionMacKeys } from '../../../edge-agent/desfire/transaction-mac.ts';
import { type Exchange, knownRandom, mutations, resized, scripted } from './scripted-card.ts';
import * as V from './vectors.ts';
import { hex } from './vectors.ts';

const [TABLE14, , TABLE19] = V.EV2_FIRST as [V.HandshakeVector, V.HandshakeVector, V.HandshakeVector];

function channelOf({ enc, mac, ti, counter }: V.SessionVector): Ev2Channel {
  return new Ev2Channel(0, { encKey: hex(enc), macKey: hex(mac), ti: hex(ti), counter });
}

/** Both APDUs of an AuthenticateEV2First. */
function firstPasses({ keyNo, challenge, answer, proof }: V.HandshakeVector): Exchange[] {
  return [
    [`907100000 2${keyNo.toString(16).padStart(2, '0')}0000`, `${challenge}91AF`],
    [`90AF000020${answer}00`, `${proof}9100`],
  ];
}

async function authenticated(vector: V.HandshakeVector, ...more: readonly Exchange[]) {
  const talk = scripted(...firstPasses(vector), ...more);
  const card = openDesfire(talk);
  const key = softwareCardKey(hex(vector.key), knownRandom(vector.rndA));
  expect(await card.authenticate('ev2-first', vector.keyNo, key)).toEqual({ ok: true, value: undefined });
  return { card, talk };
}

/** An answer's data as the channel would open them. */
function opened(session: V.SessionVector, mode: 'mac' | 'full', answer: string) {
  return channelOf(session).open(hex(answer).subarray(0, -2), { mode, bytes: 'any' });
}

describe('AuthenticateEV2First', () => {
  test.each(V.EV2_FIRST)('$name: APDUs, session keys, transaction, capabilities', async (vector) => {
    const { card, talk } = await authenticated(vector);
    expect(talk.left).toBe(0);
    const session = card.session as Ev2Channel;
    expect(session.place).toEqual({ ti: hex(vector.ti), counter: 0 });
    expect(session.capabilities).toEqual({ card: Buffer.alloc(6), reader: Buffer.alloc(6) });
    const same = channelOf({ ...vector, counter: 0 });
    const command = { ins: 0x8d, header: hex('01'), data: hex('0203'), mode: 'full', macSent: true } as const;
    expect(session.protect(command)).toEqual(same.protect(command));
  });
  test.each(V.EV2_FIRST)('$name: no changed byte of the proof passes, no other length', async (vector) => {
    const [first, second] = firstPasses(vector) as [Exchange, Exchange];
    for (const proof of [...mutations(second[1]), ...resized(second[1])]) {
      const card = openDesfire(scripted(first, [second[0], proof]));
      const key = softwareCardKey(hex(vector.key), knownRandom(vector.rndA));
      expect((await card.authenticate('ev2-first', vector.keyNo, key)).ok, proof).toBe(false);
      expect(card.session).toBeUndefined();
    }
  });
  test('capabilities of ours are sent, and must come back', async () => {
    const key = softwareCardKey(hex(TABLE14.key), knownRandom(TABLE14.rndA));
    const card = openDesfire(
      scripted(
        ['907100000400020100 00', `${TABLE14.challenge}91AF`],
        [`90AF000020${TABLE14.answer}00`, `${TABLE14.proof}9100`],
      ),
    );
    const told = await card.authenticate('ev2-first', 0, key, { capabilities: hex('0100') });
    expect(told).toEqual({ ok: false, failure: { kind: 'not-genuine' } });
  });
});

describe('AuthenticateEV2NonFirst and ChangeKey (AN12196 tables 19 to 26)', () => {
  test('the key changes within the transaction, the counter goes on', async () => {
    const { card } = await authenticated(TABLE19);
    const within = card.session as Ev2Channel;
    const key = softwareCardKey(hex(TABLE19.key), knownRandom(V.EV2_NON_FIRST.rndA));
    const handshake = key.begin('ev2-non-first', 0, within);
    expect(handshake.answer(hex(V.EV2_NON_FIRST.challenge))).toEqual(hex(V.EV2_NON_FIRST.answer));
  });
  test('a plain write moves the counter; another key, then the own key', () => {
    const channel = channelOf(V.CHANGE_KEY.session);
    const { plainWrite, other, own } = V.CHANGE_KEY;
    const header = hex('010E0000120000');
    const plain = { ins: 0x8d, header, data: hex(plainWrite.data), mode: 'plain', macSent: true } as const;
    expect(wrapped(0x8d, channel.protect(plain))).toEqual(new Uint8Array(hex(plainWrite.command)));
    expect(channel.open(Buffer.alloc(0), { mode: 'plain', bytes: 0 })).toEqual(Buffer.alloc(0));

    const never = knownRandom();
    const oldKey = softwareCardKey(Buffer.alloc(16), never);
    const changed = channel.protectKeyChange({
      ins: 0xc4,
      header: Uint8Array.of(other.keyNo),
      newKey: softwareCardKey(hex(other.newKey), never),
      newVersion: 1,
      oldKey,
    });
    expect(wrapped(0xc4, changed)).toEqual(new Uint8Array(hex(other.command)));
    expect(channel.open(hex(other.answer).subarray(0, -2), { mode: 'mac', bytes: 0 })).toBeDefined();

    const last = channel.protectKeyChange({
      ins: 0xc4,
      header: Uint8Array.of(own.keyNo),
      newKey: softwareCardKey(hex(own.newKey), never),
      newVersion: 1,
    });
    expect(wrapped(0xc4, last)).toEqual(new Uint8Array(hex(own.command)));
  });
});

describe('modes MAC and FULL', () => {
  test('GetFileSettings in mode MAC (table 7)', () => {
    const channel = channelOf(V.FILE_SETTINGS.session);
    const none = Buffer.alloc(0);
    const body = channel.protect({ ins: 0xf5, header: hex('02'), data: none, mode: 'mac', macSent: true });
    expect(wrapped(0xf5, body)).toEqual(new Uint8Array(hex(V.FILE_SETTINGS.command)));
    expect(opened(V.FILE_SETTINGS.session, 'mac', V.FILE_SETTINGS.answer)).toEqual(hex(V.FILE_SETTINGS.data));
  });
  test('GetCardUID (table 28)', () => {
    const channel = channelOf(V.CARD_UID.session);
    const none = Buffer.alloc(0);
    const body = channel.protect({ ins: 0x51, header: none, data: none, mode: 'full', macSent: true });
    expect(wrapped(0x51, body)).toEqual(new Uint8Array(hex(V.CARD_UID.command)));
    expect(opened(V.CARD_UID.session, 'full', V.CARD_UID.answer)).toEqual(hex(V.CARD_UID.uid));
  });
  test('WriteData and ReadData in mode MAC (AN12343)', () => {
    const { session, write, read } = V.MAC_MODE;
    const channel = channelOf(session);
    const none = Buffer.alloc(0);
    const sent = channel.protect({
      ins: 0x8d,
      header: hex(write.header),
      data: hex(write.data),
      mode: 'mac',
      macSent: true,
    });
    expect(sent).toEqual(hex(write.header + write.data + write.mac));
    expect(channel.open(hex(write.answer), { mode: 'mac', bytes: 0 })).toEqual(none);
    const asked = channel.protect({
      ins: 0xad,
      header: hex(read.header),
      data: none,
      mode: 'mac',
      macSent: true,
    });
    expect(asked).toEqual(hex(read.header + read.mac));
    expect(channel.open(hex(read.data + read.answerMac), { mode: 'mac', bytes: 48 })).toEqual(hex(read.data));
  });
  test('WriteData and ChangeFileSettings in mode FULL, in one session (tables 14, 17, 18)', async () => {
    const { card, talk } = await authenticated(
      TABLE14,
      [V.WRITE_DATA.command, V.WRITE_DATA.answer],
      [V.CHANGE_FILE_SETTINGS.command, V.CHANGE_FILE_SETTINGS.answer],
    );
    const part = { fileNo: 2, offset: 0, mode: 'full' } as const;
    expect(await writeData(card, part, hex(V.WRITE_DATA.data))).toEqual({ ok: true, value: undefined });
    const settings = { ins: 0x5f, header: hex('02'), data: hex(V.CHANGE_FILE_SETTINGS.data), answerBytes: 0 };
    expect((await card.run(settings)).ok).toBe(true);
    expect(talk.left).toBe(0);
  });
  test.each([
    ['GetFileSettings', V.FILE_SETTINGS.session, 'mac', V.FILE_SETTINGS.answer],
    ['GetCardUID', V.CARD_UID.session, 'full', V.CARD_UID.answer],
    ['WriteData', { ...TABLE14, counter: 0 }, 'full', V.WRITE_DATA.answer],
    ['ChangeFileSettings', { ...TABLE14, counter: 1 }, 'full', V.CHANGE_FILE_SETTINGS.answer],
    ['ChangeKey', { ...V.CHANGE_KEY.session, counter: 2 }, 'mac', V.CHANGE_KEY.other.answer],
    [
      'ReadData',
      { ...V.MAC_MODE.session, counter: 1 },
      'mac',
      `${V.MAC_MODE.read.data}${V.MAC_MODE.read.answerMac}9100`,
    ],
  ] as const)(
    '%s: no changed byte of the answer, no other length, no other counter passes',
    (_name, session, mode, answer) => {
      expect(opened(session, mode, answer)).toBeDefined();
      for (const changed of [...mutations(answer), ...resized(answer)])
        expect(opened(session, mode, changed), changed).toBeUndefined();
      expect(opened({ ...session, counter: session.counter + 1 }, mode, answer)).toBeUndefined();
      expect(opened({ ...session, ti: '00000000' }, mode, answer)).toBeUndefined();
    },
  );
  test('a wrong MAC ends the session, and nothing of the answer comes out', async () => {
    const { card } = await authenticated(TABLE14, [
      V.WRITE_DATA.command,
      V.WRITE_DATA.answer.replace('FC', 'FD'),
    ]);
    const part = { fileNo: 2, offset: 0, mode: 'full' } as const;
    expect(await writeData(card, part, hex(V.WRITE_DATA.data))).toEqual({
      ok: false,
      failure: { kind: 'not-genuine' },
    });
    expect(card.session).toBeUndefined();
  });
  test.each(V.COMMAND_IVS)('IV under %s, %s, counter %i', (key, ti, counter, iv) => {
    const label = Buffer.concat([hex('A55A'), hex(ti), Uint8Array.of(counter, 0), Buffer.alloc(8)]);
    expect(encryptBlock(hex(key), label)).toEqual(hex(iv));
  });
  test('after 65535 commands nothing is sent any more', () => {
    const channel = channelOf({ ...TABLE14, counter: 0xffff });
    const none = Buffer.alloc(0);
    expect(() =>
      channel.protect({ ins: 0xc7, header: none, data: none, mode: 'mac', macSent: true }),
    ).toThrow(RangeError);
  });
  test('an ended session knows no key any more', () => {
    const channel = channelOf(V.CARD_UID.session);
    channel.end();
    expect(channel.open(hex(V.CARD_UID.answer).subarray(0, -2), { mode: 'full', bytes: 7 })).toBeUndefined();
  });
});

test('session keys of a transaction MAC', () => {
  const { key, uid, counterBefore, mac, enc } = V.TRANSACTION_KEYS;
  expect(transactionMacKeys(hex(key), counterBefore, hex(uid))).toEqual({
    macKey: hex(mac),
    encKey: hex(enc),
  });
  expect(() => transactionMacKeys(hex(key), 0xffffffff, hex(uid))).toThrow(RangeError);
  expect(() => transactionMacKeys(hex(key), 0, hex('04'))).toThrow(RangeError);
});

test('the answer to a commit that does not verify is no commit', async () => {
  const { card } = await authenticated(TABLE14, [
    '90C7000008 42A27893F2B3B1E0 00'.replace('42A27893F2B3B1E0', commitMac()),
    `${'00'.repeat(8)}9100`,
  ]);
  expect(await commitTransaction(card)).toEqual({ ok: false, failure: { kind: 'not-genuine' } });
});

function commitMac(): string {
  const none = Buffer.alloc(0);
  const channel = channelOf({ ...TABLE14, counter: 0 });
  const sent = channel.protect({ ins: 0xc7, header: none, data: none, mode: 'mac', macSent: true });
  return Buffer.from(sent).toString('hex');
}
