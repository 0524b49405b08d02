/** An inspector's device over its real parts: journal, clock, page messages; the vehicle's network in memory, sealed. */
import { randomBytes } from 'node:crypto';
import { onTestFinished } from 'vitest';
import type { DenyEntry } from '#contracts/deny-list.ts';
import type { InspectionRule } from '#contracts/enrolment.ts';
import type { CheckBody } from '#contracts/record.ts';
import { firstInspectionKeys, vehicleKeysOf } from '#contracts/vehicle-key.ts';
import { createLogger } from '#platform/logger.ts';
import { tagOf } from '../../../edge-agent/card-log.ts';
import { createTimekeeper } from '../../../edge-agent/clock-evidence.ts';
import { createAskVehicle } from '../../../edge-agent/inspect/ask-vehicle.ts';
import { createInspector, type Inspector } from '../../../edge-agent/inspect/inspector.ts';
import type { InspectorView } from '../../../edge-agent/inspect/view.ts';
import { openJournal } from '../../../edge-agent/journal.ts';
import { liveKeys } from '../../../edge-agent/neighbours/network-keys.ts';
import { type AnswerMessage, openMessage, sealMessage } from '../../../edge-agent/neighbours/wire.ts';
import type { CardFacts, CardReading, CardVisit } from '../../../edge-agent/ports.ts';
import { manualClock } from '../../support/manual-clock.ts';
import { allRecords } from '../support/agent-rig.ts';
import { createManualTimers } from '../support/manual-timers.ts';
import { createMemoryJournalStore } from '../support/memory-journal-store.ts';
import { openList } from '../support/open-deny-list.ts';

const KEYS = firstInspectionKeys(Buffer.alloc(32, 7));
const keysOf = (vehicleId: string) => liveKeys(vehicleKeysOf(KEYS, vehicleId), null);
export const NOW_MS = Date.UTC(2025, 9, 14, 6);
export const TOKEN = `k1.${'ab'.repeat(16)}`;
export const STAFF = `k1.${'cd'.repeat(16)}`;
const RULE: InspectionRule = {
  validFromMs: 0,
  validUntilMs: null,
  rideWindowS: 5400,
  penalty: {
    fareMinor: '1200',
    factor: 20,
    penaltyMinor: '24000',
    currency: 'UAH',
    act: 'kupap',
    actNames: { uk: 'КУпАП', en: 'a', de: 'b', pl: 'c' },
    article: 'ст. 135',
    packageHash: 'ab'.repeat(32),
  },
};
export type Says = Pick<AnswerMessage, 'rides' | 'outOfOrder' | 'peers' | 'knowsSinceAgeMs'>;
export const WELL: Says = { rides: [], outOfOrder: [], knowsSinceAgeMs: 86_400_000 };

export interface Rig {
  readonly inspector: Inspector;
  readonly views: InspectorView[];
  readonly timers: ReturnType<typeof createManualTimers>;
  readonly clock: ReturnType<typeof manualClock>;
  /** Validators of vehicle 101 by id; absent ones do not answer. */
  readonly validators: Map<string, Says>;
  readonly asked: unknown[];
  fails: boolean;
  touch(reading: CardReading): Promise<InspectorView>;
  noCard(): Promise<InspectorView>;
  checks(): CheckBody[];
}

export interface RigOptions {
  readonly staffId?: string;
  readonly rules?: readonly InspectionRule[];
  readonly denials?: readonly DenyEntry[];
}

