import {
  createDecipheriv,
  createPublicKey,
  diffieHellman,
  generateKeyPairSync,
  hkdfSync,
  privateDecrypt,
  randomBytes,
} from 'node:crypto';
import { inspect } from 'node:util';
import { describe, expect, it } from 'vitest';
import { checksum, loadCaKeys } from '../../../edge-agent/emv/ca-keys.ts';
import { CardData } from '../../../edge-agent/emv/card-data.ts';
import {
  beginOf,
  digitsIn,
  endOf,
  isPan,
  PAN_BYTES,
  panOfTrack2,
  samePan,
  startsWithDigits,
  track2Expiry,
} from '../../../edge-agent/emv/digits.ts';
import { buildDol, parseDol } from '../../../edge-agent/emv/dol.ts';
import { parseAfl, readRecord } from '../../../edge-agent/emv/records.ts';
import { isSealingKey, seal } from '../../../edge-agent/emv/seal.ts';
import { SecretArena, SecretBytes } from '../../../edge-agent/emv/secret-bytes.ts';
import { amexCaKey, hex } from './support/replay.ts';

describe('data object lists', () => {
  const built = (list: string, values: Record<number, string>) => {
    const entries = parseDol(hex(list));
    const map = new Map(Object.entries(values).map(([tag, value]) => [Number(tag), hex(value)]));
    return entries && buildDol(entries, map).toString('hex');
  };
  it('give values in their order, zeroes for what the terminal does not have', () => {
    expect(built('9f37049f1a029f7c02', { 40759: '01020304', 40730: '0804' })).toBe('0102030408040000');
  });
  it('cut and fill numbers on the left, everything else on the right', () => {
    expect(built('9f02029f0208', { 40706: '000000012345' })).toBe('23450000000000012345');
    expect(built('9f3702', { 40759: '01020304' })).toBe('0102');
    expect(built('9f3706', { 40759: '01020304' })).toBe('010203040000');
  });
  it.each(['9f', '9f37', '9f3704 95', `${'9504'.repeat(41)}`, '95fd', '95fc9a01', '008000', 'ff01'])(
    '%s is none',
    (list) => {
      expect(parseDol(hex(list.replace(' ', '')))).toBeUndefined();
    },
  );
  it('may be empty, and as long as a command', () => {
    expect(parseDol(hex(''))).toEqual([]);
    expect(parseDol(hex('95fc'))).toEqual([{ tag: 0x95, bytes: 252 }]);
  });
});

describe('a file locator', () => {
  it('names records and which are signed', () => {
    expect(parseAfl(hex('0801020118030300'))).toEqual([
      { sfi: 1, record: 1, signed: true },
      { sfi: 1, record: 2, signed: false },
      { sfi: 3, record: 3, signed: false },
    ]);
    expect(Buffer.from(readRecord({ sfi: 30, record: 255, signed: false })).toString('hex')).toBe(
      '00b2fff400',
    );
  });
  it.each([
    ['nothing', ''],
    ['a cut entry', '080101'],
    ['file 0', '00010100'],
    ['file 31', 'f8010100'],
    ['low bits', '09010100'],
    ['record 0', '08000100'],
    ['last before first', '08020100'],
    ['more signed than read', '08010203'],
    ['33 records', '08012100'],
    ['a record twice', '0801020008020200'],
  ])('with %s is none', (_what, afl) => {
    expect(parseAfl(hex(afl))).toBeUndefined();
  });
  it('names 32 records at most', () => {
    expect(parseAfl(hex('08012000'))).toHaveLength(32);
  });
});

