/** The real agent over fakes: a reader that says what the test wants, a city that hears and answers by hand. */
import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { onTestFinished } from 'vitest';
import type { DeviceHealth } from '#contracts/device-report.ts';
import type { CompanionRule } from '#contracts/enrolment.ts';
import { signBytes } from '#contracts/hash-chain.ts';
import type { Receipt } from '#contracts/receipt.ts';
import { type JournalRecord, type MediumKind, parseRecord } from '#contracts/record.ts';
import { createLogger } from '#platform/logger.ts';
import { noProbe, type Probe } from '#platform/probe.ts';
import type { DeviceTariffs } from '#pricing/tariff-extract.ts';
import { openDenyStore } from '../../../edge-agent/adapters/deny-store.ts';
import { type Agent, createAgent } from '../../../edge-agent/agent.ts';
import { AGENT_LIMITS, type AgentLimits } from '../../../edge-agent/agent-limits.ts';
import { createTimekeeper, type SavedClock } from '../../../edge-agent/clock-evidence.ts';
import { createDenyList } from '../../../edge-agent/deny-list.ts';
import { openJournal } from '../../../edge-agent/journal.ts';
import type {
  CardFacts,
  CardLogEntry,
  CardReading,
  CardVisit,
  JournalStore,
  Press,
  ReaderState,
  ScreenView,
  SettleOutcome,
  Uplink,
  UplinkHandlers,
} from '../../../edge-agent/ports.ts';
import type { StopPlan } from '../../../edge-agent/stops/stop-plan.ts';
import type { TariffBook } from '../../../edge-agent/tariff-book.ts';
import { type ManualClock, manualClock } from '../../support/manual-clock.ts';
import { tempFolder } from '../../support/temp-folder.ts';
import { checkBatch, createTestCity, pinned, receiptFor, seal, type TestCity } from './edge-city.ts';
import { createManualTimers, type ManualTimers } from './manual-timers.ts';
import { createMemoryJournalStore } from './memory-journal-store.ts';

export interface RigOptions {
  readonly store?: JournalStore;
  readonly clock?: ManualClock;
  readonly limits?: Partial<AgentLimits>;
  readonly passBackS?: number;
  readonly direction?: 'in' | 'out' | 'both';
  readonly recordsMax?: number;
  readonly keptMax?: number;
  readonly mediumKinds?: MediumKind[];
  readonly connected?: boolean;
  readonly companions?: readonly CompanionRule[];
  readonly reader?: () => ReaderState;
  /** What becomes of a card's log. */
  readonly settle?: () => SettleOutcome;
  readonly stopPlan?: StopPlan;
  /** For the preview of a ride's price. */
  readonly tariffs?: DeviceTariffs;
  readonly probe?: Probe;
  readonly city?: TestCity;
  /** What an earlier run of this device remembered of time. */
  readonly savedClock?: SavedClock;
  readonly keys?: ReturnType<typeof generateKeyPairSync>;
}

export interface Rig {
  readonly agent: Agent;
  readonly clock: ManualClock;
  readonly timers: ManualTimers;
  readonly city: TestCity;
  readonly store: JournalStore;
  readonly sent: Uint8Array[];
  /** What was written into cards' logs. */
  readonly settledEntries: CardLogEntry[];
  readonly healths: DeviceHealth[];
  readonly savedClocks: SavedClock[];
  readonly views: ScreenView[];
  readonly epochs: string[];
  readonly answers: { view: ScreenView; id: string | null }[];
  /** Presents a card that reads so, and gives the answer. */
  touch(reading: CardReading | CardFacts): Promise<ScreenView>;
  /** Presses a key of the panel and gives what stands there then. */
  press(press: Press): Promise<ScreenView>;
  connect(): void;
  lose(): void;
  hear(payload: Uint8Array): Promise<void>;
  /** Receipts everything that was sent since the last call, in one receipt. */
  receiptAll(more?: Partial<Receipt>): Promise<number>;
  command(payload: Uint8Array): void;
  /** A manifest of the deny list comes down; what it names is fetched from `lists`. */
  denyManifest(payload: Uint8Array): void;
  /** What the broker retains of the lists, by topic. */
  readonly lists: Map<string, Uint8Array>;
  /** Topics of the lists that were asked for, in order. */
  readonly asked: string[];
  /** How often the agent asked for another try to connect at once. */
  readonly hurried: () => number;
  records(): JournalRecord[];
}

export const CARD: CardFacts = {
  tokenId: `k1.${'a'.repeat(32)}`,
  mediumKind: 'social',
  validFromMs: Date.UTC(2020, 0, 1),
  validUntilMs: Date.UTC(2040, 0, 1),
  language: 'uk',
};

export function cardNumber(n: number): CardFacts {
  return { ...CARD, tokenId: `k1.${n.toString(16).padStart(32, '0')}` };
}

