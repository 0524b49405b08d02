/**
 * A Kvytok card of layout 2 on DESFire (docs/CARD-LAYOUT.md): selection, chip, keys of its generation, mutual authentication,
 * identity with signature and chip, log, hint; afterwards a new record in the log.
 *
 * Whether the card is taken is settled by its identity alone. A log or hint that cannot be read is left out: it never
 * decides a colour. The medium id lives only in buffers of this folder, which are wiped.
 */
import type { PinnedKeys } from '#contracts/signed-envelope.ts';
import { commitTransaction, readData, readRecords, writeRecord } from '../../desfire/commands/contents.ts';
import { type DesfireCard, openDesfire } from '../../desfire/desfire-card.ts';
import type { Talk } from '../../desfire/frames.ts';
import { type DesfireFailure, STATUS } from '../../desfire/status.ts';
import { type KeyProvider, KeysUnavailable, tokensOf } from '../../keys/key-provider.ts';
import type { CardHint, CardLogEntry, CardReading, SettleOutcome } from '../../ports.ts';
import {
  askUid,
  type Chip,
  handshakeOf,
  liveVersion,
  openChip,
  refused,
  type Step,
  withKeys,
} from '../desfire-chip.ts';
import { refusalOf, refusalOfSelect } from '../desfire-refusals.ts';
import type { Medium, MediumSession, OpenedMedium } from '../medium.ts';
import { readHint } from './hint.ts';
import { type Identity, readIdentity } from './identity.ts';
import {
  DF_NAME,
  diversificationOf,
  FILES,
  HINT_BYTES,
  IDENTITY_BYTES,
  KEY,
  RECORD_BYTES,
  RECORDS_READ,
} from './layout.ts';
import { encodeLogRecord, readLogRecord } from './log-record.ts';

/** What it takes to read and to name a card of this layout. */
export interface KvytokDesfireOptions {
  readonly keys: KeyProvider;
  /** Public keys of the city's card issuers, by key id. */
  readonly issuerKeys: PinnedKeys;
  /** Public keys of the city's lists, which sign hints. */
  readonly listKeys: PinnedKeys;
  /** Whether the city takes cards on DESFire EV1. */
  readonly ev1: boolean;
}

/** A tap needs 12 (EV2) to 19 commands (EV1 with random UID), settling 4; frames and repetitions are within this. */
const APDUS_MAX = 48;

/** The medium of layout 2. */
export function createKvytokDesfire(options: KvytokDesfireOptions): Medium {
  return { name: 'kvytok-desfire', apdusMax: APDUS_MAX, open: (talk) => open(talk, options) };
}

async function open(talk: Talk, options: KvytokDesfireOptions): Promise<OpenedMedium> {
  const card = openDesfire(talk);
  const selected = await card.selectByName(DF_NAME);
  if (!selected.ok) {
    const reason = refusalOfSelect(selected.failure);
    return reason === 'not-mine' ? reason : { reading: refused(reason) };
  }
  return withKeys(() => read(card, options));
}

/** A card that has proven its keys. */
interface Opened {
  readonly chip: Chip;
  readonly uid: Buffer;
  readonly generation: number;
}

async function read(card: DesfireCard, options: KvytokDesfireOptions): Promise<MediumSession> {
  const opened = await openReading(card, options);
  if ('reason' in opened) return { reading: refused(opened.reason) };
  const file = await readData(card, { ...FILES.identity, offset: 0 }, IDENTITY_BYTES);
  if (!file.ok) return { reading: refused(refusalOf(file.failure)) };
  try {
    const identity = readIdentity(file.value, opened.value.uid, options.issuerKeys);
    if (typeof identity === 'string') return { reading: refused(identity) };
    return await readingOf(card, identity, opened.value, options);
  } finally {
    file.value.fill(0);
  }
}