describe('digits', () => {
  it('count up to their filler, and nothing else', () => {
    expect(digitsIn(hex('374245001741007f'))).toBe(15);
    expect(digitsIn(hex('3742f5'))).toBeUndefined();
    expect(digitsIn(hex('37a2'))).toBeUndefined();
    expect(digitsIn(hex('ff'))).toBe(0);
    expect([isPan(hex('1234567f')), isPan(hex('12345678')), isPan(hex('1234567890123456789f'))]).toEqual([
      false,
      true,
      true,
    ]);
    expect(isPan(hex('12345678901234567890'))).toBe(false);
  });
  it('of a number are the same with whatever filler', () => {
    expect(samePan(hex('12345678'), hex('12345678ffff'))).toBe(true);
    expect(samePan(hex('12345678'), hex('12345679'))).toBe(false);
    expect(samePan(hex('12345678'), hex('123456780f'))).toBe(false);
    expect(startsWithDigits(hex('4761ff'), hex('4761739001010010'), 4)).toBe(true);
    expect(startsWithDigits(hex('4762'), hex('4761'), 3)).toBe(true);
    expect(startsWithDigits(hex('4762'), hex('4761'), 4)).toBe(false);
  });
  it('of track 2 end at its separator', () => {
    const pan = Buffer.alloc(PAN_BYTES);
    expect(panOfTrack2(hex('374245001741007d1812'), pan)).toBe(15);
    expect(pan.toString('hex')).toBe('374245001741007fffff');
    expect(panOfTrack2(hex('1234567890123456789d12'), pan)).toBe(19);
    expect(pan.toString('hex')).toBe('1234567890123456789f');
    for (const wrong of ['12345678901234567890d1', '3742', '37f2d1', ''])
      expect(panOfTrack2(hex(wrong), pan)).toBeUndefined();
  });
  it('of dates hold through their last day or month', () => {
    expect(endOf(hex('181231'))).toBe(Date.UTC(2019, 0, 1));
    expect(endOf(hex('1218'))).toBe(Date.UTC(2019, 0, 1));
    expect(endOf(hex('0249'))).toBe(Date.UTC(2049, 2, 1));
    expect(endOf(hex('0250'))).toBe(Date.UTC(1950, 2, 1));
    expect(beginOf(hex('240229'))).toBe(Date.UTC(2024, 1, 29));
    for (const wrong of ['230229', '241301', '240100', '24', '2a0101'])
      expect(beginOf(hex(wrong))).toBeUndefined();
    for (const wrong of ['0018', '1318', 'aa18', '']) expect(endOf(hex(wrong))).toBeUndefined();
  });
});

describe('the list of the schemes’ keys', () => {
  const entry = (changes = {}) => ({
    ...amexCaKey,
    checksum: checksum({ ...amexCaKey, ...changes }),
    ...changes,
  });
  const load = (keys: unknown[], allowLive = false) => loadCaKeys({ v: 1, keys }, { allowLive });
  const rid = hex('a000000025');

  it('has keys from their first to their last day', () => {
    const keys = load([entry({ validFrom: '2020-01-01', validUntil: '2030-01-01' })]);
    const valid = (nowMs: number) => keys.find(rid, 0xa1, nowMs).length;
    expect(
      [Date.UTC(2020, 0, 1) - 1, Date.UTC(2020, 0, 1), Date.UTC(2030, 0, 1) - 1, Date.UTC(2030, 0, 1)].map(
        valid,
      ),
    ).toEqual([0, 1, 1, 0]);
    expect(keys.find(rid, 0xa2, Date.UTC(2025, 0, 1))).toEqual([]);
    expect(keys.find(hex('a000000003'), 0xa1, Date.UTC(2025, 0, 1))).toEqual([]);
  });
  it('may have a test and a live key of one RID and index', () => {
    const keys = load([entry(), entry({ test: false })], true);
    expect(keys.find(rid, 0xa1, Date.UTC(2025, 0, 1)).map(({ use }) => use)).toEqual(['test', 'live']);
  });
  it('is refused with a wrong checksum, which is named', () => {
    const wrong = { ...entry(), checksum: '00'.repeat(20) };
    expect(() => load([entry({ index: 'A2' }), wrong])).toThrow(/CA_KEYS_INVALID.*A000000025\/A1 \(test\)/);
  });
  it('is refused with a live key unless that was allowed', () => {
    expect(() => load([entry({ test: false })])).toThrow(/CA_KEYS_LIVE.*A000000025\/A1/);
    expect(load([entry({ test: false })], true).size).toBe(1);
  });
  it.each([
    ['no keys', []],
    ['a key twice', [entry(), entry()]],
    ['a key that ends before it begins', [entry({ validFrom: '2031-01-01', validUntil: '2031-01-01' })]],
    ['a day that is none', [entry({ validUntil: '2030-02-30' })]],
    ['an even modulus', [entry({ modulus: `${amexCaKey.modulus.slice(0, -2)}80` })]],
    ['a modulus with leading zeroes', [entry({ modulus: `00${amexCaKey.modulus}` })]],
    ['another exponent', [entry({ exponent: '05' })]],
    ['no use', [entry({ test: undefined })]],
  ])('is refused with %s', (_what, keys) => {
    expect(() => load(keys)).toThrow(/CA_KEYS_INVALID/);
  });
});

