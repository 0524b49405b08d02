/** How the validator is: what keeps it from taking cards, and what its driver should know before that. */
import type { Logger } from '#platform/logger.ts';
import type { AgentLimits } from '../agent-limits.ts';
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
  readonly log: Logger;
}

export interface Condition {
  fault(): Fault | null;
  /** Undefined = nothing to know. */
  notices(): readonly Notice[] | undefined;
  /** Once a tick: how long the reader is lost, and the log's warnings. */
  look(): void;
}

/** Part of the journal's capacity at which the driver and the log are warned. */
const NEARLY_FULL = 0.8;

/** Watches from now on. */
export function createCondition(deps: ConditionDeps): Condition {
  const { device, journal, denyList, reader, keeper, timers, limits, log } = deps;
  let readerLostSinceMs: number | null = null;
  let warnedNearlyFull = false;

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

  function listNotice(): Notice | undefined {
    const { vouchedAtMs } = denyList.state();
    if (vouchedAtMs === null) return 'list-none';
    return keeper.nowMs() - vouchedAtMs >= limits.listOldMs ? 'list-old' : undefined;
  }

  return {
    fault,
    notices() {
      const now = fault();
      const journalNotice: Notice | undefined = now ?? (nearlyFull() ? 'journal-nearly-full' : undefined);
      const found = [journalNotice, listNotice()].filter((notice) => notice !== undefined);
      return found.length === 0 ? undefined : found;
    },
    look() {
      const ready = reader.state().state === 'ready';
      readerLostSinceMs = ready ? null : (readerLostSinceMs ?? timers.nowMs());
      const nearly = nearlyFull();
      if (nearly && !warnedNearlyFull) {
        const { open } = journal.counts();
        log.warn({ open, capacity: device.policy.journalRecordsMax }, 'edge.journal.nearly-full');
      }
      warnedNearlyFull = nearly;
    },
  };
}
