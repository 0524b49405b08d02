import { describe, expect, it } from 'vitest';
import { badBankCard } from '../../../../simulators/cards/emv/emv-misbehaviour.ts';
import { bankCard } from '../../../../simulators/cards/emv/profiles.ts';
import { TEST_AUTHORITIES } from '../../../../simulators/cards/emv/test-ca.ts';
import type { VirtualCard } from '../../../../simulators/cards/virtual-card.ts';
import { dynamicHolds, openChain, TERMINAL, transact } from './terminal.ts';

const AUTHORITY = TEST_AUTHORITIES.mastercard.key;
const UN = Buffer.from(TERMINAL['9F37'] as string, 'hex');
const MASTERCARD = '00a4040007a000000004101000';

async function ask(card: VirtualCard, hex: string): Promise<string> {
  return Buffer.from(await card.transmit(Buffer.from(hex, 'hex'))).toString('hex');
}

async function upToOptions(card: VirtualCard): Promise<string> {
  await ask(card, MASTERCARD);
  return ask(card, '80a8000002830000');
}

/** All answers of one transaction, as far as it goes. */
async function heard(card: VirtualCard): Promise<string[]> {
  const answers: string[] = [];
  const listening = {
    ...card,
    transmit: async (apdu: Uint8Array) => {
      const answer = await card.transmit(apdu);
      answers.push(Buffer.from(answer).toString('hex'));
      return answer;
    },
  };
  await transact(listening).catch(() => {});
  return answers;
}

describe('wrong bytes', () => {
  it.each(['90', '92', '9F32', '9F46', '9F47', '9F4B', '5A', '5F24', '9F36', '4F', '94'])(
    'one bit of %s and no other differs from the card in order',
    async (tag) => {
      const honest = await heard(bankCard('mastercard'));
      const bad = await heard(badBankCard('mastercard', { kind: 'flipped-tag', tag, byte: 0 }));
      const first = bad.findIndex((answer, i) => answer !== honest[i]);
      const [a, b] = [Buffer.from(bad[first] ?? '', 'hex'), Buffer.from(honest[first] ?? '', 'hex')];
      expect(a).toHaveLength(b.length);
      expect(a.filter((byte, i) => byte !== b[i])).toHaveLength(1);
    },
  );

  it('every byte of every answer can be the wrong one', async () => {
    const honest = await heard(bankCard('visa'));
    for (const [answer, text] of honest.entries()) {
      for (const byte of [0, text.length / 2 - 3]) {
        const bad = await heard(badBankCard('visa', { kind: 'flipped-answer', answer, byte }));
        expect(bad.findIndex((one, i) => one !== honest[i])).toBe(answer);
      }
    }
    const past = honest[0]?.length ?? 0;
    expect(await heard(badBankCard('visa', { kind: 'flipped-answer', answer: 0, byte: past }))).toEqual(
      honest,
    );
  });

  it('a length lies by as much as it is told to', async () => {
    const card = badBankCard('mastercard', { kind: 'lying-length', ins: 0xa4, bytes: 5 });
    const [honest, bad] = [await ask(bankCard('mastercard'), MASTERCARD), await ask(card, MASTERCARD)];
    expect(Number.parseInt(bad.slice(2, 4), 16)).toBe(Number.parseInt(honest.slice(2, 4), 16) + 5);
    expect(bad.slice(4)).toBe(honest.slice(4));
    expect(await ask(card, '80a8000002830000')).toBe(await upToOptions(bankCard('mastercard')));
  });
});

describe('false signatures', () => {
  it('a card that signs another number is genuine in all else', async () => {
    const done = await transact(badBankCard('mastercard', { kind: 'wrong-unpredictable-number' }));
    const { issuer, card, dynamic } = openChain(done, AUTHORITY);
    expect([issuer.hashHolds, card.hashHolds, dynamicHolds(dynamic, [UN])]).toEqual([true, true, false]);
    expect(dynamicHolds(dynamic, [Buffer.from('c0ffee00', 'hex')])).toBe(true);
  });

  it('a replayed card is right once and repeats itself from then on', async () => {
    const card = badBankCard('mastercard', { kind: 'replayed' });
    const first = await transact(card);
    expect(dynamicHolds(openChain(first, AUTHORITY).dynamic, [UN])).toBe(true);
    card.reset();
    const second = await transact(card, { '9F37': '00000001' });
    expect(second.tags.get('9F36')).toEqual(first.tags.get('9F36'));
    expect(dynamicHolds(openChain(second, AUTHORITY).dynamic, [Buffer.from('00000001', 'hex')])).toBe(false);
  });
});

describe('records and lists', () => {
  it('names 255 records more, and has them', async () => {
    const card = badBankCard('mastercard', { kind: 'long-afl' });
    expect(await upToOptions(card)).toMatch(/5001ff009000$/);
    expect(await ask(card, '00b2ff5400')).toBe('7004df7201ff9000');
    expect((await transact(card)).statuses).toHaveLength(3 + 5 + 255 + 1);
  });

  it('lacks one record', async () => {
    const card = badBankCard('mastercard', { kind: 'missing-record', record: '2/2' });
    await upToOptions(card);
    expect(await ask(card, '00b2021400')).toBe('6a83');
    expect(await ask(card, '00b2031400')).toMatch(/9000$/);
  });

  it('sends a number twice', async () => {
    const card = badBankCard('mastercard', { kind: 'duplicate-tag', tag: '5A', value: '5413330089099999' });
    await upToOptions(card);
    expect(await ask(card, '00b2011400')).toMatch(/5a0854133300890999999000$/);
  });

  it('hands out a record of 3000 bytes in parts', async () => {
    const card = badBankCard('mastercard', { kind: 'huge-record', bytes: 3000 });
    await upToOptions(card);
    let answer = await ask(card, '00b2011400');
    let parts = 1;
    for (; answer.slice(-4, -2) === '61'; parts++) answer = await ask(card, '00c0000000');
    expect(answer.slice(-4)).toBe('9000');
    expect(parts).toBe(12);
  });

  it('nests templates a hundred deep', async () => {
    const card = badBankCard('mastercard', { kind: 'deep-templates', depth: 100 });
    await upToOptions(card);
    expect((await ask(card, '00b2011400')).match(/70/g)?.length).toBeGreaterThanOrEqual(100);
  });

  it('asks for 250 bytes and takes them', async () => {
    for (const kind of ['mastercard', 'visa'] as const) {
      const done = await transact(badBankCard(kind, { kind: 'greedy-pdol' })).catch(
        (error: unknown) => error,
      );
      expect(done).toMatchObject({ statuses: expect.arrayContaining(['9000']) });
    }
  });
});

describe('what any card can do wrong', () => {
  it('is torn after any number of commands, or promises more for ever', async () => {
    const answers = await heard(badBankCard('mastercard', { kind: 'gone-after', apdus: 3 }));
    expect(answers.indexOf('')).toBe(3);
    const endless = badBankCard('mastercard', { kind: 'endless-more' });
    expect(await ask(endless, MASTERCARD)).toMatch(/6110$/);
    expect(await ask(endless, '00c0000010')).toMatch(/6110$/);
  });
});
