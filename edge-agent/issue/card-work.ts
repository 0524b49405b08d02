/**
 * What an issuing station does with one chip, step by step. The chip itself says what is left to do: each step looks
 * first, so a card that was torn away after any APDU is taken up where it stopped. Key 1 comes last: until it has its
 * generation no validator reads the card, and what is half made is refused everywhere.
 */
import type { CardKey } from '../desfire/card-key.ts';
import {
  createApplication,
  deleteApplication,
  getApplicationIds,
  getKeySettings,
  PICC_AID,
  setConfiguration,
} from '../desfire/commands/card-settings.ts';
import { commitTransaction, readData, writeData, writeRecord } from '../desfire/commands/contents.ts';
import { createFile, getFileIds, getFileSettings } from '../desfire/commands/files.ts';
import { type Generation, getCardUid, getKeyVersion, getVersion } from '../desfire/commands/version.ts';
import type { DesfireCard } from '../desfire/desfire-card.ts';
import { factoryKey } from '../desfire/factory-key.ts';
import type { RandomBytes } from '../desfire/software-card-key.ts';
import { type DesfireResult, done, failed, STATUS } from '../desfire/status.ts';
import type { KeyProvider } from '../keys/key-provider.ts';
import {
  AID,
  diversificationOf,
  FILES,
  IDENTITY_BYTES,
  KEY,
  RECORD_BYTES,
} from '../media/kvytok-desfire/layout.ts';
import {
  APPLICATION,
  APPLICATION_KEYS,
  BLANK_KEY,
  type CardKeyPlace,
  EMPTY_RECORDS,
  PICC_KEY,
} from './layout.ts';

const IDENTITY = { ...FILES.identity, offset: 0 };
const LOG = { ...FILES.log, offset: 0 };
/** Two highest bits of the second byte of GetKeySettings: keys of DES or triple DES with two keys. */
const DES_KEY = 0;

/** Steps by which people follow the work. */
export type IssueStep =
  | 'look'
  | 'card-key'
  | 'application'
  | 'files'
  | 'identity'
  | 'log'
  | 'keys'
  | 'random-uid';

/**
 * What a chip is. `blank`: nothing of ours on it. `half-made`: our application, which no validator reads. `issued`:
 * validators read it. `foreign`: keys that we do not have.
 */
export interface Look {
  readonly state: 'blank' | 'half-made' | 'issued' | 'foreign';
  readonly generation: Generation;
  readonly uid: Buffer;
  /** It keeps its UID to itself already. */
  readonly randomUid: boolean;
  /** Key version of key 1; 0 while it was never set. */
  readonly keyVersion: number;
}

/** A chip that no step can make a card of. */
export type Unfit = 'not-desfire' | 'ev1-not-taken';

export interface CardWorkDeps {
  readonly card: DesfireCard;
  readonly keys: KeyProvider;
  /** Draws the station's part of a handshake under the factory's key. */
  readonly random: RandomBytes;
  /** Whether cards of the first generation are issued. */
  readonly takesEv1: boolean;
  readonly onStep: (step: IssueStep) => void;
}

type Step<T = void> = Promise<DesfireResult<T>>;

/** Work on one chip in the field. Every method is a promise of a result: the card left, refused, or is not genuine. */
export class CardWork {
  private readonly deps: CardWorkDeps;
  private seen: Look | undefined;

  constructor(deps: CardWorkDeps) {
    this.deps = deps;
  }

  /** Which chip this is and in what state. */
  async look(): Step<Look | Unfit> {
    const { card, onStep, takesEv1 } = this.deps;
    onStep('look');
    const picc = await card.selectByAid(PICC_AID);
    if (!picc.ok) return picc;
    const version = await getVersion(card);
    if (!version.ok) return version;
    const { generation, uid } = version.value;
    if (generation === undefined) return done('not-desfire');
    if (generation === 'ev1' && !takesEv1) return done('ev1-not-taken');
    card.framing = generation === 'ev1' ? 'native' : 'iso';
    const known = uid === undefined ? await this.askUid(generation) : done(uid);
    if (!known.ok) return known;
    const base = { generation, uid: known.value, randomUid: uid === undefined };
    const keyVersion = await this.readKeyVersion();
    if (!keyVersion.ok) return keyVersion;
    this.seen = { ...base, ...keyVersion.value };
    return done(this.seen);
  }

  /** Key 1's version where our application is, and what follows from it. */
  private async readKeyVersion(): Step<Pick<Look, 'state' | 'keyVersion'>> {
    const selected = await this.deps.card.selectByAid(AID);
    if (!selected.ok) {
      const { failure } = selected;
      const absent = failure.kind === 'status' && failure.status === STATUS.applicationNotFound;
      return absent ? done({ state: 'blank', keyVersion: 0 }) : selected;
    }
    const version = await getKeyVersion(this.deps.card, KEY.read.no);
    if (!version.ok) return version;
    const keyVersion = version.value;
    if (keyVersion === 0) return done({ state: 'half-made', keyVersion });
    return done({ state: this.isLive(KEY.read, keyVersion) ? 'issued' : 'foreign', keyVersion });
  }

