/**
 * Which records of a device are marked: those that the beginning of their epoch does not reach by links, and those that
 * a copied journal wrote from the fork on. Pure, and a function of the set of facts: what becomes known late marks what
 * came early, and a mark of a missing predecessor goes when the predecessor comes. Marks never change a price.
 */
import { type EpochFacts, type Fork, liveTogether } from './link-chain.ts';

/** What is to be said of one epoch's records. */
export interface JournalMark {
  readonly epoch: string;
  /** Records beyond this number are unlinked; null = none is. */
  readonly linkedToSeq: number | null;
  /** Records from this number on, and those made at or after this instant (UTC ms), are of a forked journal. */
  readonly forkedFromSeq: number | null;
  readonly forkedFromMs: number | null;
}

/** Marks of every epoch of a device. `forks` are all signs known of it. */
export function markJournals(epochs: readonly EpochFacts[], forks: readonly Fork[]): JournalMark[] {
  const fromSeq = new Map<string, number>();
  const fromMs = new Map<string, number>();
  const successors = Map.groupBy(epochs, ({ follows }) => (follows.kind === 'epoch' ? follows.epoch : ''));
  for (const fork of forks) {
    if (fork.kind === 'live-together' || fork.kind === 'two-boots') continue;
    lower(fromSeq, fork.epoch, fork.seq);
    for (const { epoch } of successorsAt(successors.get(fork.epoch) ?? [], fork)) lower(fromSeq, epoch, 1);
  }
  for (const { epoch, fromMs: besideMs } of liveTogether(epochs)) {
    if (besideMs === null) lower(fromSeq, epoch, 1);
    else lower(fromMs, epoch, besideMs);
  }
  return epochs.map(({ epoch, summary }) => ({
    epoch,
    linkedToSeq: summary.linkedToSeq,
    forkedFromSeq: fromSeq.get(epoch) ?? null,
    forkedFromMs: fromMs.get(epoch) ?? null,
  }));
}

/** The epochs on the other side of a fork that was found where they say they begin. */
function successorsAt(epochs: readonly EpochFacts[], fork: Fork): readonly EpochFacts[] {
  const endsAt = fork.kind === 'outlived' ? fork.seq - 1 : fork.kind === 'other-head' ? fork.seq : null;
  return epochs.filter(
    ({ follows }) => follows.kind === 'epoch' && follows.epoch === fork.epoch && follows.seq === endsAt,
  );
}

function lower(values: Map<string, number>, key: string, value: number): void {
  values.set(key, Math.min(value, values.get(key) ?? value));
}
