import fc from 'fast-check';
import { beforeEach, describe, expect, it } from 'vitest';
import { applicationCryptogram, cardMasterKey } from '../../../../simulators/cards/emv/cryptogram.ts';
import { withCheckDigit } from '../../../../simulators/cards/emv/personalise.ts';
import {
  BANK_CARDS,
  bankCard,
  bankCardOrders,
  TEST_PANS,
  TEST_PAR,
} from '../../../../simulators/cards/emv/profiles.ts';
import { TEST_AUTHORITIES, type TestAuthority } from '../../../../simulators/cards/emv/test-ca.ts';
import type { VirtualCard } from '../../../../simulators/cards/virtual-card.ts';
import { dynamicHolds, openChain, readTlv, sha1, TERMINAL, type Transaction, transact } from './terminal.ts';

const UN = Buffer.from(TERMINAL['9F37'] as string, 'hex');

function authorityOf(authority: TestAuthority) {
  return { modulus: authority.key.modulus, exponent: authority.key.exponent };
}

function tag(done: Transaction, name: string): Buffer {
  return done.tags.get(name) ?? Buffer.alloc(0);
}

/** What is wrong with a card for this terminal; empty when all holds. */
function faults(done: Transaction, authority: TestAuthority): string[] {
  const { issuer, card, dynamic } = openChain(done, authorityOf(authority));
  const pan = tag(done, '5A').toString('hex').toUpperCase().replace(/F+$/, '');
  const visa = tag(done, '9F69').length > 0;
  const terminalData = visa
    ? [UN, Buffer.from(TERMINAL['9F02'] as string, 'hex'), Buffer.from('0980', 'hex'), tag(done, '9F69')]
    : [UN];
  return [
    issuer.format === 2 && issuer.hashHolds ? '' : 'issuer certificate',
    pan.startsWith(issuer.name.replace(/F+$/, '')) ? '' : 'issuer id',
    issuer.expiry === '1249' ? '' : 'issuer expiry',
    card.format === 4 && card.hashHolds ? '' : 'card certificate',
    card.name.replace(/F+$/, '') === pan ? '' : 'number in the certificate',
    dynamicHolds(dynamic, terminalData) ? '' : 'dynamic signature',
    visa || dynamic.subarray(-41 - bb(dynamic), -21 - bb(dynamic)).toString('hex') === transactionHash(done)
      ? ''
      : 'transaction hash',
  ].filter((fault) => fault !== '');
}

/** Filling bytes of a dynamic signature. */
function bb(dynamic: Buffer): number {
  return dynamic.length - 25 - (dynamic[3] as number);
}

function transactionHash(done: Transaction): string {
  return sha1(done.pdolValues, done.cdolValues, done.acAnswer);
}

