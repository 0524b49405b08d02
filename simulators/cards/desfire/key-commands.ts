/** Commands about keys: versions, settings, changing a key, and EV2's key sets. */
import { crc32, xor } from './aes.ts';
import { type Chip, type Commands, freeOrMaster, headerOnly, isMaster, type Plan, SETTINGS } from './chip.ts';
import { activeKeys, type KeySet, type StoredKey, ZERO_KEY } from './eeprom.ts';
import { done, type Outcome, refuse, STATUS } from './status.ts';

const KEY_BYTES = 16;
const AES = 0x02;
const AES_ON_CARD_LEVEL = 0x80;
const NEVER = 0xf;
const THE_KEY_ITSELF = 0xe;

export const KEY_COMMANDS: Commands = new Map([
  [0x64, { plan: (chip, body) => headerOnly(chip, body, (header) => keyVersion(chip, header)) }],
  [0x45, { plan: (chip, body) => headerOnly(chip, body, (header) => keySettings(chip, header)) }],
  [0x54, { plan: planChangeSettings }],
  [
    0xc4, // ChangeKey
    {
      plan: (chip, body) => {
        const keyNo = body[0];
        return keyNo === undefined ? refuse(STATUS.length) : planChangeKey(chip, 1, 0, keyNo);
      },
    },
  ],
  [
    0xc6, // ChangeKeyEV2
    {
      sinceEv2: true,
      plan: (chip, body) => {
        const [setNo, keyNo] = body;
        if (setNo === undefined || keyNo === undefined) return refuse(STATUS.length);
        return planChangeKey(chip, 2, setNo, keyNo);
      },
    },
  ],
  [0x56, { sinceEv2: true, plan: (chip, body) => headerOnly(chip, body, (h) => initializeKeySet(chip, h)) }],
  [0x57, { sinceEv2: true, plan: (chip, body) => headerOnly(chip, body, (h) => finalizeKeySet(chip, h)) }],
  [0x55, { sinceEv2: true, plan: (chip, body) => headerOnly(chip, body, (h) => rollKeySet(chip, h)) }],
] as const);

/** GetKeyVersion: the key's number; with bit 6 and a second byte, of another key set. */
function keyVersion(chip: Chip, header: Buffer): Outcome {
  const first = header[0];
  const ofSet = ((first ?? 0) & 0x40) !== 0 && chip.eeprom.model !== 'EV1';
  if (first === undefined || header.length !== (ofSet ? 2 : 1)) return refuse(STATUS.length);
  const keyNo = ofSet ? first & 0x0f : first;
  const { app } = chip.ram;
  if (app === undefined)
    return keyNo === 0 ? done(Buffer.of(chip.eeprom.masterKey.version)) : refuse(STATUS.noSuchKey);
  const keys = ofSet ? app.keySets[(header[1] as number) & 0x0f]?.keys : activeKeys(app);
  const key = keys?.[keyNo];
  return key === undefined ? refuse(STATUS.noSuchKey) : done(Buffer.of(key.version));
}

function keySettings(chip: Chip, header: Buffer): Outcome {
  if (header.length !== 0) return refuse(STATUS.length);
  if (!freeOrMaster(chip, SETTINGS.freeDirectory)) return refuse(STATUS.authentication);
  const { app } = chip.ram;
  if (app === undefined) {
    const kind = chip.eeprom.masterKey.des ? 0 : AES_ON_CARD_LEVEL;
    return done(Buffer.of(chip.eeprom.masterSettings, kind | 1));
  }
  return done(Buffer.of(app.settings, AES_ON_CARD_LEVEL | (app.isoFiles ? 0x20 : 0) | app.keyCount));
}

function planChangeSettings(chip: Chip): Plan | Outcome {
  if (!isMaster(chip)) return refuse(STATUS.authentication);
  const settings = chip.ram.app?.settings ?? chip.eeprom.masterSettings;
  if ((settings & SETTINGS.changeable) === 0) return refuse(STATUS.denied);
  const run = (_header: Buffer, data: Buffer) => {
    if (chip.ram.app !== undefined) chip.ram.app.settings = data[0] as number;
    else chip.eeprom.masterSettings = (data[0] as number) & 0x0f;
    return done();
  };
  return { headerBytes: 0, mode: 'full', dataBytes: 1, run };
}

/**
 * The new key comes with its version; unless it replaces the key of the session it comes XORed with the old one, and
 * with a CRC of its own. The session of a replaced key ends without a MAC.
 */