/** Starts an agent. It is offline unless told. */
export async function startRig(options: RigOptions = {}): Promise<Rig> {
  const city = options.city ?? createTestCity();
  const keys = generateKeyPairSync('ed25519');
  const clock = options.clock ?? manualClock();
  const timers = createManualTimers();
  const store = options.store ?? createMemoryJournalStore();
  const savedClocks: SavedClock[] = [];
  const keeper = createTimekeeper(clock, {
    drawBootId: () => randomBytes(16).toString('hex'),
    saved: options.savedClock,
    save: (saved) => void savedClocks.push(saved),
  });
  const recordsMax = options.recordsMax ?? 1000;
  const journal = openJournal(
    {
      store,
      deviceId: 'val-1',
      sign: (message) => signBytes(message, keys.privateKey),
      limits: { recordsMax, keptMax: options.keptMax ?? 500 },
      software: 'test',
      newEpochId: () => randomBytes(16).toString('hex'),
    },
    { hadEpoch: false, at: keeper.evidence() },
  );
  let handlers: UplinkHandlers | undefined;
  let connected = options.connected ?? false;
  let onCard: ((visit: CardVisit) => Promise<void>) | undefined;
  const settledEntries: CardLogEntry[] = [];
  const asked: string[] = [];
  let hurried = 0;
  const lists = new Map<string, Uint8Array>();
  const folder = tempFolder('rig');
  const deny = openDenyStore(folder.path, { rest: timers.rest });
  onTestFinished(() => {
    deny.store.close();
    folder.remove();
  });
  const sent: Uint8Array[] = [];
  const healths: DeviceHealth[] = [];
  const views: ScreenView[] = [];
  const epochs: string[] = [];
  const answers: { view: ScreenView; id: string | null }[] = [];
  const uplink: Uplink = {
    start: async (heard) => {
      handlers = heard;
      if (connected) heard.onConnected();
    },
    get connected() {
      return connected;
    },
    publishBatch: async (payload) => void sent.push(payload),
    publishHealth: async (health) => void healths.push(health),
    fetchList: async (topic) => {
      asked.push(topic);
      return lists.get(topic) ?? null;
    },
    hurry: () => {
      hurried++;
    },
    stop: async () => {},
  };
  const agent = createAgent({
    device: {
      deviceId: 'val-1',
      vehicleId: 'bus-12',
      ingestKeys: pinned(city.ingest),
      listKeys: pinned(city.lists),
      policy: {
        passBackS: options.passBackS ?? 10,
        mediumKinds: options.mediumKinds ?? ['social', 'wallet'],
        journalRecordsMax: recordsMax,
        ...(options.direction && { direction: options.direction }),
        ...(options.companions && { companions: options.companions }),
      },
      ...(options.stopPlan && { stopPlan: options.stopPlan }),
    },
    journal,
    denyList: createDenyList(
      deny.store,
      { lists: pinned(city.lists), generations: pinned(city.generation) },
      timers.rest,
    ),
    ...(options.tariffs && { tariffs: fixedTariffs(options.tariffs) }),
    keeper,
    timers,
    chance: () => 0.5,
    reader: {
      start: async (take) => {
        onCard = take;
      },
      stop: async () => {},
      state: () => options.reader?.() ?? { state: 'ready', recoveries: 0 },
    },
    uplink,
    screen: { show: (view) => void views.push(view) },
    probe: options.probe ?? noProbe,
    log: createLogger({ component: 'test', level: 'silent' }),
    limits: { ...AGENT_LIMITS, ...options.limits },
    language: 'uk',
    onEpoch: (epoch) => void epochs.push(epoch),
  });
  agent.onAnswer((view, id) => void answers.push({ view, id }));
  await agent.start();
  let receipted = 0;
  const hear = async (payload: Uint8Array): Promise<void> => {
    handlers?.onReceipt(payload);
    await settled();
  };
  return {
    agent,
    clock,
    timers,
    city,
    store,
    sent,
    settledEntries,
    healths,
    savedClocks,
    views,
    epochs,
    answers,
    async touch(what) {
      const reading: CardReading = 'ok' in what ? what : { ok: true, card: what };
      await onCard?.({
        read: async () => reading,
        settle: async (entry) => {
          settledEntries.push(entry);
          return options.settle?.() ?? 'written';
        },
      });
      return (answers.at(-1) as { view: ScreenView }).view;
    },
    async press(key) {
      agent.press(key);
      await settled();
      return agent.view();
    },
    connect() {
      connected = true;
      handlers?.onConnected();
    },
    lose() {
      connected = false;
      handlers?.onLost();
    },
    hear,
    async receiptAll(more) {
      const batches = sent.slice(receipted).map((payload) => checkBatch(payload, keys.publicKey));
      receipted = sent.length;
      if (batches.length === 0) return 0;
      const ranges = batches.map(({ header }) => ({
        epoch: header.epoch,
        fromSeq: header.firstSeq,
        toSeq: header.firstSeq + header.count - 1,
        head: header.head,
        status: 'accepted' as const,
      }));
      const issuedAtMs = clock.nowMs();
      await hear(seal(receiptFor('val-1', ranges, { issuedAtMs, ...more }), city));
      return batches.reduce((sum, { header }) => sum + header.count, 0);
    },
    command: (payload) => handlers?.onCommand(payload),
    denyManifest: (payload) => handlers?.onDenyManifest(payload),
    lists,
    asked,
    hurried: () => hurried,
    records: () => allRecords(store),
  };
}

/** A book in which nothing changes. */
function fixedTariffs(tariffs: DeviceTariffs): TariffBook {
  return {
    current: () => tariffs,
    held: () => undefined,
    hear: () => ({ outcome: 'not-newer' }),
    take: () => 'not-newer',
  };
}

/** Lets promises that are already decided run. */
export async function settled(): Promise<void> {
  for (let i = 0; i < 10; i++) await Promise.resolve();
  await new Promise((resolve) => setImmediate(resolve));
}

/** Every record still in the newest epoch of a store, oldest first. */
export function allRecords(store: JournalStore): JournalRecord[] {
  const head = store.head();
  if (!head) return [];
  return store
    .newest(head.epoch, 1_000_000)
    .toReversed()
    .map((stored) => {
      const parsed = parseRecord(stored.bytes);
      if (!parsed.ok) throw new Error(JSON.stringify(parsed.problems));
      return parsed.value;
    });
}
