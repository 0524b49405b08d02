/**
 * A MIFARE DESFire EV1, EV2 or EV3 in software: applications, files, keys, sessions and transactions as public
 * descriptions tell them, AES only. It shares no code with the reader on purpose: each judges the other.
 *
 * Native commands come wrapped (`90 INS 00 00 Lc data 00`), answers end in `91xx`. What the card keeps without power is
 * its `eeprom`; `reset()` is the field going off and on.
 */
import { randomBytes } from 'node:crypto';
import { type Command as Apdu, status } from '../short-apdu.ts';
import type { VirtualCard } from '../virtual-card.ts';
import { parseApdu } from './apdu.ts';
import { AUTHENTICATE, beginAuthentication, finishAuthentication } from './authenticate.ts';
import { CARD_COMMANDS } from './card-commands.ts';
import { type Chip, type Command, emptyRam, enter, isOutcome, newTransaction } from './chip.ts';
import { DATA_COMMANDS } from './data-commands.ts';
import { type Application, copyEeprom, type Eeprom } from './eeprom.ts';
import { FILE_COMMANDS } from './file-commands.ts';
import { KEY_COMMANDS } from './key-commands.ts';
import { type MessagingFlaws, openCommand, sealAnswer, wireBytes } from './sessions.ts';
import { type Outcome, refuse, STATUS } from './status.ts';
import { TRANSACTION_COMMANDS } from './transaction-commands.ts';

export interface DesfireOptions {
  /** Taken over as it is; hand in a copy to keep your own. */
  readonly eeprom: Eeprom;
  /** Chance of the card (challenges, transaction identifiers, random ids); the machine's unless a test hands it in. */
  readonly random?: (bytes: number) => Buffer;
  readonly flaws?: MessagingFlaws;
}

/** A DESFire card as a reader, and as a test, sees it. */
export interface DesfireCard extends VirtualCard {
  /** One command, one answer, without time. */
  answer(apdu: Uint8Array): Buffer;
  /** A copy of what it keeps without power. */
  eeprom(): Eeprom;
  /** Takes over a kept state; the field goes off. */
  restore(eeprom: Eeprom): void;
  /** The number that it shows in the field: its UID, or four random bytes. */
  fieldId(): Buffer;
}

const COMMANDS: ReadonlyMap<number, Command> = new Map([
  ...CARD_COMMANDS,
  ...KEY_COMMANDS,
  ...FILE_COMMANDS,
  ...DATA_COMMANDS,
  ...TRANSACTION_COMMANDS,
]);

const ADDITIONAL_FRAME = 0xaf;
const CHANGE_KEY = 0xc4;
/** Bytes of an answer's frame, without status. */
const FRAME_BYTES_MAX = 59;
/** EV1 takes no command that is longer than one ISO/IEC 14443-4 block of 64 bytes. */
const EV1_COMMAND_BYTES_MAX = 55;
const CARD_NAMES: readonly string[] = ['d2760000850100'];
const CARD_FILE_ID = 0x3f00;

export function createDesfireCard(options: DesfireOptions): DesfireCard {
  const random = options.random ?? randomBytes;
  let chip: Chip = {
    eeprom: options.eeprom,
    ram: emptyRam(random),
    random,
    flaws: options.flaws ?? {},
  };
  const answer = (apdu: Uint8Array): Buffer => answerApdu(chip, apdu);
  return {
    answer,
    transmit: async (apdu) => answer(apdu),
    reset: () => {
      chip.ram = emptyRam(random);
    },
    eeprom: () => copyEeprom(chip.eeprom),
    restore: (eeprom) => {
      chip = { ...chip, eeprom: copyEeprom(eeprom), ram: emptyRam(random) };
    },
    fieldId: () => (chip.eeprom.randomUid ? chip.ram.randomId : chip.eeprom.uid),
  };
}

function answerApdu(chip: Chip, bytes: Uint8Array): Buffer {
  const apdu = parseApdu(bytes);
  if (apdu === undefined) return status(0x6700);
  if (apdu.cla === 0x00) return apdu.ins === 0xa4 ? select(chip, apdu) : status(0x6d00);
  if (apdu.cla !== 0x90) return status(0x6e00);
  if (apdu.p1 !== 0 || apdu.p2 !== 0) return status(0x6a86);
  const { data = Buffer.alloc(0) } = apdu;
  if (chip.eeprom.model === 'EV1' && data.length > EV1_COMMAND_BYTES_MAX)
    return native(fail(chip, STATUS.length));
  return native(run(chip, apdu.ins, data, apdu.le ?? 0));
}

