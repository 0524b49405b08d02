/**
 * The living city as the portal knows it: a snapshot of the published views, refreshed only while somebody looks,
 * never more often than a few times a second, and never so often that reading it costs the database more than a
 * tenth of its time.
 */
import type { Language } from '#contracts/reason-codes.ts';
import { ATTENTION_LIMITS, type AttentionLimits, findAttention } from './attention.ts';
import { type CityNames, textOf } from './city-names.ts';
import type {
  BackupRow,
  CityViews,
  DeviceRow,
  Every,
  JournalAlarmRow,
  PaceRow,
  TariffExtractRow,
} from './ports.ts';
import type { CityWire, TapWire } from './schemas.ts';
import { countsWire, deviceWire, paceWire, tapWire, totalWire, vehiclesOf } from './wire.ts';

/** Taps shown in the live list. */
export const TAPS_SHOWN = 30;
/** How long the pace plots look back, in city time, and how fine. */
export const PACE_WINDOW_MS = 60 * 60_000;
export const PACE_SLICE_MS = 60_000;
/** The beat: nothing is refreshed faster than this, in real milliseconds. */
const BEAT_MS = 250;
/**
 * A part is read again at the earliest after this many times the duration of its last reading. What people watch move
 * rests briefly at most; sums over everything may rest long.
 */
const REST_FACTOR = 10;
const REST_MS_MAX = 30_000;
const MOVING_REST_MS_MAX = 1500;
/** Parts that are looked at this often without being told are the moving ones. */
const MOVING_IDLE_GAP_MS = 1000;
/** Listeners beyond this are refused. */
const LISTENERS_MAX = 1000;

/** Parts of the snapshot that change at different speeds. */
export type PartName =
  | 'taps'
  | 'devices'
  | 'totals'
  | 'budget'
  | 'ledger'
  | 'counts'
  | 'quarantine'
  | 'alarms'
  | 'pace';

export interface LiveCityDeps {
  readonly views: CityViews;
  readonly names: CityNames;
  /** From when on something needs a person; {@link ATTENTION_LIMITS} where the city says nothing. */
  readonly attention?: AttentionLimits;
  /** City time. */
  readonly nowMs: () => number;
  /** City seconds in one real second. */
  readonly speed: () => number;
  /** Real time, never backwards. */
  readonly monotonicMs: () => number;
  readonly every: Every;
  /** Called once when the database stops answering, and once when it answers again. */
  readonly onTrouble: (error: unknown | null) => void;
}

/** What changed, for those who watch. */
export interface CityChange {
  readonly changed: ReadonlySet<PartName>;
  /** Taps not seen by this portal before, newest first; at most {@link TAPS_SHOWN}. */
  readonly newTaps: readonly TapWire[];
}

export interface LiveCity {
  /** The snapshot, not older than a moment; with `staleSinceMs` set when the database does not answer. */
  snapshot(language: Language): Promise<CityWire>;
  /** The snapshot as it stands, without reading. */
  current(language: Language): CityWire;
  /** Calls back after changes until the returned function is called; `undefined` when too many watch already. */
  watch(listener: (change: CityChange) => void): (() => void) | undefined;
  /** Something was decided: read taps and sums at the next beat. */
  decided(): void;
  stop(): void;
}

interface Part {
  readonly load: () => Promise<void>;
  readonly gapMs: number;
  /** Longest wait while nothing says that it changed. */
  readonly idleGapMs: number;
  loadedAtMs: number;
  tookMs: number;
  hinted: boolean;
  underWay: Promise<boolean> | undefined;
  print: string;
}

function revisionKey(tap: TapWire): string {
  return `${tap.tapId}/${tap.revision}`;
}

type Figures = Omit<CityWire, 'city' | 'nowMs' | 'speed' | 'v' | 'attention'>;

const NOTHING_YET: Figures = {
  staleSinceMs: null,
  taps: [],
  vehicles: [],
  devices: [],
  totals: [],
  budgetOwed: [],
  ledger: [],
  counts: null,
  quarantine: [],
  pace: { sliceMs: PACE_SLICE_MS, slices: [] },
};