  /** A card with random UID tells its own to whoever has the key for it. */
  private async askUid(generation: Generation): Step<Buffer> {
    const { card } = this.deps;
    const selected = await card.selectByAid(AID);
    if (!selected.ok) return selected;
    const version = await getKeyVersion(card, KEY.uid.no);
    if (!version.ok) return version;
    if (!this.isLive(KEY.uid, version.value)) return failed({ kind: 'not-genuine' });
    const key = await this.deps.keys.cardKey(KEY.uid.name, version.value, null);
    const opened = await card.authenticate(handshakeOf(generation), KEY.uid.no, key);
    return opened.ok ? getCardUid(card) : opened;
  }

  /** Makes the application with this identity; whatever is there already stays. */
  async personalise(identity: Uint8Array, options: { readonly randomUid: boolean }): Step {
    const steps = [
      () => this.openCard(),
      () => this.ensureApplication(),
      () => this.openApplication(),
      () => this.ensureFiles(),
      () => this.ensureIdentity(identity),
      () => this.ensureLog(),
      () => this.changeKeys(),
      ...(options.randomUid && !this.chip().randomUid ? [() => this.hideUid()] : []),
    ];
    return inOrder(steps);
  }

  /** Whether every key of an issued card has the newest generation. */
  async allCurrent(): Step<boolean> {
    const { card, keys } = this.deps;
    const selected = await card.selectByAid(AID);
    if (!selected.ok) return selected;
    for (const place of APPLICATION_KEYS) {
      const version = await getKeyVersion(card, place.no);
      if (!version.ok) return version;
      if (version.value !== newestOf(keys, place)) return done(false);
    }
    const picc = await card.selectByAid(PICC_AID);
    if (!picc.ok) return picc;
    const version = await getKeyVersion(card, PICC_KEY.no);
    return version.ok ? done(version.value === newestOf(keys, PICC_KEY)) : version;
  }

  /** Brings all keys of an issued card to the newest generation; the identity stays. */
  rekey(): Step {
    return inOrder([() => this.openCard(), () => this.openApplication(), () => this.changeKeys()]);
  }

  /** Takes our application off the chip: it is blank again, but for the card's own key. */
  async wipe(): Step {
    const { card } = this.deps;
    return inOrder([() => this.openCard(), () => deleteApplication(card, AID)]);
  }

  /** A session with the card's own key, which gets the newest generation first: from here on the station can always go on. */
  private async openCard(): Step {
    const { card, onStep } = this.deps;
    onStep('card-key');
    const selected = await card.selectByAid(PICC_AID);
    if (!selected.ok) return selected;
    const replaced = await this.replaceFactoryKey();
    return replaced.ok ? this.openWith(PICC_KEY, PICC_AID, true) : replaced;
  }

  /**
   * A chip from the factory has a DES key of zeros: the newest AES key takes its place, in one command that a card does or does
   * not. Any other chip is left as it is.
   */
  private async replaceFactoryKey(): Step {
    const { card, keys, random } = this.deps;
    const version = await getKeyVersion(card, PICC_KEY.no);
    if (!version.ok) return version;
    if (version.value !== BLANK_KEY.version) return done(undefined);
    const settings = await getKeySettings(card);
    // A card that tells nothing without its master key has left the factory's settings long ago.
    if (!settings.ok) return settings.failure.kind === 'status' ? done(undefined) : settings;
    if (settings.value.keysAndType >> 6 !== DES_KEY) return done(undefined);
    const target = newestOf(keys, PICC_KEY);
    const newKey = await this.keyOf(PICC_KEY, PICC_AID, target);
    const opened = await card.authenticate('iso-des', PICC_KEY.no, factoryKey(random));
    if (!opened.ok) return opened;
    return card.changeKey({ keyNo: PICC_KEY.no, newKey, newVersion: target, ofCard: true });
  }

  private async ensureApplication(): Step {
    const { card, onStep } = this.deps;
    onStep('application');
    const ids = await getApplicationIds(card);
    if (!ids.ok) return ids;
    return ids.value.some((aid) => aid.equals(AID)) ? done(undefined) : createApplication(card, APPLICATION);
  }

  private async openApplication(): Step {
    const selected = await this.deps.card.selectByAid(AID);
    return selected.ok ? this.openWith(KEY.master, AID, false) : selected;
  }

  private async ensureFiles(): Step {
    const { card, onStep } = this.deps;
    onStep('files');
    const ids = await getFileIds(card);
    if (!ids.ok) return ids;
    const missing = Object.values(FILES).filter(({ fileNo }) => !ids.value.includes(fileNo));
    return inOrder(missing.map((file) => () => createFile(card, file)));
  }