function planChangeKey(chip: Chip, headerBytes: number, setNo: number, keyByte: number): Plan | Outcome {
  const { session, app } = chip.ram;
  if (session === undefined) return refuse(STATUS.authentication);
  if (app === undefined && (keyByte & 0xc0) !== AES_ON_CARD_LEVEL) return refuse(STATUS.parameter);
  const keyNo = app === undefined ? keyByte & 0x3f : keyByte;
  const set = app?.keySets[setNo];
  const old = app === undefined ? cardKey(chip, setNo, keyNo) : set?.keys[keyNo];
  if (old === undefined || (setNo !== 0 && set?.finalized === true)) return refuse(STATUS.noSuchKey);
  const fault = mayChange(chip, keyNo, session.keyNo);
  if (fault !== undefined) return refuse(fault);
  const own = setNo === 0 && session.keyNo === keyNo;
  const run = (_header: Buffer, data: Buffer): Outcome => {
    const sent = data.subarray(0, KEY_BYTES);
    const bytes = own ? Buffer.from(sent) : xor(sent, old.bytes);
    if (!own && !crc32(bytes).equals(data.subarray(KEY_BYTES + 1))) return refuse(STATUS.integrity);
    const key: StoredKey = { bytes, version: data[KEY_BYTES] as number };
    if (app === undefined) chip.eeprom.masterKey = key;
    else if (set !== undefined) app.keySets[setNo] = { ...set, keys: set.keys.with(keyNo, key) };
    return { ...done(), endsSession: own };
  };
  return { headerBytes, mode: 'full', dataBytes: KEY_BYTES + 1, tailBytes: own ? 0 : 4, run };
}

function cardKey(chip: Chip, setNo: number, keyNo: number): StoredKey | undefined {
  return setNo === 0 && keyNo === 0 ? chip.eeprom.masterKey : undefined;
}

/** What the key settings say about changing this key from a session with that one. */
function mayChange(chip: Chip, keyNo: number, sessionKeyNo: number): number | undefined {
  const settings = chip.ram.app?.settings ?? chip.eeprom.masterSettings;
  if (keyNo === 0) {
    if ((settings & SETTINGS.masterChangeable) === 0) return STATUS.denied;
    return sessionKeyNo === 0 ? undefined : STATUS.authentication;
  }
  const changer = settings >> 4;
  if (changer === NEVER) return STATUS.denied;
  const needed = changer === THE_KEY_ITSELF ? keyNo : changer === keyNo ? 0 : changer;
  return sessionKeyNo === needed ? undefined : STATUS.authentication;
}

function initializeKeySet(chip: Chip, header: Buffer): Outcome {
  const [setNo, kind] = header;
  const { app } = chip.ram;
  if (setNo === undefined || header.length !== 2) return refuse(STATUS.length);
  if (app === undefined || !isMaster(chip)) return refuse(STATUS.authentication);
  if (kind !== AES || setNo === 0 || setNo >= app.keySets.length) return refuse(STATUS.parameter);
  const keys = new Array<StoredKey>(app.keyCount).fill(ZERO_KEY);
  app.keySets[setNo] = { version: 0, keys, finalized: false };
  return done();
}

function finalizeKeySet(chip: Chip, header: Buffer): Outcome {
  const [setNo, version] = header;
  if (setNo === undefined || version === undefined || header.length !== 2) return refuse(STATUS.length);
  const set = openSet(chip, setNo);
  if (set === undefined || chip.ram.app === undefined) return refuse(STATUS.parameter);
  if (!isMaster(chip)) return refuse(STATUS.authentication);
  chip.ram.app.keySets[setNo] = { ...set, version, finalized: true };
  return done();
}

function openSet(chip: Chip, setNo: number): KeySet | undefined {
  const set = setNo === 0 ? undefined : chip.ram.app?.keySets[setNo];
  return set?.finalized === false ? set : undefined;
}

/** The set becomes the active one; there is no way back to the former. */
function rollKeySet(chip: Chip, header: Buffer): Outcome {
  const { app, session } = chip.ram;
  const setNo = header[0];
  if (setNo === undefined || header.length !== 1) return refuse(STATUS.length);
  const set = setNo === 0 ? undefined : app?.keySets[setNo];
  if (app === undefined || set?.finalized !== true) return refuse(STATUS.parameter);
  if (session?.keyNo !== app.rollKey) return refuse(STATUS.authentication);
  app.keySets[0] = set;
  app.keySets[setNo] = undefined;
  return { ...done(), endsSession: true };
}
