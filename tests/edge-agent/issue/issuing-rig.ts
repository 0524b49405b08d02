/** A station in this process with real keys, journal and memory of begun cards, and virtual chips to work on. */
import { createPublicKey, generateKeyPairSync, randomBytes, sign } from 'node:crypto';
import type { CardActBody } from '#contracts/record.ts';
import { createLogger } from '#platform/logger.ts';
import { createInProcessIssuingReader } from '../../../edge-agent/adapters/in-process-issuing-reader.ts';
import { openPlanFolder } from '../../../edge-agent/adapters/plan-folder.ts';
import { realTimers } from '../../../edge-agent/adapters/timers.ts';
import { createTimekeeper } from '../../../edge-agent/clock-evidence.ts';
import { createIssuingDesk, type Plan, type PlanStore } from '../../../edge-agent/issue/issuing-desk.ts';
import { BLANK_KEY } from '../../../edge-agent/issue/layout.ts';
import { createSeries, type OpenOrder, type OrderBook } from '../../../edge-agent/issue/order-book.ts';
import { createStation, type StationEvent, type StationMode } from '../../../edge-agent/issue/station.ts';
import { openJournal } from '../../../edge-agent/journal.ts';
import { KEY_NAMES } from '../../../edge-agent/keys/key-provider.ts';
import { createSoftwareKeys } from '../../../edge-agent/keys/software-keys.ts';
import { createKvytokDesfire } from '../../../edge-agent/media/kvytok-desfire/kvytok-desfire.ts';
import { openCard } from '../../../edge-agent/media/read-medium.ts';
import type { CardReading, CardTransport, JournalStore } from '../../../edge-agent/ports.ts';
import { createDesfireCard, type DesfireCard } from '../../../simulators/cards/desfire/desfire-card.ts';
import { blankEeprom, type ChipModel, factoryEeprom } from '../../../simulators/cards/desfire/eeprom.ts';
import { manualClock } from '../../support/manual-clock.ts';
import { allRecords } from '../support/agent-rig.ts';
import { createMemoryJournalStore } from '../support/memory-journal-store.ts';

export const NOW_MS = Date.UTC(2025, 9, 14, 6);
export const CARD_KEYS = [
  KEY_NAMES.desfirePicc,
  KEY_NAMES.desfireMaster,
  KEY_NAMES.desfireRead,
  KEY_NAMES.desfireLog,
  KEY_NAMES.desfireUid,
  KEY_NAMES.desfireHint,
];
const log = createLogger({ component: 'test', level: 'silent' });
const issuerKeys = generateKeyPairSync('ed25519');
const ISSUER_KEYS = new Map([['i001', createPublicKey(issuerKeys.privateKey)]]);
const TOKEN_KEY = new Map([[1, randomBytes(32)]]);
const GENERATIONS = new Map(
  [3, 4].map((version) => [version, new Map(CARD_KEYS.map((name) => [name, randomBytes(16)]))]),
);

/** Keys of a station or a validator with these generations of card keys. */
export function keysOf(generations: readonly number[]) {
  const keys = new Map<string, Map<number, Uint8Array>>(
    CARD_KEYS.map((name) => [
      name,
      new Map(generations.map((version) => [version, GENERATIONS.get(version)?.get(name) as Uint8Array])),
    ]),
  );
  keys.set(BLANK_KEY.name, new Map([[BLANK_KEY.version, new Uint8Array(16)]]));
  return createSoftwareKeys({
    tokens: new Map([[KEY_NAMES.token, TOKEN_KEY]]),
    cards: { keys, random: randomBytes },
  });
}

const mediumOf = (generations: readonly number[]) =>
  createKvytokDesfire({ keys: keysOf(generations), issuerKeys: ISSUER_KEYS, listKeys: new Map(), ev1: true });

/** What a validator of these generations says of a chip. */
export async function validatorReads(card: CardTransport, generations = [3]): Promise<CardReading> {
  const opened = await openCard(card, [mediumOf(generations)], { timers: realTimers, timeMsMax: 5000 });
  opened.end();
  return opened.reading;
}

