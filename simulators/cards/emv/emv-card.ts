/**
 * A contactless bank card in software (EMV Contactless Books B, C-2, C-3, C-4 as far as public; ISO/IEC 7816-4). It
 * shares no code with the reader, on purpose. All numbers, keys and authorities are for tests.
 */

import { type Command, checkClass, parseCommand, status } from '../short-apdu.ts';
import type { VirtualCard } from '../virtual-card.ts';
import { type EmvApplication, SIGNATURE_RECORD } from './personalise.ts';
import { bytes, dolBytes, tlv } from './tlv-bytes.ts';
import {
  type Deed,
  generateCryptogram,
  type Options,
  processOptions,
  signatureRecord,
} from './transaction.ts';

/** What lies on the chip. */
export interface EmvCardContents {
  /** In the directory's order; a reader goes by their priorities. */
  readonly applications: readonly EmvApplication[];
  /** The issuer has locked the whole card: 6A81 to every SELECT. */
  readonly locked?: boolean;
  /** Transactions made so far: the next has one more. */
  readonly atc?: number;
  /** The number that the card signs instead of the terminal's: only a false card has one. */
  readonly unpredictableNumber?: (real: Buffer) => Buffer;
}

const DIRECTORY = Buffer.from('2PAY.SYS.DDF01', 'latin1');
const ATC_MAX = 0xffff;

interface CardState {
  atc: number;
  /** An application or the directory; null after power on. */
  selected: EmvApplication | 'directory' | null;
  deed: Deed | null;
  /** One GENERATE AC for each transaction. */
  generated: boolean;
  waiting: Buffer | null;
}

/** Makes a card. It answers at once; `misbehaveEmv` makes it misbehave. */
export function createEmvCard(contents: EmvCardContents): VirtualCard {
  const state: CardState = {
    atc: contents.atc ?? 0,
    selected: null,
    deed: null,
    generated: false,
    waiting: null,
  };
  return {
    transmit: async (apdu) => answer(Buffer.from(apdu), state, contents),
    reset: () => Object.assign(state, { selected: null, deed: null, generated: false, waiting: null }),
  };
}

function answer(apdu: Buffer, state: CardState, contents: EmvCardContents): Buffer {
  const command = parseCommand(apdu);
  const waiting = state.waiting;
  state.waiting = null;
  if (command === undefined) return status(0x6700);
  if (command.cla === 0x80) return paymentCommand(command, state, contents);
  const classFault = checkClass(command.cla);
  if (classFault !== undefined) return status(classFault);
  switch (command.ins) {
    case 0xa4:
      return select(command, state, contents);
    case 0xb2:
      return readRecord(command, state);
    case 0xc0:
      return getResponse(command, state, waiting);
    default:
      return status(0x6d00);
  }
}

function paymentCommand(command: Command, state: CardState, contents: EmvCardContents): Buffer {
  switch (command.ins) {
    case 0xa8:
      return getProcessingOptions(command, state, contents);
    case 0xae:
      return generateAc(command, state);
    case 0xca:
      return getData(command, state);
    default:
      return status(0x6d00);
  }
}

/** SELECT by name: the directory, an application, or the first or next of those whose names begin so. */
function select(command: Command, state: CardState, contents: EmvCardContents): Buffer {
  if (command.p1 !== 0x04 || (command.p2 !== 0x00 && command.p2 !== 0x02)) return status(0x6a86);
  const name = command.data;
  if (name === undefined || name.length < 5 || name.length > 16) return status(0x6700);
  if (contents.locked === true) return status(0x6a81);
  if (command.p2 === 0x00 && name.equals(DIRECTORY)) {
    Object.assign(state, { selected: 'directory', deed: null, generated: false });
    return send(directoryFci(contents.applications), command.le, state);
  }
  const fitting = contents.applications.filter(({ aid }) => aid.subarray(0, name.length).equals(name));
  const last = selectedAmong(fitting, state);
  const found = command.p2 === 0x00 ? fitting[0] : fitting[last + 1];
  if (found === undefined || (command.p2 === 0x02 && last === -1)) return status(0x6a82);
  Object.assign(state, { selected: found, deed: null, generated: false });
  return send(applicationFci(found), command.le, state, found.blocked ? 0x6283 : 0x9000);
}

/** Where the selected application stands among these; -1 when it is none of them. */
function selectedAmong(applications: readonly EmvApplication[], { selected }: CardState): number {
  return selected === null || selected === 'directory' ? -1 : applications.indexOf(selected);
}

/** The directory: one template for each application (EMV Contactless Book B, 3.3). */
function directoryFci(applications: readonly EmvApplication[]): Buffer {
  const entries = applications.map((application) =>
    tlv(
      '61',
      tlv('4F', application.aid),
      tlv('50', Buffer.from(application.label, 'latin1')),
      tlv('87', Buffer.from([application.priority])),
      tlv('9F2A', application.kernelId),
    ),
  );
  return tlv('6F', tlv('84', DIRECTORY), tlv('A5', tlv('BF0C', ...entries)));
}

