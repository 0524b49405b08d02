import { verify } from 'node:crypto';
import fc from 'fast-check';
import { beforeEach, describe, expect, it } from 'vitest';
import { issueCard } from '../../../simulators/cards/issue-card.ts';
import { createVirtualCard, type VirtualCard } from '../../../simulators/cards/virtual-card.ts';
import { issuerKeys, order } from './sample-card.ts';

const SELECT = '00a4040008f04b5659544f4b0100';
const FCI = '6f0a8408f04b5659544f4b01';

let card: VirtualCard;
beforeEach(() => {
  card = createVirtualCard(order());
});

async function ask(hex: string): Promise<string> {
  return Buffer.from(await card.transmit(Buffer.from(hex, 'hex'))).toString('hex');
}

describe('issuing', () => {
  it('writes the identity byte for byte as the layout page says', () => {
    const { ef01 } = issueCard(order({ language: 'pl', mediumKind: 'wallet' }));
    expect(ef01.toString('hex')).toBe(
      `0102000102030405060708090a0b0c0d0e0f${'6955b900'}${'72bd0c00'}706c69303031${'00'.repeat(8)}`,
    );
  });

  it('signs the line of purpose and the identity', () => {
    const { ef01, ef02 } = issueCard(order());
    const signed = Buffer.concat([Buffer.from('kvytok card v1\n'), ef01]);
    expect(ef02).toHaveLength(64);
    expect(verify(null, signed, issuerKeys.publicKey, ef02)).toBe(true);
    expect(verify(null, ef01, issuerKeys.publicKey, ef02)).toBe(false);
  });

  it('refuses an order that the layout cannot hold', () => {
    expect(() => issueCard(order({ mediumId: Buffer.alloc(15) }))).toThrow(RangeError);
    expect(() => issueCard(order({ validUntilS: order().validFromS }))).toThrow(RangeError);
    expect(() => issueCard(order({ issuer: { ...order().issuer, keyId: 'i01' } }))).toThrow(RangeError);
  });
});

describe('SELECT', () => {
  it('answers our DF name with the FCI', async () => {
    expect(await ask(SELECT)).toBe(`${FCI}9000`);
  });

  it.each([
    ['another name', '00a4040008f04b5659544f4b0200', '6a82'],
    ['a part of our name', '00a4040007f04b5659544f4b00', '6a82'],
    ['selection by file identifier', '00a40000023f0000', '6a86'],
    ['the next occurrence', '00a4040208f04b5659544f4b0100', '6a86'],
    ['no data', '00a4040000', '6700'],
    ['a length that promises more than came', '00a4040009f04b5659544f4b01', '6700'],
    ['a length that promises less than came', '00a4040006f04b5659544f4b0100', '6700'],
    ['an extended length', '00a40400000008f04b5659544f4b010000', '6700'],
    ['a command cut in its head', '00a404', '6700'],
  ])('answers %s with its status', async (_what, command, status) => {
    expect(await ask(command)).toBe(status);
  });

  it('hands out the FCI in parts when Le is short, and the rest by GET RESPONSE', async () => {
    expect(await ask('00a4040008f04b5659544f4b0104')).toBe('6f0a84086108');
    expect(await ask('00c0000008')).toBe(`${FCI.slice(8)}9000`);
  });

  it('promises all of the FCI when there is no Le', async () => {
    expect(await ask('00a4040008f04b5659544f4b01')).toBe('610c');
    expect(await ask('00c000000d')).toBe('6c0c');
    expect(await ask('00c000000c')).toBe(`${FCI}9000`);
    expect(await ask('00c000000c')).toBe('6985');
  });

  it('forgets the promised bytes at any other command', async () => {
    await ask('00a4040008f04b5659544f4b01');
    await ask('00b0810028');
    expect(await ask('00c000000c')).toBe('6985');
  });

  it('keeps the application selected when another SELECT fails', async () => {
    await ask(SELECT);
    await ask('00a4040008f04b5659544f4b0200');
    expect(await ask('00b0810001')).toBe('019000');
  });
});

describe('READ BINARY', () => {
  const { ef01, ef02 } = issueCard(order());
  const identity = ef01.toString('hex');

  it('finds no file before the application is selected', async () => {
    expect(await ask('00b0810028')).toBe('6a82');
    expect(await ask('00b0000028')).toBe('6986');
  });

  it('gives both files whole', async () => {
    await ask(SELECT);
    expect(await ask('00b0810028')).toBe(`${identity}9000`);
    expect(await ask('00b0820040')).toBe(`${ef02.toString('hex')}9000`);
  });

  it.each([
    ['from an offset', '00b0811a02', `${Buffer.from('uk').toString('hex')}9000`],
    ['the last byte', '00b0812701', '009000'],
    ['to the end with Le 00', '00b0812000', `${'00'.repeat(8)}9000`],
    ['one byte too many at the start', '00b0810029', '6c28'],
    ['one byte too many at an offset', '00b0812702', '6c01'],
    ['at the end of the file', '00b0812801', '6b00'],
    ['far past the end', '00b081ff01', '6b00'],
    ['a file that is not there', '00b0830001', '6a82'],
    ['file zero', '00b0800001', '6a86'],
    ['file 31', '00b09f0001', '6a86'],
    ['with a reserved bit in P1', '00b0a10001', '6a86'],
    ['without Le', '00b08100', '6700'],
    ['with data', '00b081000100', '6700'],
  ])('reads %s', async (_what, command, answer) => {
    await ask(SELECT);
    expect(await ask(command)).toBe(answer);
  });

  it('reads on in the current file once one is chosen', async () => {
    await ask(SELECT);
    expect(await ask('00b0000001')).toBe('6986');
    await ask('00b0810001');
    expect(await ask('00b0000102')).toBe(`${identity.slice(2, 6)}9000`);
    expect(await ask('00b0002801')).toBe('6b00');
  });

  it('forgets the selection when the field is switched off', async () => {
    await ask(SELECT);
    card.reset();
    expect(await ask('00b0810028')).toBe('6a82');
  });
});

describe('class and instruction', () => {
  it.each([
    ['an unknown instruction', '00ca006e00', '6d00'],
    ['a write', '00d6000001ff', '6d00'],
    ['a proprietary class', '80a4040000', '6e00'],
    ['logical channel 1', '01b0810028', '6881'],
    ['logical channel 4 and up', '40b0810028', '6881'],
    ['secure messaging', '0cb0810028', '6882'],
    ['a chained command', '10a4040000', '6e00'],
    ['the invalid class ff', 'ffa4040000', '6e00'],
  ])('answers %s with its status', async (_what, command, status) => {
    expect(await ask(command)).toBe(status);
  });

  it('answers any bytes at all with at least a status word and never more than a short answer', async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 270 }), async (bytes) => {
        const answer = await card.transmit(bytes);
        expect(answer.length).toBeGreaterThanOrEqual(2);
        expect(answer.length).toBeLessThanOrEqual(258);
      }),
      { numRuns: 2000 },
    );
  });
});