export const ORDER: OpenOrder = {
  contents: {
    kind: 'social',
    validFromMs: NOW_MS,
    validUntilMs: NOW_MS + 5 * 365 * 86_400_000,
    language: 'uk',
  },
  randomUid: false,
};

let chips = 0;

function nextUid(): Buffer {
  const uid = Buffer.alloc(7);
  uid[0] = 0x04;
  uid.writeUInt32BE(++chips, 3);
  return uid;
}

/** A chip without anything of ours, whose own key is an AES key of zeros. */
export function blankChip(model: ChipModel = 'EV3'): DesfireCard {
  return createDesfireCard({ eeprom: blankEeprom(model, nextUid()) });
}

/** A chip as it comes from the factory: its own key is a DES key of zeros. */
export function factoryChip(model: ChipModel = 'EV3'): DesfireCard {
  return createDesfireCard({ eeprom: factoryEeprom(model, nextUid()) });
}

export interface RigOptions {
  readonly generations?: readonly number[];
  readonly mode?: StationMode;
  readonly book?: OrderBook;
  readonly journalFails?: () => boolean;
  /** A journal of an earlier run. */
  readonly store?: JournalStore;
  /** False: a card is not forgotten, as when the station stops before it could be. */
  readonly forgets?: () => boolean;
  /** Where begun cards are remembered; otherwise in memory. */
  readonly deviceDir?: string;
}

function memoryPlans(): PlanStore {
  const plans = new Map<string, Plan>();
  return {
    all: () => [...plans.values()],
    save: (plan) => void plans.set(plan.tokenId, plan),
    remove: (tokenId) => void plans.delete(tokenId),
  };
}

/** A station that runs. */
export async function startStation(options: RigOptions = {}) {
  const { generations = [3], mode = 'issue', book = createSeries(ORDER, 1000) } = options;
  const clock = manualClock(NOW_MS);
  const keeper = createTimekeeper(clock, { drawBootId: () => randomBytes(16).toString('hex') });
  const store = options.store ?? createMemoryJournalStore(options.journalFails);
  const journal = openJournal(
    {
      store,
      deviceId: 'desk-1',
      sign: () => 'A'.repeat(86),
      limits: { recordsMax: 100_000, keptMax: 1000 },
      software: 'test',
      newEpochId: () => randomBytes(16).toString('hex'),
    },
    { hadEpoch: false, at: keeper.evidence() },
  );
  const desk = createIssuingDesk({
    keys: keysOf(generations),
    issuer: { keyId: 'i001', sign: async (message) => sign(null, message, issuerKeys.privateKey) },
    plans: options.deviceDir === undefined ? memoryPlans() : openPlanFolder(options.deviceDir),
    media: [mediumOf(generations)],
    random: randomBytes,
    timers: realTimers,
    nowMs: () => keeper.nowMs(),
    takesEv1: true,
  });
  const { forgets = () => true } = options;
  const reader = createInProcessIssuingReader({
    ...desk,
    forget: (tokenId) => (forgets() ? desk.forget(tokenId) : undefined),
  });
  const events: StationEvent[] = [];
  const station = createStation({
    journal,
    keeper,
    reader,
    ties: {
      start: async () => {},
      stop: async () => {},
      pump: () => {},
      recovered: () => !journal.broken() || journal.tryRecover(keeper.evidence()),
    },
    book,
    mode,
    staffId: 'clerk-7',
    log,
    onEvent: (event) => void (event.event !== 'step' && events.push(event)),
  });
  await station.start();
  return {
    station,
    reader,
    events,
    present: (card: CardTransport) => reader.present(card),
    acts: (): CardActBody[] =>
      allRecords(store).flatMap((record) => (record.kind === 'card-act' ? [record.body] : [])),
  };
}

/** A chip that is gone after so many commands: the last one not carried out, or carried out with its answer lost. */
export function torn(card: DesfireCard, commands: number, lost: 'command' | 'answer') {
  let count = 0;
  let happened = false;
  return {
    transmit: async (apdu: Uint8Array): Promise<Uint8Array> => {
      count += 1;
      if (count <= commands) return card.transmit(apdu);
      if (!happened && lost === 'answer') await card.transmit(apdu);
      happened = true;
      return new Uint8Array(0);
    },
    happened: () => happened,
  };
}