describe('cards in order', () => {
  it.each([
    ['visa', TEST_AUTHORITIES.visa],
    ['visa-record-signature', TEST_AUTHORITIES.visa],
    ['visa-phone', TEST_AUTHORITIES.visa],
    ['mastercard', TEST_AUTHORITIES.mastercard],
    ['mastercard-long-keys', TEST_AUTHORITIES.mastercardLong],
    ['mastercard-whole-records', TEST_AUTHORITIES.mastercard],
    ['phone', TEST_AUTHORITIES.mastercard],
    ['maestro', TEST_AUTHORITIES.mastercard],
    ['amex', TEST_AUTHORITIES.amex],
    ['two-applications', TEST_AUTHORITIES.mastercard],
  ] as const)('%s: chain, number and dynamic signature hold', async (kind, authority) => {
    const card = bankCard(kind);
    const done = await transact(card);
    expect(new Set(done.statuses)).toEqual(new Set(['9000']));
    expect(faults(done, authority)).toEqual([]);
    expect(tag(done, '8F').toString('hex').toUpperCase()).toBe(authority.index);
  });

  it('a Visa card signs its counter, which rises by one with each transaction', async () => {
    const card = bankCard('visa');
    for (const count of [1, 2, 3]) {
      const done = await transact(card);
      const { dynamic } = openChain(done, authorityOf(TEST_AUTHORITIES.visa));
      expect(dynamic.subarray(3, 7).toString('hex')).toBe(`03020${'00'}${count}`);
      expect(tag(done, '9F36').readUInt16BE()).toBe(count);
    }
  });

  it('a Visa card signs only where the terminal says that it checks, and sends then no list of records', async () => {
    const done = await transact(bankCard('visa'), { '9F66': '20804000' });
    expect(done.tags.has('9F4B')).toBe(false);
    expect(done.tags.has('94')).toBe(false);
    expect(tag(done, '9F27').toString('hex')).toBe('80');
    expect(tag(done, '9F26')).toHaveLength(8);
    const offline = await transact(bankCard('visa'), { '9F66': '21004000' });
    expect(tag(offline, '9F27').toString('hex')).toBe('40');
    expect((await transact(bankCard('visa'), { '9F66': '80804000' })).statuses.at(-1)).toBe('6985');
  });

  it('card and phone have two numbers and one account', async () => {
    const [card, phone] = [await transact(bankCard('mastercard')), await transact(bankCard('phone'))];
    expect(tag(card, '9F24').toString()).toBe(TEST_PAR);
    expect(tag(phone, '9F24').toString()).toBe(TEST_PAR);
    expect(TEST_PAR).toHaveLength(29);
    expect(tag(phone, '5A').toString('hex')).not.toBe(tag(card, '5A').toString('hex'));
    expect(tag(phone, '9F6E').length).toBeGreaterThan(0);
    expect(card.tags.has('9F6E')).toBe(false);
    expect(tag(await transact(bankCard('visa-phone')), '9F6E').toString('hex')).toBe('23880000');
    expect(tag(await transact(bankCard('visa')), '9F6E').toString('hex')).toBe('20700000');
  });

  it('answers find room on the virtual reader, but for the longest keys', async () => {
    for (const kind of BANK_CARDS) {
      const lengths: number[] = [];
      const card = bankCard(kind);
      await transact({
        ...card,
        transmit: async (apdu) => {
          const answer = await card.transmit(apdu);
          lengths.push(answer.length);
          return answer;
        },
      });
      const longest = Math.max(...lengths);
      if (kind === 'mastercard-long-keys') expect(longest).toBe(257);
      else expect(longest).toBeLessThanOrEqual(255);
    }
  });

  it('numbers have their check digit', () => {
    for (const pan of [...Object.values(TEST_PANS), ...bankCardOrders('visa-phone').map(({ pan }) => pan)])
      expect(withCheckDigit(pan.slice(0, -1))).toBe(pan);
  });

  it('cryptograms are those of the published example (pyemv, tests/test_ac_hsm.py)', () => {
    const hex = (text: string): Buffer => Buffer.from(text, 'hex');
    const key = cardMasterKey('9901234567890123', 45, hex('0123456789ABCDEFFEDCBA9876543210'));
    const data = hex('0123456789ABCDEF0123456789ABCDEF');
    const made = applicationCryptogram(key, hex('1234567890123456'), data);
    expect(made.toString('hex').toUpperCase()).toBe('4B46013359B7A58B');
  });

  it('cryptograms differ between cards, counters and terminals', async () => {
    const card = bankCard('visa');
    const made = [
      await transact(card),
      await transact(card),
      await transact(bankCard('visa', { panSequence: 2 })),
      await transact(bankCard('visa'), { '9F02': '000000000100' }),
    ].map((done) => tag(done, '9F26').toString('hex'));
    expect(new Set(made).size).toBe(4);
    expect(tag(await transact(bankCard('visa')), '9F26').toString('hex')).toBe(made[0]);
  });
});

describe('cards with one flaw', () => {
  it.each([
    ['wrong-static-data', ['card certificate']],
    ['issuer-certificate-expired', ['issuer expiry']],
    ['certificate-of-another-pan', ['number in the certificate']],
    ['certificate-of-another-issuer', ['issuer id']],
    ['card-certificate-expired', []],
    ['expired', []],
  ] as const)('%s', async (kind, expected) => {
    const done = await transact(bankCard(kind));
    expect(faults(done, TEST_AUTHORITIES.mastercard)).toEqual(expected);
  });

  it('dates, authority and algorithm are those of the flaw', async () => {
    const mastercard = authorityOf(TEST_AUTHORITIES.mastercard);
    const expired = await transact(bankCard('expired'));
    expect(tag(expired, '5F24').toString('hex')).toBe('191231');
    const over = await transact(bankCard('card-certificate-expired'));
    expect(openChain(over, mastercard).card.expiry).toBe('1217');
    expect(tag(over, '5F24').toString('hex')).toBe('301231');
    expect(tag(await transact(bankCard('unknown-authority')), '8F').toString('hex')).toBe('ee');
    expect(tag(await transact(bankCard('authority-over')), '8F').toString('hex')).toBe('e3');
    expect(tag(await transact(bankCard('tag-list-not-aip')), '9F4A').toString('hex')).toBe('8295');
  });

  it('a card without offline authentication says so and gives a plain cryptogram', async () => {
    const done = await transact(bankCard('no-oda'));
    expect(tag(done, '82').toString('hex')).toBe('1880');
    for (const name of ['8F', '90', '9F46', '9F4B']) expect(done.tags.has(name)).toBe(false);
    expect(tag(done, '9F26')).toHaveLength(8);
    expect(done.statuses.at(-1)).toBe('9000');
  });
});

