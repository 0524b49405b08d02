/**
 * A terminal of the tests' own: it follows the cards' answers and checks their certificates with raw RSA. It shares
 * nothing with the cards and nothing with the edge agent.
 */
import { constants, createHash, createPublicKey, publicEncrypt } from 'node:crypto';
import type { VirtualCard } from '../../../../simulators/cards/virtual-card.ts';

export type Tlv = readonly [tag: string, value: Buffer];

/** Every data object with its children, templates opened; throws for bytes that are no TLV. */
export function readTlv(data: Uint8Array): Tlv[] {
  const found: Tlv[] = [];
  let at = 0;
  const byte = (): number => {
    const value = data[at++];
    if (value === undefined) throw new Error('TLV ends too early');
    return value;
  };
  while (at < data.length) {
    const start = at;
    const first = byte();
    if ((first & 0x1f) === 0x1f) while ((byte() & 0x80) !== 0);
    const tag = Buffer.from(data.subarray(start, at)).toString('hex').toUpperCase();
    let length = byte();
    if (length > 0x80) {
      let left = length - 0x80;
      length = 0;
      while (left-- > 0) length = length * 256 + byte();
    }
    if (at + length > data.length) throw new Error(`TLV ${tag} is cut`);
    const value = Buffer.from(data.subarray(at, at + length));
    at += length;
    found.push([tag, value]);
    if ((first & 0x20) !== 0) found.push(...readTlv(value));
  }
  return found;
}

/** What a terminal says of a transaction, by tag; other tags are sent as zeros. */
export const TERMINAL: Readonly<Record<string, string>> = {
  '9F66': '21804000',
  '9F02': '000000000000',
  '9F1A': '0804',
  '5F2A': '0980',
  '9A': '260601',
  '9C': '00',
  '9F37': 'C0FFEE01',
  '9F35': '25',
};

export interface Transaction {
  readonly tags: Map<string, Buffer>;
  readonly statuses: string[];
  /** Records that the card's certificate covers, as they enter its hash. */
  readonly staticRecords: Buffer[];
  readonly pdolValues: Buffer;
  readonly cdolValues: Buffer;
  /** Data objects of the answer to GENERATE AC without 9F4B. */
  readonly acAnswer: Buffer;
}

/** One transaction from the directory to the last command; stops where a card says no. */
export async function transact(
  card: VirtualCard,
  changes: Readonly<Record<string, string>> = {},
): Promise<Transaction> {
  const terminal = { ...TERMINAL, ...changes };
  const tags = new Map<string, Buffer>();
  const statuses: string[] = [];
  const ask = async (hex: string): Promise<Buffer> => {
    const answer = Buffer.from(await card.transmit(Buffer.from(hex, 'hex')));
    statuses.push(answer.subarray(-2).toString('hex'));
    return answer.subarray(0, -2);
  };
  const take = (data: Buffer): Buffer => {
    for (const [tag, value] of readTlv(data)) tags.set(tag, value);
    return data;
  };
  const fill = (dol: Buffer): Buffer => fillDol(dol, terminal);
  const result = { tags, statuses, staticRecords: [] as Buffer[] };
  const empty = Buffer.alloc(0);
  const directory = await ask('00a404000e325041592e5359532e444446303100');
  const name = preferred(directory);
  if (name === undefined) return { ...result, pdolValues: empty, cdolValues: empty, acAnswer: empty };
  take(await ask(`00a40400${hexLength(name)}${name.toString('hex')}00`));
  const pdolValues = fill(tags.get('9F38') ?? empty);
  const template = pdolValues.length > 127 ? `8381${hexLength(pdolValues)}` : `83${hexLength(pdolValues)}`;
  const asked = `${template}${pdolValues.toString('hex')}`;
  const options = await ask(`80a80000${hexByte(asked.length / 2)}${asked}00`);
  const none = { ...result, pdolValues, cdolValues: empty, acAnswer: empty };
  if (options.length === 0) return none;
  if (options[0] === 0x80) {
    const [[, value] = ['', empty]] = readTlv(options);
    tags.set('82', value.subarray(0, 2)).set('94', value.subarray(2));
  } else take(options);
  const afl = tags.get('94') ?? empty;
  for (let at = 0; at < afl.length; at += 4) {
    const [place = 0, first = 0, last = 0, signed = 0] = afl.subarray(at, at + 4);
    for (let number = first; number <= last; number++) {
      const record = take(await ask(`00b2${hexByte(number)}${hexByte(place | 4)}00`));
      if (number - first >= signed) continue;
      const inner = readTlv(record)[0]?.[1] ?? empty;
      result.staticRecords.push(place >> 3 > 10 ? record : inner);
    }
  }
  const cdol = tags.get('8C');
  if (cdol === undefined) return none;
  const cdolValues = fill(cdol);
  const ac = take(await ask(`80ae9000${hexLength(cdolValues)}${cdolValues.toString('hex')}00`));
  const [, ...objects] = readTlv(ac);
  const acAnswer = Buffer.concat(
    objects
      .filter(([tag]) => tag !== '9F4B')
      .map(([tag, v]) => Buffer.concat([Buffer.from(tag, 'hex'), Buffer.from([v.length]), v])),
  );
  return { ...result, pdolValues, cdolValues, acAnswer };
}