/** From a selected application to a session under the reading key. */
async function openReading(card: DesfireCard, options: KvytokDesfireOptions): Promise<Step<Opened>> {
  const { keys } = options;
  const chip = await openChip(card, options);
  if ('reason' in chip) return chip;
  const generation = await liveVersion(card, keys, KEY.read);
  if ('reason' in generation) return generation;
  const { toldUid } = chip.value;
  const uid = toldUid ? { value: toldUid } : await askUid(card, chip.value, keys, KEY.uid);
  if ('reason' in uid) return uid;
  const key = await keys.cardKey(KEY.read.name, generation.value, diversificationOf(uid.value));
  const proven = await card.authenticate(handshakeOf(chip.value, card), KEY.read.no, key);
  if (!proven.ok) return { reason: refusalOf(proven.failure) };
  return { value: { chip: chip.value, uid: uid.value, generation: generation.value } };
}

async function readingOf(
  card: DesfireCard,
  identity: Identity,
  opened: Opened,
  options: KvytokDesfireOptions,
): Promise<MediumSession> {
  const { kind, mediumId, product, ...common } = identity;
  const tokens = await tokensOf(mediumId, options.keys);
  if (kind !== 'social' && kind !== 'wallet') {
    const former = tokens.formerTokenId && { formerStaffTokenId: tokens.formerTokenId };
    const service = { role: kind, staffTokenId: tokens.tokenId, ...former, ...common };
    return { reading: { ok: true, service } };
  }
  const log = await readLog(card);
  const hint = await readCardHint(card, mediumId, options.listKeys);
  const reading: CardReading = {
    ok: true,
    card: {
      ...tokens,
      ...common,
      mediumKind: kind,
      ...(product && { product }),
      ...(log && { log }),
      ...(hint && { hint }),
    },
  };
  return { reading, settle: (entry) => settle(card, opened, options.keys, entry) };
}

/** The newest records, newest first. */
async function readLog(card: DesfireCard): Promise<CardLogEntry[] | undefined> {
  const { fileNo, mode } = FILES.log;
  const range = { fileNo, mode, skip: 0, count: RECORDS_READ, recordBytes: RECORD_BYTES };
  const records = await readRecords(card, range);
  if (!records.ok) return undefined;
  return records.value
    .map(readLogRecord)
    .filter((entry) => entry !== undefined)
    .reverse();
}

async function readCardHint(
  card: DesfireCard,
  mediumId: Uint8Array,
  listKeys: PinnedKeys,
): Promise<CardHint | undefined> {
  // A failure before this has ended the session, and the card would answer no more.
  if (!card.session) return undefined;
  const file = await readData(card, { ...FILES.hint, offset: 0 }, HINT_BYTES);
  return file.ok ? readHint(file.value, mediumId, listKeys) : undefined;
}

/** Writes the ride into the card's log: all of it or nothing, whenever the field goes. */
async function settle(
  card: DesfireCard,
  { chip, uid, generation }: Opened,
  keys: KeyProvider,
  entry: CardLogEntry,
): Promise<SettleOutcome> {
  let ifKeysFail: SettleOutcome = 'not-written';
  try {
    if (!keys.versions(KEY.log.name).includes(generation)) return 'not-written';
    const key = await keys.cardKey(KEY.log.name, generation, diversificationOf(uid));
    const opened = await card.authenticate(handshakeOf(chip, card), KEY.log.no, key);
    if (!opened.ok) return 'not-written';
    const written = await writeRecord(card, { ...FILES.log, offset: 0 }, encodeLogRecord(entry));
    if (!written.ok) return 'not-written';
    ifKeysFail = 'unknown';
    const committed = await commitTransaction(card);
    return committed.ok ? 'written' : afterCommit(committed.failure);
  } catch (error) {
    if (error instanceof KeysUnavailable) return ifKeysFail;
    throw error;
  } finally {
    await card.end();
  }
}

/** What a failed commit leaves. A card that refuses has not done it; of one that says nothing, nothing is known. */
function afterCommit(failure: DesfireFailure): SettleOutcome {
  const broken: readonly number[] = [
    STATUS.memoryError,
    STATUS.cardIntegrityError,
    STATUS.fileIntegrityError,
  ];
  return failure.kind === 'status' && !broken.includes(failure.status) ? 'not-written' : 'unknown';
}