describe('status words', () => {
  let card: VirtualCard;
  beforeEach(() => {
    card = bankCard('two-applications');
  });
  const ask = async (hex: string): Promise<string> =>
    Buffer.from(await card.transmit(Buffer.from(hex, 'hex'))).toString('hex');
  const end = async (hex: string): Promise<string> => (await ask(hex)).slice(-4);
  const MASTERCARD = '00a4040007a000000004101000';

  it('finds applications by a part of their name, one after the other', async () => {
    expect(await ask('00a4040005a00000000400')).toContain('8407a0000000043060');
    expect(await ask('00a4040205a00000000400')).toContain('8407a0000000041010');
    expect(await end('00a4040205a00000000400')).toBe('6a82');
    expect(await end('00a4040007a000000003101000')).toBe('6a82');
    expect(await end('00a4040004a000000000')).toBe('6700');
    expect(await end('00a4040105a00000000400')).toBe('6a86');
  });

  it('lists its applications with priorities and kernels in the directory', async () => {
    const directory = await card.transmit(Buffer.from('00a404000e325041592e5359532e444446303100', 'hex'));
    const objects = readTlv(directory.subarray(0, -2));
    const values = (name: string): string[] =>
      objects.filter(([t]) => t === name).map(([, value]) => value.toString('hex'));
    expect(values('4F')).toEqual(['a0000000043060', 'a0000000041010']);
    expect(values('87')).toEqual(['02', '01']);
    expect(values('9F2A')).toEqual(['02', '02']);
  });

  it('keeps the order of a transaction', async () => {
    expect(await end('80a8000002830000')).toBe('6985');
    await ask(MASTERCARD);
    expect(await end('00b2010c00')).toBe('6985');
    expect(await end(`80ae90002b${'00'.repeat(43)}00`)).toBe('6985');
    expect(await end('80a800000383010000')).toBe('6700');
    expect(await end('80a8000002840000')).toBe('6a80');
    expect(await end('80a8000002830000')).toBe('9000');
    expect(await end('80a8000002830000')).toBe('6985');
    expect(await end('00b2010c00')).toBe('9000');
    expect(await end('00b2090c00')).toBe('6a83');
    expect(await end('00b2014c00')).toBe('6a82');
    expect(await end('00b2010800')).toBe('6a86');
    expect(await end('00b2010c01')).toMatch(/^6c/);
    expect(await end('80ae90000100')).toBe('6700');
    expect(await end(`80ae90002b${'00'.repeat(43)}00`)).toBe('9000');
    expect(await end(`80ae90002b${'00'.repeat(43)}00`)).toBe('6985');
    expect(await end('80ca9f3600')).toBe('9000');
    expect(await end('80ca9f1700')).toBe('6a88');
    expect(await end('80e2000000')).toBe('6d00');
    expect(await end('84a8000002830000')).toBe('6e00');
    card.reset();
    expect(await end('00b2010c00')).toBe('6985');
  });

  it('a locked card answers 6A81 to everything, a blocked application 6283 and nothing more', async () => {
    card = bankCard('locked');
    expect(await end('00a404000e325041592e5359532e444446303100')).toBe('6a81');
    expect(await end(MASTERCARD)).toBe('6a81');
    card = bankCard('blocked');
    const answer = await ask(MASTERCARD);
    expect(answer.slice(-4)).toBe('6283');
    expect(answer).toContain('8407a0000000041010');
    expect(await end('80a8000002830000')).toBe('6985');
  });

  it('answers any bytes at all with a status word, and never more than a short answer', async () => {
    const head = fc.constantFrom('00a404', '00b2', '80a8', '80ae', '80ca', '00c0', '');
    await fc.assert(
      fc.asyncProperty(head, fc.uint8Array({ maxLength: 265 }), async (start, rest) => {
        const answer = await card.transmit(Buffer.concat([Buffer.from(start, 'hex'), rest]));
        expect(answer.length).toBeGreaterThanOrEqual(2);
        expect(answer.length).toBeLessThanOrEqual(258);
      }),
      { numRuns: 1500 },
    );
  });

  it('answers in format 1 where the order says so', async () => {
    card = bankCard('mastercard', { optionsFormat: 1 });
    await ask(MASTERCARD);
    expect(await ask('80a8000002830000')).toMatch(/^800a1980/);
  });
});