/** The name of the application with the smallest priority in a directory's answer. */
function preferred(directory: Buffer): Buffer | undefined {
  const names: { name: Buffer; priority: number }[] = [];
  for (const [tag, value] of readTlv(directory)) {
    if (tag !== '61') continue;
    const inner = new Map(readTlv(value));
    names.push({ name: inner.get('4F') as Buffer, priority: inner.get('87')?.[0] ?? 15 });
  }
  return names.sort((a, b) => a.priority - b.priority)[0]?.name;
}

export function fillDol(dol: Buffer, terminal: Readonly<Record<string, string>>): Buffer {
  const parts: Buffer[] = [];
  for (let at = 0; at < dol.length; ) {
    const start = at;
    if (((dol[at++] as number) & 0x1f) === 0x1f) while (((dol[at++] as number) & 0x80) !== 0);
    const tag = dol.subarray(start, at).toString('hex').toUpperCase();
    const value = Buffer.alloc(dol[at++] as number);
    Buffer.from(terminal[tag] ?? '', 'hex').copy(value);
    parts.push(value);
  }
  return Buffer.concat(parts);
}

function hexByte(value: number): string {
  return value.toString(16).padStart(2, '0');
}

function hexLength(value: Buffer): string {
  return hexByte(value.length);
}

/** The block under a signature; throws for one that is not between 6A and BC. */
export function recover(modulus: Buffer, exponent: Buffer, signature: Buffer): Buffer {
  const key = createPublicKey({
    key: { kty: 'RSA', n: modulus.toString('base64url'), e: exponent.toString('base64url') },
    format: 'jwk',
  });
  const block = publicEncrypt({ key, padding: constants.RSA_NO_PADDING }, signature);
  if (block[0] !== 0x6a || block.at(-1) !== 0xbc) throw new Error('no EMV signature');
  return block;
}

export function sha1(...parts: readonly Buffer[]): string {
  const hash = createHash('sha1');
  for (const part of parts) hash.update(part);
  return hash.digest('hex');
}

export interface Recovered {
  readonly format: number;
  readonly name: string;
  readonly expiry: string;
  readonly hashHolds: boolean;
  readonly modulus: Buffer;
}

/** Opens a certificate: `nameBytes` is 4 for an issuer's, 10 for a card's. */
export function openCertificate(
  block: Buffer,
  nameBytes: number,
  remainder: Buffer,
  exponent: Buffer,
  more: readonly Buffer[] = [],
): Recovered {
  const at = 2 + nameBytes;
  const signed = block.subarray(1, -21);
  const length = block[at + 7] as number;
  const room = block.subarray(at + 9, -21);
  return {
    format: block[1] as number,
    name: block.subarray(2, at).toString('hex').toUpperCase(),
    expiry: block.subarray(at, at + 2).toString('hex'),
    hashHolds: sha1(signed, remainder, exponent, ...more) === block.subarray(-21, -1).toString('hex'),
    modulus: Buffer.concat([room.subarray(0, Math.min(room.length, length)), remainder]),
  };
}

/** The whole chain of a transaction, each link as it stands. */
export function openChain(
  done: Transaction,
  authority: { readonly modulus: Buffer; readonly exponent: Buffer },
): { issuer: Recovered; card: Recovered; dynamic: Buffer } {
  const tag = (name: string): Buffer => done.tags.get(name) ?? Buffer.alloc(0);
  const issuer = openCertificate(
    recover(authority.modulus, authority.exponent, tag('90')),
    4,
    tag('92'),
    tag('9F32'),
  );
  const card = openCertificate(
    recover(issuer.modulus, tag('9F32'), tag('9F46')),
    10,
    tag('9F48'),
    tag('9F47'),
    [...done.staticRecords, tag('9F4A').equals(Buffer.from([0x82])) ? tag('82') : Buffer.alloc(0)],
  );
  return { issuer, card, dynamic: recover(card.modulus, tag('9F47'), tag('9F4B')) };
}

/** Whether the dynamic signature's hash holds over what the terminal said. */
export function dynamicHolds(dynamic: Buffer, terminalData: readonly Buffer[]): boolean {
  return sha1(dynamic.subarray(1, -21), ...terminalData) === dynamic.subarray(-21, -1).toString('hex');
}
