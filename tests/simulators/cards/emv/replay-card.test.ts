import { describe, expect, it } from 'vitest';
import {
  createReplayCard,
  publishedTrace,
  publishedTraces,
} from '../../../../simulators/cards/emv/replay-card.ts';
import { dynamicHolds, openChain, readTlv, sha1, transact } from './terminal.ts';

const hex = (text: string): Buffer => Buffer.from(text, 'hex');

describe('the published conversation of an American Express test card', () => {
  const trace = publishedTrace('amex-cda');

  it('is followed to its end by a terminal with the recorded values, and every link of it holds', async () => {
    const done = await transact(createReplayCard(trace), trace.terminal);
    expect(new Set(done.statuses)).toEqual(new Set(['9000']));
    const authority = { modulus: hex(trace.authority?.modulus ?? ''), exponent: hex('010001') };
    const { issuer, card, dynamic } = openChain(done, authority);
    expect(issuer).toMatchObject({ format: 2, hashHolds: true, name: '374245FF', expiry: '1218' });
    expect(card).toMatchObject({ format: 4, hashHolds: true, name: '374245001741007FFFFF' });
    expect(card.modulus.toString('hex')).toMatch(/^cd75b8ed.*e9866d$/);
    expect(dynamicHolds(dynamic, [hex('327273b9')])).toBe(true);
    expect(dynamic.subarray(4, 13).toString('hex')).toBe('08b1bd198460deba64');
    expect(dynamic.subarray(13, 22).toString('hex')).toBe('8051f4f65dde43732d');
    expect(dynamic.subarray(22, 42).toString('hex')).toBe(
      sha1(done.pdolValues, done.cdolValues, done.acAnswer),
    );
  });

  it('ends where a terminal says something else, unless the card is asked by head alone', async () => {
    const other = { ...trace.terminal, '9F37': '327273BA' };
    expect((await transact(createReplayCard(trace), other)).statuses.at(-1)).toBe('6d00');
    const played = await transact(createReplayCard(trace, 'head'), other);
    expect(played.statuses.at(-1)).toBe('9000');
    const authority = { modulus: hex(trace.authority?.modulus ?? ''), exponent: hex('010001') };
    const { dynamic } = openChain(played, authority);
    expect(dynamicHolds(dynamic, [hex('327273ba')])).toBe(false);
  });
});

describe('replayed cards', () => {
  it('all published answers are whole TLV or a status', () => {
    const traces = publishedTraces();
    expect(traces.map(({ name }) => name)).toEqual([
      'amex-cda',
      'mastercard-ppse-2',
      'mastercard-ppse',
      'visa-ppse',
      'visa-ppse-2',
    ]);
    for (const [, answer] of traces.flatMap(({ exchanges }) => exchanges))
      expect(readTlv(hex(answer.slice(0, -4))).length > 0 || answer.length === 4).toBe(true);
  });

  it('answer any command where none was recorded, and begin anew when the field was off', async () => {
    const card = createReplayCard(publishedTrace('visa-ppse'));
    const ask = async (command: string) => Buffer.from(await card.transmit(hex(command))).toString('hex');
    expect(await ask('00a4040007a000000042101000')).toMatch(/^6f37/);
    expect(await ask('80a80000028301ff00')).toBe('6700');
    expect(await ask('80a8000002830000')).toMatch(/^7738/);
    expect(await ask('80a80000028301ff00')).toBe('6d00');
    expect(await ask('00b2017c00')).toBe('6a83');
    expect(await ask('00a4040007a000000003101000')).toBe('6a82');
    card.reset();
    expect(await ask('80a80000028301ff00')).toBe('6d00');
    expect(await ask('00a404000e325041592e5359532e444446303100')).toMatch(/^6f3b/);
  });

  it('know no conversation that was not published', () => {
    expect(() => publishedTrace('nobody')).toThrow(RangeError);
  });
});
