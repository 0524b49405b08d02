/**
 * Bank cards on a bad day, and false ones: each is a card in order with exactly one fault. What any kind of card can do
 * wrong (torn, slow, silent, garbage, endless answers) is in `../misbehaviour.ts` and works here too.
 */
import { type Misbehaviour, misbehave } from '../misbehaviour.ts';
import type { VirtualCard } from '../virtual-card.ts';
import { createEmvCard, type EmvCardContents } from './emv-card.ts';
import { type EmvApplication, personalise } from './personalise.ts';
import { type BankCardChanges, type BankCardKind, bankCardOrders } from './profiles.ts';
import { bytes, dolBytes, tlv } from './tlv-bytes.ts';

/** A fault that only a bank card can have. Bytes count from 0. */
export type EmvFault =
  /** One bit of a data object is wrong wherever the card sends it; `byte` counts within its value. */
  | { readonly kind: 'flipped-tag'; readonly tag: string; readonly byte: number }
  /** One bit of the n-th answer since the field came on, data alone. */
  | { readonly kind: 'flipped-answer'; readonly answer: number; readonly byte: number }
  /** It signs another unpredictable number than the terminal's. */
  | { readonly kind: 'wrong-unpredictable-number' }
  /** From the second transaction on it repeats the answers of the first. */
  | { readonly kind: 'replayed' }
  /** The outermost length in answers to one instruction is off by so many bytes. */
  | { readonly kind: 'lying-length'; readonly ins: number; readonly bytes: number }
  /** Its list of records goes on for 255 records more, and it has them. */
  | { readonly kind: 'long-afl' }
  /** A record (`SFI/number`) that its list names is not there. */
  | { readonly kind: 'missing-record'; readonly record: string }
  /** A data object comes twice, the second time with another value, outside of what is signed. */
  | { readonly kind: 'duplicate-tag'; readonly tag: string; readonly value: string }
  /** A record carries so many bytes of filling, handed out by GET RESPONSE beyond 256. */
  | { readonly kind: 'huge-record'; readonly bytes: number }
  /** It asks for 250 bytes in all. */
  | { readonly kind: 'greedy-pdol' }
  /** A record is so many templates, each within the other. */
  | { readonly kind: 'deep-templates'; readonly depth: number };

/** Most bytes that a short command has room for around `83 81 FA`. */
const GREEDY_BYTES = 250;
const LONG_SFI = 10;
/** The record that faults of records are put into: it carries nothing that the card signs. */
const UNSIGNED_RECORD = '2/1';

/** A card of a kind, with one fault. */
export function badBankCard(
  kind: BankCardKind,
  fault: EmvFault | Misbehaviour,
  changes: BankCardChanges = {},
): VirtualCard {
  const applications = bankCardOrders(kind, changes).map(personalise);
  const make = (
    change: (application: EmvApplication) => EmvApplication,
    more: Partial<EmvCardContents> = {},
  ) => createEmvCard({ applications: applications.map(change), locked: kind === 'locked', ...more });
  const same = (application: EmvApplication): EmvApplication => application;
  switch (fault.kind) {
    case 'flipped-tag':
      return onAnswer(make(same), (_ins, answer) => flipTag(answer, fault.tag, fault.byte));
    case 'flipped-answer':
      return flipAnswer(make(same), fault.answer, fault.byte);
    case 'wrong-unpredictable-number':
      return make(same, { unpredictableNumber: (real) => flip(real, real.length - 1) });
    case 'replayed':
      return replayed(make(same));
    case 'lying-length':
      return onAnswer(make(same), (ins, answer) => (ins === fault.ins ? lie(answer, fault.bytes) : answer));
    case 'long-afl':
      return make(withLongAfl);
    case 'missing-record':
      return make((application) => withRecord(application, fault.record, null));
    case 'duplicate-tag':
      return make((application) => addToRecord(application, tlv(fault.tag, fault.value)));
    case 'huge-record':
      return make((application) => addToRecord(application, tlv('DF71', Buffer.alloc(fault.bytes, 0xa5))));
    case 'greedy-pdol':
      return make(withGreedyPdol);
    case 'deep-templates':
      return make((application) => withRecord(application, UNSIGNED_RECORD, nested(fault.depth)));
    default:
      return misbehave(make(same), fault);
  }
}

