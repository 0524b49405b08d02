import { describe, expect, it } from 'vitest';
import { diversifyKey } from '../../../../simulators/cards/desfire/derive-keys.ts';
import { createDesfireCard, type DesfireCard } from '../../../../simulators/cards/desfire/desfire-card.ts';
import {
  badDesfire,
  type DesfireFault,
  recording,
  tornEeprom,
} from '../../../../simulators/cards/desfire/desfire-misbehaviour.ts';
import { blankEeprom, type Eeprom } from '../../../../simulators/cards/desfire/eeprom.ts';
import { issueDesfire } from '../../../../simulators/cards/desfire/issue-desfire.ts';
import type { Misbehaviour } from '../../../../simulators/cards/misbehaviour.ts';
import type { VirtualCard } from '../../../../simulators/cards/virtual-card.ts';
import { desfireOrder } from './sample-desfire.ts';
import { ev2, hex, plain, unhex } from './test-reader.ts';

const order = desfireOrder();
const logKey = diversifyKey(
  order.keys.log,
  Buffer.concat([order.uid, unhex('4b5654'), Buffer.from('KVYTOK')]),
);
const RECORD = `01${'5a'.repeat(31)}`;
const SELECT = unhex('00a4040008f04b5659544f4b0200');
const issued = () => issueDesfire(order);
const bad = (...faults: (DesfireFault | Misbehaviour)[]) => badDesfire({ eeprom: issued() }, ...faults);
const say = async (card: VirtualCard, apdu: string) => hex(await card.transmit(unhex(apdu)));

/** The newest record that is in the memory. */
function newest(eeprom: Eeprom): string {
  const file = eeprom.applications.get('4b5654')?.files.get(2);
  return file?.type === 'cyclic' ? hex(file.records.at(-1) as Buffer) : 'no file';
}

/** Answers over the wire, so that faults outside of the card are felt; the test's reader speaks to cards without time. */
async function writeLog(card: DesfireCard): Promise<string[]> {
  const heard: string[] = [];
  const honest = createDesfireCard({ eeprom: card.eeprom(), random: fixed });
  // What a reader would say is found on an honest twin with the same chance.
  const script: Buffer[] = [];
  const twin = {
    ...honest,
    answer: (apdu: Uint8Array) => {
      script.push(Buffer.from(apdu));
      return honest.answer(apdu);
    },
  };
  twin.answer(SELECT);
  const session = ev2(twin, 2, logKey);
  session.send(0x8b, 'full', '02 000000 200000', RECORD);
  session.send(0xc7, 'mac', '');
  for (const apdu of script) heard.push(hex(await card.transmit(apdu)));
  return heard;
}
const fixed = (bytes: number) => Buffer.alloc(bytes, 0x77);
const badFixed = (...faults: (DesfireFault | Misbehaviour)[]) =>
  badDesfire({ eeprom: issued(), random: fixed }, ...faults);

describe('a card without a fault', () => {
  it('is the honest card', async () => {
    const card = badFixed();
    const heard = await writeLog(card);
    expect(heard.map((answer) => answer.slice(-4))).toEqual(['9000', '91af', '9100', '9100', '9100']);
    expect(newest(card.eeprom())).toBe(RECORD);
  });
});

describe('messages with a flaw', () => {
  it.each([[{ macByte: 0 }], [{ macByte: 7 }], [{ counterBehind: 1 }], [{ wrongTi: true }]])(
    'do not hold: %o',
    (flaws) => {
      const session = () => {
        const card = badDesfire({ eeprom: blankEeprom('EV2', order.uid) }, { kind: 'messaging', flaws });
        return ev2(card, 0, Buffer.alloc(16));
      };
      expect(() => session().send(0x64, 'mac', '00')).toThrow('MAC of the answer');
      expect(() => session().send(0x51, 'full', '')).toThrow('MAC of the answer');
    },
  );

  it('have a wrong end of enciphered data under a MAC that holds', () => {
    const card = badDesfire(
      { eeprom: blankEeprom('EV2', order.uid) },
      { kind: 'messaging', flaws: { wrongPadding: true } },
    );
    const heard = ev2(card, 0, Buffer.alloc(16)).send(0x51, 'full', '');
    expect(heard.data).not.toBe(hex(order.uid));
  });
});

