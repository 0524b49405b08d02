/** The published views in memory: the same port that PostgreSQL serves, with rows that a test puts in. */
import type { DeviceHealth } from '#contracts/device-report.ts';
import type {
  BackupRow,
  BudgetRow,
  CityViews,
  CountsRow,
  DeviceRow,
  ExplanationRow,
  JournalAlarmRow,
  LedgerRow,
  PaceRow,
  QuarantineRow,
  TapRow,
  TariffExtractRow,
  TotalRow,
} from '../../../portal/ports.ts';

export interface FakeViews extends CityViews {
  /** Newest first. */
  taps: TapRow[];
  explanationRows: Map<string, ExplanationRow[]>;
  totalRows: TotalRow[];
  budgetRows: BudgetRow[];
  ledgerRows: LedgerRow[];
  deviceRows: DeviceRow[];
  countsRow: CountsRow;
  quarantineRows: QuarantineRow[];
  alarmRows: JournalAlarmRow[];
  backupRow: BackupRow | undefined;
  tariffExtractRow: TariffExtractRow | undefined;
  paceRows: PaceRow[];
  /** While set, every call rejects with it. */
  broken: Error | undefined;
  /** Calls per method. */
  readonly calls: Record<string, number>;
}

/** Empty views. */
export function fakeViews(): FakeViews {
  const calls: Record<string, number> = {};
  const called = <T>(name: string, value: () => T): Promise<T> => {
    calls[name] = (calls[name] ?? 0) + 1;
    return fake.broken ? Promise.reject(fake.broken) : Promise.resolve(value());
  };
  const fake: FakeViews = {
    taps: [],
    explanationRows: new Map(),
    totalRows: [],
    budgetRows: [],
    ledgerRows: [],
    deviceRows: [],
    countsRow: noCounts(),
    quarantineRows: [],
    alarmRows: [],
    backupRow: undefined,
    tariffExtractRow: undefined,
    paceRows: [],
    broken: undefined,
    calls,
    latestTaps: (limit) => called('latestTaps', () => fake.taps.slice(0, limit)),
    tap: (tapId) => called('tap', () => fake.taps.find((tap) => tap.tapId === tapId)),
    explanations: (tapId) => called('explanations', () => fake.explanationRows.get(tapId) ?? []),
    totals: () => called('totals', () => fake.totalRows),
    budgetOwed: () => called('budgetOwed', () => fake.budgetRows),
    ledger: () => called('ledger', () => fake.ledgerRows),
    devices: () => called('devices', () => fake.deviceRows),
    counts: () => called('counts', () => fake.countsRow),
    quarantine: () => called('quarantine', () => fake.quarantineRows),
    journalAlarms: () => called('journalAlarms', () => fake.alarmRows),
    backup: () => called('backup', () => fake.backupRow),
    tariffExtract: () => called('tariffExtract', () => fake.tariffExtractRow),
    pace: (sinceMs) => called('pace', () => fake.paceRows.filter((row) => row.startMs >= sinceMs)),
  };
  return fake;
}

function noCounts(): CountsRow {
  return {
    taps: 0n,
    decidedTaps: 0n,
    inbox: 0n,
    queue: 0n,
    commandsWaiting: 0n,
    commandsRefused: 0n,
    stuck: 0n,
    records: 0n,
    tapRecords: 0n,
    quarantined: 0n,
  };
}

export const EPOCH = '0123456789abcdef0123456789abcdef';

/** A paid ride; say what is different. */
export function aTap(different: Partial<TapRow> = {}): TapRow {
  return {
    tapId: `val-101.${EPOCH}.7`,
    deviceId: 'val-101',
    vehicleId: 'T5-1',
    carrierId: 'tet',
    routeId: 'T5',
    stopId: 'tsentr',
    tripId: 'T5-0712',
    routeBy: 'driver',
    routeFactId: `val-102.${EPOCH}.1`,
    fareAtMs: Date.UTC(2025, 9, 14, 4, 12, 30),
    receivedAtMs: Date.UTC(2025, 9, 14, 4, 12, 33),
    mediumKind: 'wallet',
    kind: 'ride',
    fareMediaId: 'anonymous_card',
    riderCategoryId: 'full',
    concessionId: null,
    fundingId: null,
    grossMinor: 1400n,
    riderMinor: 1400n,
    transferMinor: 0n,
    concessionMinor: 0n,
    passMinor: 0n,
    capMinor: 0n,
    currency: 'UAH',
    flags: [],
    revision: 1,
    decidedAtMs: Date.UTC(2025, 9, 14, 4, 12, 33) + 400,
    ...different,
  };
}