/** ISO SELECT of an application, or of the card itself, by DF name or file id. */
function select(chip: Chip, { p1, p2, data = Buffer.alloc(0) }: Apdu): Buffer {
  if ((p1 !== 0x04 && p1 !== 0x00) || (p2 !== 0x00 && p2 !== 0x0c)) return status(0x6a86);
  const fileId = data.length === 2 ? data.readUInt16BE() : undefined;
  const named = (app: Application) =>
    p1 === 0x04 ? app.dfName?.equals(data) === true : fileId !== undefined && app.isoFileId === fileId;
  const card = p1 === 0x04 ? CARD_NAMES.includes(data.toString('hex')) : fileId === CARD_FILE_ID;
  const app = card ? undefined : [...chip.eeprom.applications.values()].find(named);
  if (app === undefined && !card) return status(0x6a82);
  chip.ram.incoming = undefined;
  chip.ram.outgoing = [];
  enter(chip, app);
  return status(0x9000);
}

/** Frames first, then the commands. */
function run(chip: Chip, ins: number, data: Buffer, le: number): Outcome {
  const { outgoing, incoming, half } = chip.ram;
  if (ins === ADDITIONAL_FRAME) {
    if (half !== undefined) return failing(chip, finishAuthentication(chip, data));
    if (incoming !== undefined) {
      chip.ram.incoming = undefined;
      return execute(chip, incoming.ins, Buffer.concat([incoming.body, data]), le);
    }
    const next = data.length === 0 ? outgoing.shift() : undefined;
    if (next === undefined) return fail(chip, STATUS.illegal);
    return { status: outgoing.length > 0 ? STATUS.more : STATUS.ok, data: next };
  }
  if (half !== undefined || incoming !== undefined || outgoing.length > 0) return fail(chip, STATUS.aborted);
  const authentication = ins === AUTHENTICATE.ev2First || ins === AUTHENTICATE.ev2NonFirst;
  if (
    (authentication && chip.eeprom.model !== 'EV1') ||
    ins === AUTHENTICATE.ev1Aes ||
    ins === AUTHENTICATE.iso
  )
    return failing(chip, beginAuthentication(chip, ins, data));
  return execute(chip, ins, data, le);
}

function execute(chip: Chip, ins: number, body: Buffer, le: number): Outcome {
  const command = COMMANDS.get(ins);
  if (command === undefined || (command.sinceEv2 === true && chip.eeprom.model === 'EV1'))
    return fail(chip, STATUS.illegal);
  if (chip.ram.session?.kind === 'des' && ins !== CHANGE_KEY) return fail(chip, STATUS.illegal);
  const plan = command.plan(chip, body);
  if (isOutcome(plan)) return fail(chip, plan.status);
  const { session } = chip.ram;
  const needed = plan.headerBytes + wireBytes(session, plan);
  if (body.length < needed && command.chains === true && body.length >= plan.headerBytes) {
    chip.ram.incoming = { ins, body };
    return { status: STATUS.more };
  }
  if (body.length !== needed) return fail(chip, STATUS.length);
  const header = body.subarray(0, plan.headerBytes);
  const data = openCommand(session, { ...plan, ins, header }, body.subarray(plan.headerBytes));
  if (data === undefined) return fail(chip, STATUS.integrity);
  const outcome = plan.run(header, data);
  if (outcome.status !== STATUS.ok) return fail(chip, outcome.status);
  if (outcome.endsSession === true) {
    chip.ram.session = undefined;
    return { status: STATUS.ok };
  }
  const sealed = sealAnswer(session, plan.mode, outcome.data ?? Buffer.alloc(0), {
    endMarked: outcome.endMarked === true,
    flaws: chip.flaws,
  });
  if (command.whole === true && sealed.length > le) return fail(chip, STATUS.length);
  return inFrames(chip, sealed, command.whole === true ? [sealed.length] : (outcome.frameBytes ?? []));
}

/** The first frame now, the others by AF. */
function inFrames(chip: Chip, bytes: Buffer, ownFrames: readonly number[]): Outcome {
  const frames: Buffer[] = [];
  let rest = bytes;
  for (const length of ownFrames) {
    frames.push(rest.subarray(0, length));
    rest = rest.subarray(length);
  }
  for (; rest.length > 0; rest = rest.subarray(FRAME_BYTES_MAX))
    frames.push(rest.subarray(0, FRAME_BYTES_MAX));
  const [first = Buffer.alloc(0), ...others] = frames;
  chip.ram.outgoing = others;
  return { status: others.length > 0 ? STATUS.more : STATUS.ok, data: first };
}

function failing(chip: Chip, outcome: Outcome): Outcome {
  return outcome.status === STATUS.ok || outcome.status === STATUS.more
    ? outcome
    : fail(chip, outcome.status);
}

/** Any error ends the session, and what was begun is as if it had never been. */
function fail(chip: Chip, reason: number): Outcome {
  chip.ram.session = undefined;
  chip.ram.half = undefined;
  chip.ram.incoming = undefined;
  chip.ram.outgoing = [];
  chip.ram.transaction = newTransaction();
  return refuse(reason);
}

function native(outcome: Outcome): Buffer {
  return Buffer.concat([outcome.data ?? Buffer.alloc(0), status(0x9100 | outcome.status)]);
}