function onAnswer(card: VirtualCard, change: (ins: number, answer: Buffer) => Buffer): VirtualCard {
  return {
    ...card,
    transmit: async (apdu) => change(apdu[1] ?? 0, Buffer.from(await card.transmit(apdu))),
  };
}

function flipAnswer(card: VirtualCard, wanted: number, byte: number): VirtualCard {
  let count = 0;
  return {
    transmit: async (apdu) => {
      const answer = Buffer.from(await card.transmit(apdu));
      return count++ === wanted && byte < answer.length - 2 ? flip(answer, byte) : answer;
    },
    reset: () => {
      count = 0;
      card.reset();
    },
  };
}

function flip(data: Buffer, byte: number): Buffer {
  const changed = Buffer.from(data);
  changed[byte] = (changed[byte] ?? 0) ^ 0x01;
  return changed;
}

/** Flips a bit in the value of a data object, in templates too. */
function flipTag(answer: Buffer, tag: string, byte: number): Buffer {
  const found = findValue(answer, 0, answer.length - 2, tag);
  return found === null || byte >= found.end - found.start ? answer : flip(answer, found.start + byte);
}

interface Place {
  readonly start: number;
  readonly end: number;
}

/** Where a data object's value stands in an honest card's answer. */
function findValue(data: Buffer, from: number, to: number, tag: string): Place | null {
  for (let at = from; at < to; ) {
    const tagAt = at;
    const first = data.readUInt8(at++);
    if ((first & 0x1f) === 0x1f) while ((data.readUInt8(at++) & 0x80) !== 0);
    const name = data.subarray(tagAt, at).toString('hex').toUpperCase();
    let length = data.readUInt8(at++);
    if (length > 0x80) {
      const more = length - 0x80;
      length = data.readUIntBE(at, more);
      at += more;
    }
    const place = { start: at, end: Math.min(at + length, to) };
    if (name === tag.toUpperCase()) return place;
    const inside = (first & 0x20) !== 0 ? findValue(data, place.start, place.end, tag) : null;
    if (inside) return inside;
    at = place.end;
  }
  return null;
}

/** Another number in the outermost length's last byte, the bytes behind it as they are. */
function lie(answer: Buffer, by: number): Buffer {
  if (answer.length < 4) return answer;
  const at = answer.readUInt8(1) > 0x80 ? answer.readUInt8(1) - 0x80 + 1 : 1;
  const changed = Buffer.from(answer);
  changed.writeUInt8((changed.readUInt8(at) + by) & 0xff, at);
  return changed;
}

/** Remembers the answers of the first transaction by class, instruction and parameters. */
function replayed(card: VirtualCard): VirtualCard {
  const recorded = new Map<string, Uint8Array>();
  return {
    ...card,
    transmit: async (apdu) => {
      const key = Buffer.from(apdu.subarray(0, 4)).toString('hex');
      const isSelect = apdu[1] === 0xa4;
      const known = isSelect ? undefined : recorded.get(key);
      const answer = known ?? (await card.transmit(apdu));
      if (!isSelect && answer.length > 2) recorded.set(key, answer);
      return answer;
    },
  };
}

function withRecord(application: EmvApplication, name: string, record: Buffer | null): EmvApplication {
  const records = new Map(application.records);
  if (record === null) records.delete(name);
  else records.set(name, record);
  return { ...application, records };
}

/** Appends data objects to the unsigned record. */
function addToRecord(application: EmvApplication, more: Buffer): EmvApplication {
  const record = application.records.get(UNSIGNED_RECORD) ?? tlv('70');
  const head = record[1] === 0x81 ? 3 : 2;
  return withRecord(application, UNSIGNED_RECORD, tlv('70', record.subarray(head), more));
}

function withLongAfl(application: EmvApplication): EmvApplication {
  const records = new Map(application.records);
  for (let number = 1; number <= 255; number++)
    records.set(`${LONG_SFI}/${number}`, tlv('70', tlv('DF72', Buffer.from([number]))));
  return { ...application, records, afl: Buffer.concat([application.afl, bytes('5001ff00')]) };
}

function withGreedyPdol(application: EmvApplication): EmvApplication {
  const more = GREEDY_BYTES - dolBytes(application.pdol);
  return { ...application, pdol: Buffer.concat([application.pdol, bytes('df73'), Buffer.from([more])]) };
}

function nested(depth: number): Buffer {
  let inner = tlv('DF74', '00');
  for (let i = 0; i < depth; i++) inner = tlv('70', inner);
  return inner;
}