/** A pensioner's free ride, with the tap id of its own. */
export function aFreeTap(different: Partial<TapRow> = {}): TapRow {
  return aTap({
    tapId: `val-102.${EPOCH}.3`,
    deviceId: 'val-102',
    mediumKind: 'social',
    fareMediaId: 'social_card',
    riderCategoryId: 'pensioner',
    concessionId: 'pensioner',
    fundingId: 'city-budget-law',
    grossMinor: 1200n,
    riderMinor: 0n,
    concessionMinor: 1200n,
    ...different,
  });
}

/** Explanation of {@link aFreeTap}. */
export function aFreeExplanation(different: Partial<ExplanationRow> = {}): ExplanationRow {
  return {
    revision: 1,
    fareDay: '2025-10-14',
    packageHash: 'ab'.repeat(32),
    packageName: {
      uk: 'Тариф Тернополя з 1 серпня 2024',
      en: 'Ternopil tariff from 1 August 2024',
      de: 'Tarif von Ternopil ab 1. August 2024',
      pl: 'Taryfa Tarnopola od 1 sierpnia 2024',
    },
    kind: 'ride',
    steps: [
      {
        kind: 'base',
        ruleId: 'leg-municipal-social',
        act: 'te-vk-2024',
        article: 'п. 1',
        beforeMinor: '0',
        afterMinor: '1200',
        params: { product: 'single', medium: 'social_card', network: 'municipal', route: 'T5' },
      },
      {
        kind: 'concession',
        ruleId: 'pensioner',
        act: 'cmu-354',
        article: 'п. 1',
        beforeMinor: '1200',
        afterMinor: '0',
        params: {
          concession: 'pensioner',
          category: 'pensioner',
          discount: 'free',
          funding: 'city-budget-law',
        },
      },
    ],
    postings: [
      {
        postingId: 'x',
        debit: 'budget:city-budget-law',
        credit: 'revenue:tet',
        amountMinor: '1200',
        currency: 'UAH',
        reverses: null,
      },
    ],
    decidedAtMs: Date.UTC(2025, 9, 14, 4, 12, 34),
    ...different,
  };
}

/** A healthy validator on a trolleybus. */
export function aDevice(
  deviceId: string,
  different: Partial<DeviceRow> & { health?: DeviceHealth | null } = {},
): DeviceRow {
  return {
    deviceId,
    online: true,
    stopped: false,
    lastSeenMs: Date.UTC(2025, 9, 14, 4, 12, 30),
    health: aHealth(deviceId),
    records: 120n,
    gaps: 0n,
    unlinked: 0n,
    forks: 0n,
    lastRecordAtMs: Date.UTC(2025, 9, 14, 4, 12, 30),
    ...different,
  };
}

/** What a healthy validator says of itself. */
export function aHealth(deviceId: string, different: Partial<DeviceHealth> = {}): DeviceHealth {
  return {
    v: 1,
    deviceId,
    atMs: Date.UTC(2025, 9, 14, 4, 12, 30),
    epoch: EPOCH,
    seq: 120,
    journal: { unreceipted: 2, kept: 118, capacity: 50_000 },
    reader: { state: 'ready', recoveries: 0 },
    denyList: { version: { generation: 1, n: 4 }, entries: 12, ageMs: 42_000 },
    clock: { syncAgeMs: 61_000, offsetMs: 3 },
    counters: { accepted: 112, refused: 3, latencyMsMax: 7.4 },
    where: { vehicleId: 'T5-1', routeId: 'T5' },
    position: { lat: 49.5518, lon: 25.593, bearing: 90 },
    nextStopId: 'teatr',
    ...different,
  };
}