/** Makes the living city. Nothing is read before the first `snapshot` or `watch`. */
export function createLiveCity(deps: LiveCityDeps): LiveCity {
  const state: Figures = { ...NOTHING_YET };
  const alarms: {
    journals: readonly JournalAlarmRow[];
    backup: BackupRow | null;
    tariffExtract: TariffExtractRow | null;
  } = { journals: [], backup: null, tariffExtract: null };
  const queueBySlice = new Map<number, number>();
  let known: Set<string> | undefined;
  // Changes wait here until they are told, so that a slow part never swallows what another one saw.
  let pending: { changed: Set<PartName>; newTaps: TapWire[] } = { changed: new Set(), newTaps: [] };
  const listeners = new Set<(change: CityChange) => void>();
  let stopBeat: (() => void) | undefined;

  const parts: Record<PartName, Part> = {
    taps: part(300, 1000, async () => {
      const taps = (await deps.views.latestTaps(TAPS_SHOWN)).map(tapWire);
      const keys = new Set(taps.map(revisionKey));
      const before = known;
      if (before) pending.newTaps.unshift(...taps.filter((tap) => !before.has(revisionKey(tap))));
      known = keys;
      state.taps = taps;
      return [...keys].join();
    }),
    devices: part(500, 500, async () => {
      const rows: DeviceRow[] = await deps.views.devices();
      state.devices = rows.map(deviceWire);
      state.vehicles = vehiclesOf(rows);
      return JSON.stringify([state.devices, state.vehicles]);
    }),
    totals: part(1000, 5000, async () => {
      state.totals = (await deps.views.totals()).map(totalWire);
      return JSON.stringify(state.totals);
    }),
    budget: part(1000, 5000, async () => {
      state.budgetOwed = (await deps.views.budgetOwed()).map((row) => ({
        ...row,
        claimRides: Number(row.claimRides),
        amountMinor: row.amountMinor.toString(),
      }));
      return JSON.stringify(state.budgetOwed);
    }),
    ledger: part(5000, 10_000, async () => {
      state.ledger = (await deps.views.ledger()).map((row) => ({
        ...row,
        pendingMinor: row.pendingMinor.toString(),
        postedMinor: row.postedMinor.toString(),
      }));
      return JSON.stringify(state.ledger);
    }),
    counts: part(1000, 2000, async () => {
      state.counts = countsWire(await deps.views.counts());
      rememberQueue(state.counts.inbox + state.counts.queue);
      return JSON.stringify(state.counts);
    }),
    quarantine: part(5000, 5000, async () => {
      state.quarantine = (await deps.views.quarantine()).map((row) => ({ ...row, items: Number(row.items) }));
      return JSON.stringify(state.quarantine);
    }),
    alarms: part(5000, 5000, async () => {
      [alarms.journals, alarms.backup, alarms.tariffExtract] = await Promise.all([
        deps.views.journalAlarms(),
        deps.views.backup().then((row) => row ?? null),
        deps.views.tariffExtract().then((row) => row ?? null),
      ]);
      return JSON.stringify(alarms);
    }),
    pace: part(2000, 5000, async () => {
      const sinceMs = Math.floor((deps.nowMs() - PACE_WINDOW_MS) / PACE_SLICE_MS) * PACE_SLICE_MS;
      const rows: PaceRow[] = await deps.views.pace(sinceMs, PACE_SLICE_MS);
      state.pace = paceWire(rows, PACE_SLICE_MS, (startMs) => queueBySlice.get(startMs) ?? null);
      return JSON.stringify(state.pace);
    }),
  };

  function part(gapMs: number, idleGapMs: number, read: () => Promise<string>): Part {
    const own: Part = {
      gapMs,
      idleGapMs,
      loadedAtMs: Number.NEGATIVE_INFINITY,
      tookMs: 0,
      hinted: false,
      underWay: undefined,
      print: '',
      load: async () => {
        own.print = await read();
      },
    };
    return own;
  }

  function rememberQueue(waiting: number): void {
    const slice = Math.floor(deps.nowMs() / PACE_SLICE_MS) * PACE_SLICE_MS;
    queueBySlice.set(slice, Math.max(waiting, queueBySlice.get(slice) ?? 0));
    for (const old of queueBySlice.keys()) {
      if (old >= slice - PACE_WINDOW_MS) break;
      queueBySlice.delete(old);
    }
  }

  const isDue = (own: Part): boolean => {
    const restMsMax = own.idleGapMs <= MOVING_IDLE_GAP_MS ? MOVING_REST_MS_MAX : REST_MS_MAX;
    const age = deps.monotonicMs() - own.loadedAtMs;
    return (
      age >= Math.max(own.hinted ? own.gapMs : own.idleGapMs, Math.min(own.tookMs * REST_FACTOR, restMsMax))
    );
  };

  /** Reads a part once at a time; true when its content changed. */
  function refresh(own: Part): Promise<boolean> {
    own.underWay ??= (async () => {
      const before = own.print;
      const begun = deps.monotonicMs();
      own.hinted = false;
      try {
        await own.load();
        return own.print !== before;
      } finally {
        own.loadedAtMs = deps.monotonicMs();
        own.tookMs = own.loadedAtMs - begun;
        own.underWay = undefined;
      }
    })();
    return own.underWay;
  }

  /** Reads what is due and tells the listeners. */
  async function refreshDue(): Promise<void> {
    const due = (Object.entries(parts) as [PartName, Part][]).filter(
      ([, own]) => own.underWay === undefined && isDue(own),
    );
    if (due.length === 0) return;
    const wasStaleSinceMs = state.staleSinceMs;
    const results = await Promise.allSettled(due.map(([name, own]) => refreshPart(name, own)));
    markTrouble(results);
    tell(wasStaleSinceMs !== state.staleSinceMs);
  }

  async function refreshPart(name: PartName, own: Part): Promise<void> {
    if (await refresh(own)) pending.changed.add(name);
  }

  function tell(staleChanged: boolean): void {
    if (pending.changed.size === 0 && !staleChanged) return;
    const change: CityChange = {
      changed: pending.changed,
      newTaps: pending.newTaps.slice(0, TAPS_SHOWN),
    };
    pending = { changed: new Set(), newTaps: [] };
    for (const listener of listeners) listener(change);
  }

  /** Keeps the old figures, marked as standing still, while the database does not answer. */
  function markTrouble(results: readonly PromiseSettledResult<unknown>[]): void {
    const failed = results.find((result) => result.status === 'rejected');
    if (failed && state.staleSinceMs === null) {
      state.staleSinceMs = deps.nowMs();
      deps.onTrouble(failed.reason);
    } else if (!failed && state.staleSinceMs !== null) {
      state.staleSinceMs = null;
      deps.onTrouble(null);
    }
  }

  function current(language: Language): CityWire {
    const { city } = deps.names;
    const nowMs = deps.nowMs();
    return {
      v: 1,
      city: {
        id: city.id,
        name: textOf(city.name, language) ?? city.id,
        zone: city.zone,
        currency: city.currency,
      },
      nowMs,
      speed: deps.speed(),
      attention: findAttention({ ...state, ...alarms, nowMs }, deps.attention ?? ATTENTION_LIMITS),
      ...state,
    };
  }

  return {
    current,
    async snapshot(language) {
      await refreshDue();
      // Another caller's reading may be under way: a first page waits for it, a later one takes what is there.
      const unread = Object.values(parts).filter((own) => own.loadedAtMs === Number.NEGATIVE_INFINITY);
      await Promise.allSettled(unread.map((own) => own.underWay));
      return current(language);
    },
    watch(listener) {
      if (listeners.size >= LISTENERS_MAX) return undefined;
      listeners.add(listener);
      stopBeat ??= deps.every(BEAT_MS, () => void refreshDue());
      return () => {
        listeners.delete(listener);
        if (listeners.size > 0) return;
        stopBeat?.();
        stopBeat = undefined;
      };
    },
    decided() {
      for (const name of ['taps', 'totals', 'budget', 'counts', 'pace'] as const) parts[name].hinted = true;
    },
    stop() {
      stopBeat?.();
      stopBeat = undefined;
      listeners.clear();
    },
  };
}