export async function startRig(options: RigOptions = {}): Promise<Rig> {
  const clock = manualClock(NOW_MS);
  const timers = createManualTimers();
  const keeper = createTimekeeper(clock, { drawBootId: () => '0'.repeat(32) });
  keeper.offer({ sentMonoMs: 0, heardMonoMs: 0, serverMs: NOW_MS });
  const rig = { fails: false } as { fails: boolean };
  const store = createMemoryJournalStore(() => rig.fails);
  const journal = openJournal(
    {
      store,
      deviceId: 'insp-1',
      sign: () => 'A'.repeat(86),
      limits: { recordsMax: 1000, keptMax: 10 },
      software: 'test',
      newEpochId: () => randomBytes(16).toString('hex'),
    },
    { hadEpoch: false, at: keeper.evidence() },
  );
  const views: InspectorView[] = [];
  const validators = new Map<string, Says>([['val-101', WELL]]);
  const asked: unknown[] = [];
  let hear: (datagram: Uint8Array) => void = () => {};
  let onCard: (visit: CardVisit) => Promise<void> = async () => {};
  const { sealing: key } = keysOf('101');
  const ask = createAskVehicle({
    deviceId: 'insp-1',
    boot: '0'.repeat(32),
    keys: keysOf,
    timers,
    nowMs: () => keeper.nowMs(),
    random: randomBytes,
    onDatagram: (take) => {
      hear = take;
    },
    send: (datagram) => {
      const message = openMessage(datagram, [key])?.message;
      if (message?.kind !== 'ask') return;
      asked.push(message.tokenIds);
      for (const [from, says] of validators) {
        const answer = {
          v: 1 as const,
          from,
          boot: '1'.repeat(32),
          n: 0,
          sentMs: 0,
          kind: 'answer' as const,
          ...says,
        };
        const datagramOf = (question: string) => sealMessage({ ...answer, question }, key, randomBytes(12));
        // An old answer, somebody else's, and the right one twice.
        hear(datagramOf('f'.repeat(32)));
        const stranger = { version: 1, key: Buffer.alloc(32, 1) };
        hear(sealMessage({ ...answer, question: message.question }, stranger, randomBytes(12)));
        hear(datagramOf(message.question));
        hear(datagramOf(message.question));
      }
    },
  });
  const inspector = createInspector({
    device: {
      deviceId: 'insp-1',
      policy: {
        passBackS: 10,
        mediumKinds: ['social'],
        journalRecordsMax: 1000,
        inspection: options.rules ?? [RULE],
      },
    },
    journal,
    denyList: Object.assign(openList(), {
      find: (tokenId: string) => options.denials?.find((entry) => entry.tokenId === tokenId) ?? null,
    }),
    keeper,
    timers,
    reader: {
      start: async (take) => {
        onCard = take;
      },
      stop: async () => {},
    },
    ties: {
      start: async () => {},
      stop: async () => {},
      pump: () => {},
      online: () => false,
      recovered: () => !journal.broken() || journal.tryRecover(keeper.evidence()),
    },
    ask,
    screen: { show: (view) => void views.push(view) },
    random: randomBytes,
    log: createLogger({ component: 'test', level: 'silent' }),
    ...(options.staffId !== undefined && { staffId: options.staffId }),
  });
  onTestFinished(() => inspector.stop());
  await inspector.start();
  const answered = async (work: Promise<void>): Promise<InspectorView> => {
    // A question waits for answers: real time goes on until the deadline, and a little more.
    for (let i = 0; i < 50; i++) await new Promise((resolve) => setImmediate(resolve));
    timers.advance(400);
    await work;
    return views.at(-1) as InspectorView;
  };
  return Object.assign(rig, {
    inspector,
    views,
    timers,
    clock,
    validators,
    asked,
    touch: (reading: CardReading) =>
      answered(onCard({ read: async () => reading, settle: async () => 'no-log' })),
    noCard: () => answered(inspector.checkWithoutCard()),
    checks: () => allRecords(store).flatMap((record) => (record.kind === 'check' ? [record.body] : [])),
  });
}

export const card = (change: Partial<CardFacts> = {}): CardReading => ({
  ok: true,
  card: {
    tokenId: TOKEN,
    mediumKind: 'social',
    validFromMs: 0,
    validUntilMs: NOW_MS * 2,
    language: 'uk',
    ...change,
  },
});
export const logged = (vehicleId: string, agoMs: number) => ({
  atMs: NOW_MS - agoMs,
  vehicleTag: tagOf(vehicleId),
  routeTag: tagOf('T2'),
  deviceTag: tagOf('val-101'),
  seq: 4,
  companions: 1,
  clockUnsure: false,
});
export const service = (role: 'inspector' | 'driver', change: object = {}): CardReading => ({
  ok: true,
  service: { role, staffTokenId: STAFF, validFromMs: 0, validUntilMs: NOW_MS * 2, language: 'uk', ...change },
});
