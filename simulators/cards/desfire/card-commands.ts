/** Commands about the card as a whole: what it is, which applications it has, how it is set up. */
import {
  type Chip,
  type Commands,
  enter,
  freeOrMaster,
  headerOnly,
  isMaster,
  type Plan,
  SETTINGS,
} from './chip.ts';
import { type Application, freeBytes, type KeySet } from './eeprom.ts';
import { done, type Outcome, refuse, STATUS } from './status.ts';
import { VERSION_FRAME_BYTES, versionBytes } from './versions.ts';

const AID_BYTES = 3;
const EV1_APPLICATIONS_MAX = 28;
const KEYS_MAX = 14;
const AES_KEYS = 0x80;

/** UID in an answer that anyone may ask for. */
function shownUid({ eeprom }: Chip): Buffer {
  return eeprom.randomUid ? Buffer.alloc(7) : eeprom.uid;
}

function noParameters(chip: Chip, body: Buffer, run: () => Outcome): Plan {
  return headerOnly(chip, body, (header) => (header.length === 0 ? run() : refuse(STATUS.length)));
}

export const CARD_COMMANDS: Commands = new Map([
  [
    0x60, // GetVersion
    {
      plan: (chip, body) =>
        noParameters(chip, body, () => ({
          ...done(versionBytes(chip.eeprom.model, shownUid(chip))),
          frameBytes: VERSION_FRAME_BYTES,
        })),
    },
  ],
  [
    0x51, // GetCardUID
    {
      plan: (chip, body) => {
        if (chip.ram.session === undefined) return refuse(STATUS.authentication);
        return { ...noParameters(chip, body, () => done(chip.eeprom.uid)), mode: 'full' };
      },
    },
  ],
  [
    0x6e, // FreeMemory
    {
      plan: (chip, body) =>
        noParameters(chip, body, () => {
          const bytes = Buffer.alloc(3);
          bytes.writeUIntLE(freeBytes(chip.eeprom), 0, 3);
          return done(bytes);
        }),
    },
  ],
  [0x5a, { plan: planSelect }],
  [
    0x6a, // GetApplicationIDs
    {
      plan: (chip, body) =>
        atCardLevel(chip, SETTINGS.freeDirectory) ??
        noParameters(chip, body, () =>
          done(Buffer.from([...chip.eeprom.applications.keys()].join(''), 'hex')),
        ),
    },
  ],
  [
    0x6d, // GetDFNames
    {
      plan: (chip, body) =>
        atCardLevel(chip, SETTINGS.freeDirectory) ?? noParameters(chip, body, () => namesOf(chip)),
    },
  ],
  [0xca, { plan: (chip, body) => atCardLevel(chip, SETTINGS.freeCreate) ?? planCreate(chip, body) }],
  [0xda, { plan: (chip, body) => headerOnly(chip, body, (aid) => deleteApplication(chip, aid)) }],
  [
    0xfc, // FormatPICC
    {
      plan: (chip, body) =>
        noParameters(chip, body, () => {
          if (chip.ram.app !== undefined || !isMaster(chip)) return refuse(STATUS.authentication);
          if (chip.eeprom.formatDisabled) return refuse(STATUS.denied);
          chip.eeprom.applications.clear();
          return done();
        }),
    },
  ],
  [0x5c, { plan: planConfiguration }],
] as const);

function atCardLevel(chip: Chip, bit: number): Outcome | undefined {
  if (chip.ram.app !== undefined) return refuse(STATUS.illegal);
  return freeOrMaster(chip, bit) ? undefined : refuse(STATUS.authentication);
}

/** SelectApplication travels plain whatever the session, and ends it. */
function planSelect(chip: Chip, body: Buffer): Plan | Outcome {
  const aid = body.toString('hex');
  if (body.length !== AID_BYTES) return refuse(STATUS.length);
  const app = chip.eeprom.applications.get(aid);
  if (app === undefined && aid !== '000000') return refuse(STATUS.applicationNotFound);
  return {
    headerBytes: AID_BYTES,
    mode: 'plain',
    dataBytes: 0,
    run: () => {
      enter(chip, app);
      return { ...done(), endsSession: true };
    },
  };
}

/** One frame for each application that has an ISO name. */
function namesOf(chip: Chip): Outcome {
  const names = [...chip.eeprom.applications.values()].flatMap((app) => {
    if (app.isoFileId === undefined) return [];
    const iso = Buffer.alloc(2);
    iso.writeUInt16LE(app.isoFileId);
    return [Buffer.concat([Buffer.from(app.aid, 'hex'), iso, app.dfName ?? Buffer.alloc(0)])];
  });
  return { ...done(Buffer.concat(names)), frameBytes: names.slice(0, -1).map((name) => name.length) };
}

interface Order {
  readonly settings: number;
  readonly keyCount: number;
  readonly isoFiles: boolean;
  readonly keySetCount: number;
  readonly keySetVersion: number;
  readonly rollKey: number;
  readonly isoFileId: number | undefined;
  readonly dfName: Buffer | undefined;
}