  /** A write that was torn leaves any bytes: what is not the identity is written anew. */
  private async ensureIdentity(identity: Uint8Array): Step {
    const { card, onStep } = this.deps;
    onStep('identity');
    const there = await readData(card, IDENTITY, IDENTITY_BYTES);
    if (!there.ok) return there;
    return there.value.equals(identity) ? done(undefined) : writeData(card, IDENTITY, identity);
  }

  private async ensureLog(): Step {
    const { card, onStep } = this.deps;
    onStep('log');
    const settings = await getFileSettings(card, FILES.log.fileNo);
    if (!settings.ok) return settings;
    const records = 'records' in settings.value ? settings.value.records : 0;
    const empty = Buffer.alloc(RECORD_BYTES);
    const steps = Array.from({ length: Math.max(0, EMPTY_RECORDS - records) }, () => [
      () => writeRecord(card, LOG, empty),
      () => commitTransaction(card),
    ]);
    return inOrder(steps.flat());
  }

  /** All keys of the application to the newest generation, each from what its version says. */
  private async changeKeys(): Step {
    this.deps.onStep('keys');
    return inOrder(APPLICATION_KEYS.map((place) => () => this.changeKey(place)));
  }

  private async changeKey(place: CardKeyPlace): Step {
    const { card, keys } = this.deps;
    const version = await getKeyVersion(card, place.no);
    if (!version.ok) return version;
    const target = newestOf(keys, place);
    if (version.value === target) return done(undefined);
    if (!this.isKnown(place, version.value)) return failed({ kind: 'not-genuine' });
    const newKey = await this.keyOf(place, AID, target);
    if (place === KEY.master) {
      const changed = await card.changeKey({ keyNo: place.no, newKey, newVersion: target });
      return changed.ok ? card.authenticate(handshakeOf(this.chip().generation), place.no, newKey) : changed;
    }
    const oldKey = await this.keyOf(place, AID, version.value);
    return card.changeKey({ keyNo: place.no, newKey, newVersion: target, oldKey });
  }

  /** Last of all, never undone: from now on only readers with the key learn which chip it is. */
  private async hideUid(): Step {
    const { card, onStep } = this.deps;
    onStep('random-uid');
    const opened = await this.openCard();
    return opened.ok ? setConfiguration(card, 0x00, Uint8Array.of(0x02)) : opened;
  }

  /** A session with a master key, under whatever version it has; `renew`: after it was brought to the newest. */
  private async openWith(place: CardKeyPlace, aid: Uint8Array, renew: boolean): Step {
    const { card, keys } = this.deps;
    const version = await getKeyVersion(card, place.no);
    if (!version.ok) return version;
    if (!this.isKnown(place, version.value)) return failed({ kind: 'not-genuine' });
    const handshake = handshakeOf(this.chip().generation);
    const key = await this.keyOf(place, aid, version.value);
    const opened = await card.authenticate(handshake, place.no, key);
    const target = newestOf(keys, place);
    if (!opened.ok || !renew || version.value === target) return opened;
    const newKey = await this.keyOf(place, aid, target);
    const order = { keyNo: place.no, newKey, newVersion: target, ofCard: true };
    const changed = await card.changeKey(order);
    return changed.ok ? card.authenticate(handshake, place.no, newKey) : changed;
  }

  private keyOf(place: CardKeyPlace, aid: Uint8Array, version: number): Promise<CardKey> {
    const { keys } = this.deps;
    if (version === BLANK_KEY.version) return keys.cardKey(BLANK_KEY.name, BLANK_KEY.version, null);
    const input = place.diversified ? diversificationOf(this.chip().uid, aid) : null;
    return keys.cardKey(place.name, version, input);
  }

  private isLive({ name }: CardKeyPlace, version: number): boolean {
    return this.deps.keys.versions(name).includes(version);
  }

  private isKnown(place: CardKeyPlace, version: number): boolean {
    return version === BLANK_KEY.version || this.isLive(place, version);
  }

  private chip(): Look {
    if (!this.seen) throw new TypeError('a chip is looked at before it is worked on');
    return this.seen;
  }
}

/** The generation that cards get now. @throws TypeError when the station's keys lack one: it is not a station. */
export function newestOf(keys: KeyProvider, { name }: Pick<CardKeyPlace, 'name'>): number {
  const [newest] = keys.versions(name);
  if (newest === undefined) throw new TypeError(`the key ${name} is not here`);
  return newest;
}

function handshakeOf(generation: Generation): 'ev1' | 'ev2-first' {
  return generation === 'ev1' ? 'ev1' : 'ev2-first';
}

/** One after the other; the first failure ends it. */
async function inOrder(steps: readonly (() => Step)[]): Step {
  for (const step of steps) {
    const result = await step();
    if (!result.ok) return result;
  }
  return done(undefined);
}