describe('answers that lie', () => {
  it('have one bit wrong, in one answer of each field', async () => {
    const card = bad({ kind: 'flipped-answer', command: 1, byte: 0, bit: 7 });
    expect(await say(card, '9060000000')).toBe('04010112001a0591af');
    expect(await say(card, '90af000000')).toBe('84010102011a0591af');
    card.reset();
    await say(card, '9060000000');
    expect(await say(card, '90af000000')).toBe('84010102011a0591af');
    expect(await say(bad({ kind: 'flipped-answer', command: 0, byte: -1 }), '9060000000')).toMatch(/91ae$/);
  });

  it('have another status, another length, or no end', async () => {
    expect(await say(bad({ kind: 'wrong-status', command: 0, status: 0x91cd }), '9060000000')).toBe('91cd');
    expect(await say(bad({ kind: 'lying-length', ins: 0x60, bytes: -3 }), '9060000000')).toBe('0401011291af');
    expect(await say(bad({ kind: 'lying-length', ins: 0x60, bytes: 2 }), '9060000000')).toMatch(/eeee91af$/);
    const endless = bad({ kind: 'endless-frames', bytes: 2, fromCommand: 1 });
    expect(await say(endless, '9060000000')).toBe('04010112001a0591af');
    for (let i = 0; i < 5; i++) expect(await say(endless, '90af000000')).toBe('eeee91af');
  });

  it('come from an earlier conversation', async () => {
    const honest = recording(createDesfireCard({ eeprom: issued() }));
    for (const apdu of ['9060000000', '90af000000', '90af000000']) await say(honest, apdu);
    const card = bad({ kind: 'replayed', conversation: honest.conversation });
    expect(await say(card, '9060000000')).toBe('04010112001a0591af');
    expect(await say(card, '9071000002000000')).toBe('04010102011a0591af');
    expect(await say(card, '90af000000')).toMatch(/^04112233445566.*9100$/);
    expect(await say(card, '90af000000')).toBe('');
  });

  it('come from another chip with this memory', async () => {
    const card = bad({ kind: 'other-uid', uid: unhex('04ffffffffffff') });
    await say(card, '9060000000');
    await say(card, '90af000000');
    expect(await say(card, '90af000000')).toBe('04ffffffffffffba55ed100026219100');
  });

  it('are those of any card on a bad day, and faults add up', async () => {
    expect(await say(bad({ kind: 'endless-more' }), '9060000000')).toMatch(/6110$/);
    const card = bad({ kind: 'flipped-answer', command: 0, byte: 0 }, { kind: 'gone-after', apdus: 1 });
    expect(await say(card, '9060000000')).toBe('05010112001a0591af');
    expect(await say(card, '90af000000')).toBe('');
  });
});

describe('power that goes', () => {
  it('after any command leaves the memory as it was before the commit', async () => {
    for (let apdus = 0; apdus < 5; apdus++) {
      const card = badFixed({ kind: 'gone-after', apdus });
      const heard = await writeLog(card);
      expect(heard.filter((answer) => answer === '')).toHaveLength(5 - apdus);
      expect(card.eeprom()).toEqual(issued());
    }
  });

  it.each([
    [{ kind: 'torn-commit', seed: 0 }, '00'.repeat(32)],
    [{ kind: 'torn-commit', seed: 1 }, RECORD],
    [{ kind: 'torn', command: 4, seed: 6 }, '00'.repeat(32)],
    [{ kind: 'torn', command: 4, seed: 7 }, RECORD],
    [{ kind: 'torn', command: 3, seed: 7 }, '00'.repeat(32)],
    [{ kind: 'commit-answer-lost' }, RECORD],
  ] as const)('during a command leaves old or new: %o', async (fault, record) => {
    const card = badFixed(fault);
    const heard = await writeLog(card);
    expect(heard.at(-1)).toBe('');
    expect(newest(card.eeprom())).toBe(record);
    expect(await say(card, hex(SELECT))).toBe('');
    card.reset();
    expect((await writeLog(card)).at(-1)).toMatch(/9100$/);
  });

  it('during a write to a standard file leaves it new up to a byte that the seed chooses', () => {
    const card = createDesfireCard({ eeprom: blankEeprom('EV2', order.uid) });
    plain(card, 0xca, '010203 0f 81');
    plain(card, 0x5a, '010203');
    plain(card, 0xcd, '01 00 eeee 040000');
    const before = card.eeprom();
    plain(card, 0x3d, '01 000000 040000 aabbccdd');
    const after = card.eeprom();
    const left = [0, 1, 2, 3, 5, 9, 10].map((seed) => {
      const file = tornEeprom(before, after, seed).applications.get('010203')?.files.get(1);
      return file?.type === 'standard' ? hex(file.bytes) : '';
    });
    expect(left).toEqual([
      '00000000',
      '00000000',
      'aa000000',
      'aa000000',
      'aabb0000',
      'aabbccdd',
      '00000000',
    ]);
  });

  it('forgets all of a session', () => {
    const card = createDesfireCard({ eeprom: blankEeprom('EV2', order.uid) });
    const session = ev2(card, 0, Buffer.alloc(16));
    card.reset();
    expect(session.send(0x51, 'full', '').status).toBe('91ae');
  });
});