function planCreate(chip: Chip, body: Buffer): Plan {
  return headerOnly(chip, body, (header) => {
    const aid = header.subarray(0, AID_BYTES).toString('hex');
    const order = readOrder(chip, header.subarray(AID_BYTES));
    if (typeof order === 'number') return refuse(order);
    const { applications, defaultKey, model } = chip.eeprom;
    if (aid === '000000') return refuse(STATUS.parameter);
    const others = [...applications.values()];
    if (applications.has(aid) || others.some((app) => sameName(app, order))) return refuse(STATUS.duplicate);
    if (model === 'EV1' && applications.size >= EV1_APPLICATIONS_MAX) return refuse(STATUS.count);
    const keys = new Array<typeof defaultKey>(order.keyCount).fill(defaultKey);
    const first: KeySet = { version: order.keySetVersion, keys, finalized: true };
    const app: Application = {
      aid,
      ...(order.isoFileId !== undefined && { isoFileId: order.isoFileId }),
      ...(order.dfName !== undefined && { dfName: order.dfName }),
      isoFiles: order.isoFiles,
      settings: order.settings,
      keyCount: order.keyCount,
      keySets: [first, ...new Array<undefined>(order.keySetCount - 1)],
      rollKey: order.rollKey,
      files: new Map(),
    };
    applications.set(aid, app);
    if (freeBytes(chip.eeprom) >= 0) return done();
    applications.delete(aid);
    return refuse(STATUS.memory);
  });
}

/** Key settings, key sets of EV2 where bit 4 announces them, then ISO file id and DF name where there are any. */
function readOrder(chip: Chip, bytes: Buffer): Order | number {
  const [settings, kind] = bytes;
  if (settings === undefined || kind === undefined) return STATUS.length;
  const keyCount = kind & 0x0f;
  if ((kind & 0xc0) !== AES_KEYS || keyCount === 0 || keyCount > KEYS_MAX) return STATUS.parameter;
  let rest = bytes.subarray(2);
  let keySetCount = 1;
  let keySetVersion = 0;
  let rollKey = 0;
  if ((kind & 0x10) !== 0) {
    if (chip.eeprom.model === 'EV1') return STATUS.parameter;
    if (rest[0] === undefined) return STATUS.length;
    const sets = (rest[0] & 0x01) !== 0;
    const [version, count, keyBytes, roll] = rest.subarray(1);
    rest = rest.subarray(sets ? 5 : 1);
    if (sets) {
      if (version === undefined || count === undefined || roll === undefined) return STATUS.length;
      if (count < 2 || count > 16 || keyBytes !== 0x10) return STATUS.parameter;
      keySetCount = count;
      keySetVersion = version;
      rollKey = roll & 0x0f;
    }
  }
  if (rest.length === 1 || rest.length > 18) return STATUS.length;
  return {
    settings,
    keyCount,
    isoFiles: (kind & 0x20) !== 0,
    keySetCount,
    keySetVersion,
    rollKey,
    isoFileId: rest.length >= 2 ? rest.readUInt16LE() : undefined,
    dfName: rest.length > 2 ? Buffer.from(rest.subarray(2)) : undefined,
  };
}

function sameName(app: Application, order: Order): boolean {
  if (order.isoFileId !== undefined && app.isoFileId === order.isoFileId) return true;
  return order.dfName !== undefined && app.dfName?.equals(order.dfName) === true;
}

function deleteApplication(chip: Chip, bytes: Buffer): Outcome {
  if (bytes.length !== AID_BYTES) return refuse(STATUS.length);
  const aid = bytes.toString('hex');
  if (!chip.eeprom.applications.has(aid)) return refuse(STATUS.applicationNotFound);
  const own = chip.ram.app?.aid === aid;
  if (!isMaster(chip) || (chip.ram.app !== undefined && !own)) return refuse(STATUS.authentication);
  chip.eeprom.applications.delete(aid);
  if (own) enter(chip, undefined);
  return done();
}

/** Option 00: bit 0 forbids formatting, bit 1 turns the random UID on; both for ever. Option 01: the default key. */
function planConfiguration(chip: Chip, body: Buffer): Plan | Outcome {
  if (chip.ram.app !== undefined || !isMaster(chip)) return refuse(STATUS.authentication);
  const option = body[0];
  if (option !== 0x00 && option !== 0x01) return refuse(STATUS.parameter);
  const dataBytes = option === 0x00 ? 1 : 25;
  const run = (_header: Buffer, data: Buffer) => {
    if (option === 0x01) {
      chip.eeprom.defaultKey = { bytes: Buffer.from(data.subarray(0, 16)), version: data[24] as number };
      return done();
    }
    chip.eeprom.formatDisabled ||= ((data[0] as number) & 0x01) !== 0;
    chip.eeprom.randomUid ||= ((data[0] as number) & 0x02) !== 0;
    return done();
  };
  return { headerBytes: 1, mode: 'full', dataBytes, run };
}