describe('sealing for the acquirer', () => {
  const plain = Buffer.from('5a08476173900101001f', 'hex');
  const aad = Buffer.from('kvytok bank v1\nacq-1');

  function openGcm(key: Buffer, rest: Buffer): Buffer {
    const cipher = createDecipheriv('aes-256-gcm', key, rest.subarray(0, 12))
      .setAAD(aad)
      .setAuthTag(rest.subarray(-16));
    return Buffer.concat([cipher.update(rest.subarray(12, -16)), cipher.final()]);
  }

  it('with X25519 is opened by the private key alone', () => {
    const { publicKey, privateKey } = generateKeyPairSync('x25519');
    const sealed = seal(plain, { keyId: 'acq-1', publicKey }, randomBytes);
    expect(sealed[0]).toBe(1);
    expect(sealed.includes(plain)).toBe(false);
    const raw = (key: typeof publicKey) =>
      Buffer.from(key.export({ format: 'jwk' }).x as string, 'base64url');
    const theirs = sealed.subarray(1, 33);
    const ephemeral = createPublicKey({
      key: { kty: 'OKP', crv: 'X25519', x: theirs.toString('base64url') },
      format: 'jwk',
    });
    const shared = diffieHellman({ privateKey, publicKey: ephemeral });
    const key = Buffer.from(hkdfSync('sha256', shared, Buffer.concat([theirs, raw(publicKey)]), aad, 32));
    expect(openGcm(key, sealed.subarray(33))).toEqual(plain);
    const changed = Buffer.from(sealed);
    changed[40] = (changed[40] as number) ^ 1;
    expect(() => openGcm(key, changed.subarray(33))).toThrow();
  });
  it('with RSA likewise, and never twice the same', () => {
    const { publicKey, privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
    const [one, two] = [1, 2].map(() => seal(plain, { keyId: 'acq-1', publicKey }, randomBytes)) as [
      Buffer,
      Buffer,
    ];
    expect(one.equals(two)).toBe(false);
    expect([one[0], one.readUInt16BE(1)]).toEqual([2, 256]);
    const key = privateDecrypt({ key: privateKey, oaepHash: 'sha256' }, one.subarray(3, 259));
    expect(openGcm(key, one.subarray(259))).toEqual(plain);
  });
  it('takes no private key, no short one and no key for signatures', () => {
    const short = generateKeyPairSync('rsa', { modulusLength: 1024 });
    const x = generateKeyPairSync('x25519');
    expect(
      [x.publicKey, x.privateKey, short.publicKey, generateKeyPairSync('ed25519').publicKey].map(
        isSealingKey,
      ),
    ).toEqual([true, false, false, false]);
  });
});

describe('secret bytes', () => {
  it('wipe where they came from, and themselves', () => {
    const source = Buffer.from('4761739001010010', 'hex');
    const secret = SecretBytes.take(source);
    expect(source.equals(Buffer.alloc(8))).toBe(true);
    let inside: Buffer | undefined;
    secret.use((bytes) => {
      inside = bytes;
      expect(bytes.toString('hex')).toBe('4761739001010010');
    });
    secret.wipe();
    expect(inside?.equals(Buffer.alloc(8))).toBe(true);
    expect(() => secret.use(() => 0)).toThrow('wiped');
    secret.wipe();
  });
  it('never show themselves', () => {
    const secret = SecretBytes.take(Buffer.from('4761739001010010'));
    expect([`${secret}`, JSON.stringify({ secret }), inspect({ secret })].join()).not.toContain('4761');
  });
  it('of a conversation are wiped together', () => {
    const arena = new SecretArena();
    const joined = arena.join([Buffer.from([1, 2]), Buffer.from([3])]);
    const kept = arena.keep(Buffer.from([9]));
    expect(joined.toString('hex')).toBe('010203');
    arena.wipe();
    expect([...joined, ...kept]).toEqual([0, 0, 0, 0]);
  });
});

describe('what a card has said', () => {
  it('is said once, or again in the same words', () => {
    const data = new CardData();
    const said = (tag: number, value = tag & 0xff) => ({
      tag,
      value: Buffer.of(value),
      raw: Buffer.alloc(3),
    });
    expect(data.add([said(0x5a), said(0x57)], false)).toBe(true);
    expect(data.add([said(0x5a, 1)], true)).toBe(false);
    expect(data.add([said(0x5a)], false)).toBe(true);
    expect(data.getCovered(0x5a)).toBeUndefined();
    data.cover([0x5a, 0x99]);
    expect(data.getCovered(0x5a)).toEqual(Buffer.of(0x5a));
  });
});

describe('the expiry in track 2', () => {
  it.each([
    ['4111111111111111d2612201', '2612'],
    ['374245001741007d18127021', '1812'],
    ['4111111111111111d26', undefined],
    ['4111111111111111d2613', undefined],
    ['4111111111111111d2600', undefined],
    ['41111111111111112612', undefined],
  ])('of %s is %s', (track2, expiry) => {
    const bytes = hex(track2.length % 2 === 0 ? track2 : `${track2}f`);
    expect(track2Expiry(bytes)?.toString('hex')).toBe(expiry);
  });
});
