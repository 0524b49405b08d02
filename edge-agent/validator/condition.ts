/** How the validator is: what keeps it from taking cards, and what its driver should know before that. */
import { type AgentLimits, NEARLY_FULL } from '../agent-limits.ts';
import type { Timekeeper } from '../clock-evidence.ts';
import type { DenyList } from '../deny-list.ts';
import type { Journal } from '../journal.ts';
import type { CardReader, Device, Notice, Timers } from '../ports.ts';
import type { Fault } from './machine.ts';

export interface ConditionDeps {
  readonly device: Pick<Device, 'policy'>;
  readonly journal: Journal;
  readonly denyList: DenyList;
  readonly reader: Pick<CardReader, 'state'>;
  readonly keeper: Pick<Timekeeper, 'nowMs'>;
  readonly timers: Timers;
  readonly limits: Pick<AgentLimits, 'readerLostMs' | 'listOldMs'>;
}

export interface Condition {
  fault(): Fault | null;
  /** No card could be taken this very moment, though it may be too short to say so on the panel. */
  deaf(): boolean;
  /** Undefined = nothing to know. */
  notices(): readonly Notice[] | undefined;
  /** City milliseconds since the city vouched for the deny list; null = never. */
  listAgeMs(): number | null;
  /** Once a tick: how long the reader is lost. */
  look(): void;
}

/** Watches from now on. */
export function createCondition(deps: ConditionDeps): Condition {
  const { device, journal, denyList, reader, keeper, timers, limits } = deps;
  let readerLostSinceMs: number | null = null;

  const nearlyFull = (): boolean => journal.counts().open >= device.policy.journalRecordsMax * NEARLY_FULL;

  function readerLost(): boolean {
    if (reader.state().state === 'ready') return false;
    return readerLostSinceMs !== null && timers.nowMs() - readerLostSinceMs >= limits.readerLostMs;
  }

  function fault(): Fault | null {
    if (journal.broken()) return 'disk';
    if (!journal.hasRoom()) return 'journal-full';
    return readerLost() ? 'reader' : null;
  }

  function listAgeMs(): number | null {
    const { vouchedAtMs } = denyList.state();
    return vouchedAtMs === null ? null : Math.max(0, keeper.nowMs() - vouchedAtMs);
  }

  function listNotice(): Notice | undefined {
    const ageMs = listAgeMs();
    if (ageMs === null) return 'list-none';
    return ageMs >= limits.listOldMs ? 'list-old' : undefined;
  }

  return {
    fault,
    deaf: () => fault() !== null || reader.state().state !== 'ready',
    listAgeMs,
    notices() {
      const now = fault();
      const journalNotice: Notice | undefined = now ?? (nearlyFull() ? 'journal-nearly-full' : undefined);
      const found = [journalNotice, listNotice()].filter((notice) => notice !== undefined);
      return found.length === 0 ? undefined : found;
    },
    look() {
      const ready = reader.state().state === 'ready';
      readerLostSinceMs = ready ? null : (readerLostSinceMs ?? timers.nowMs());
    },
  };
}