function applicationFci(application: EmvApplication): Buffer {
  const { aid, label, priority, pdol, languages } = application;
  return tlv(
    '6F',
    tlv('84', aid),
    tlv(
      'A5',
      tlv('50', Buffer.from(label, 'latin1')),
      tlv('87', Buffer.from([priority])),
      ...(pdol.length > 0 ? [tlv('9F38', pdol)] : []),
      tlv('5F2D', Buffer.from(languages, 'latin1')),
      tlv('9F11', '01'),
      tlv('9F12', Buffer.from(label, 'latin1')),
      tlv('BF0C', tlv('9F4D', '0B0A')),
    ),
  );
}

/** GET PROCESSING OPTIONS: begins a transaction and counts it. */
function getProcessingOptions(command: Command, state: CardState, contents: EmvCardContents): Buffer {
  const { selected, deed } = state;
  if (command.p1 !== 0 || command.p2 !== 0) return status(0x6a86);
  if (selected === null || selected === 'directory' || selected.blocked || deed) return status(0x6985);
  const { data } = command;
  const wanted = dolBytes(selected.pdol);
  if (data === undefined || data.length < 2 || data[0] !== 0x83) return status(0x6a80);
  const head = wanted > 127 ? 3 : 2;
  if (data[1] !== (head === 3 ? 0x81 : wanted) || data.length !== head + wanted) return status(0x6700);
  if (head === 3 && data[2] !== wanted) return status(0x6700);
  if (state.atc >= ATC_MAX) return status(0x6985);
  const atc = Buffer.alloc(2);
  atc.writeUInt16BE(state.atc + 1);
  const falsify = contents.unpredictableNumber ?? ((real: Buffer) => real);
  const begun: Options | null = processOptions(selected, data.subarray(head), atc, falsify);
  if (begun === null) return status(0x6985);
  state.atc += 1;
  state.deed = begun.deed;
  return send(begun.answer, command.le, state);
}

/** READ RECORD by number in a file, once a transaction has begun. */
function readRecord(command: Command, state: CardState): Buffer {
  if (command.data !== undefined || command.le === undefined) return status(0x6700);
  if ((command.p2 & 0x07) !== 0x04 || command.p1 === 0) return status(0x6a86);
  const { deed } = state;
  if (deed === null) return status(0x6985);
  const sfi = command.p2 >> 3;
  const name = `${sfi}/${command.p1}`;
  const record = deed.application.records.get(name) ?? signatureRecord(deed, name);
  if (record !== undefined) return exactly(record, command.le, state);
  const files = new Set(
    [...deed.application.records.keys(), SIGNATURE_RECORD].map((key) => key.split('/')[0]),
  );
  return status(files.has(String(sfi)) ? 0x6a83 : 0x6a82);
}

/** GENERATE AC: the cryptogram, signed when the terminal asks for it. */
function generateAc(command: Command, state: CardState): Buffer {
  if (command.p2 !== 0 || (command.p1 & 0x2f) !== 0 || (command.p1 & 0xc0) === 0xc0) return status(0x6a86);
  const { deed } = state;
  if (deed === null || state.generated || deed.application.cdol1 === null) return status(0x6985);
  if (command.data?.length !== dolBytes(deed.application.cdol1)) return status(0x6700);
  state.generated = true;
  return send(generateCryptogram(deed, command.p1, command.data), command.le, state);
}

/** GET DATA: the transaction counter is all that is told. */
function getData(command: Command, state: CardState): Buffer {
  if (state.selected === null || state.selected === 'directory') return status(0x6985);
  if (command.data !== undefined) return status(0x6700);
  if (command.p1 !== 0x9f || command.p2 !== 0x36) return status(0x6a88);
  return send(tlv('9F36', bytes(state.atc.toString(16).padStart(4, '0'))), command.le, state);
}

function getResponse(command: Command, state: CardState, waiting: Buffer | null): Buffer {
  if (command.data !== undefined || command.le === undefined) return status(0x6700);
  if (command.p1 !== 0 || command.p2 !== 0) return status(0x6a86);
  return waiting === null ? status(0x6985) : send(waiting, command.le, state);
}

/** As many bytes as were asked for; the rest waits for GET RESPONSE. */
function send(data: Buffer, le: number | undefined, state: CardState, done = 0x9000): Buffer {
  const now = le ?? 0;
  if (data.length <= now) return Buffer.concat([data, status(done)]);
  state.waiting = data.subarray(now);
  const more = state.waiting.length > 0xff ? 0x00 : state.waiting.length; // 00: 256 or more
  return Buffer.concat([data.subarray(0, now), status(0x6100 | more)]);
}

/** A record has its length: another Le is answered by the right one. */
function exactly(record: Buffer, le: number, state: CardState): Buffer {
  if (le !== 256 && le !== record.length) return status(0x6c00 | (record.length & 0xff));
  return send(record, 256, state);
}
