/**
 * The reconciliation between the devices and the city, as pure arithmetic:
 * records = accepted + quarantined + still in journals, and greens ⊆ records.
 *
 * A device may have several journals: its folder was copied, or an older image of it was brought back. Then a number
 * may stand for several records, each with other bytes; what the copies share is one record.
 */
import { recordId } from '#contracts/ids.ts';
import type { JournalContent } from './journals.ts';

/** A record that the city holds. */
export interface HeldRecord {
  readonly deviceId: string;
  readonly epoch: string;
  readonly seq: bigint;
  readonly hash: string;
  /** false = in quarantine. */
  readonly accepted: boolean;
}

export interface JournalReconciliation {
  /** Records that the devices ever wrote. */
  readonly written: number;
  readonly accepted: number;
  readonly quarantined: number;
  /** Written, kept on a device, and not held by the city. */
  readonly stillInJournals: number;
  readonly greens: number;
  /** What does not hold, each in one sentence; at most {@link PROBLEMS_MAX}. */
  readonly problems: readonly string[];
}

const PROBLEMS_MAX = 50;

/** Compares. `greens` are the ids of all records for which a validator showed green. */
export function compareJournals(
  journals: readonly JournalContent[],
  held: Iterable<HeldRecord>,
  greens: ReadonlySet<string>,
): JournalReconciliation {
  const problems: string[] = [];
  const problem = (text: string) => {
    if (problems.length < PROBLEMS_MAX) problems.push(text);
  };
  const byDevice = Map.groupBy(journals, (journal) => journal.deviceId);
  const heldHashes = new Map<string, Set<string>>();
  const counts = { accepted: 0, quarantined: 0 };
  for (const record of held) {
    const copies = byDevice.get(record.deviceId);
    // A device that is not compared (a desk that still runs) has records of its own.
    if (!copies) continue;
    const id = recordId(record.deviceId, record.epoch, record.seq);
    if (add(heldHashes, id, record.hash)) counts[record.accepted ? 'accepted' : 'quarantined'] += 1;
    const claims = copies.map((journal) => claimOf(journal, record, id));
    if (claims.every((claim) => claim === 'never')) {
      problem(`${id} is held by the city, its device never wrote it`);
    } else if (!claims.some((claim) => claim === 'same' || claim === 'forgotten')) {
      problem(`${id} has other bytes on the device than here`);
    }
  }
  let [written, stillInJournals] = [0, 0];
  for (const copies of byDevice.values()) {
    const count = countWritten(copies, heldHashes);
    written += count.written;
    stillInJournals += count.stillInJournals;
  }
  const found = counts.accepted + counts.quarantined + stillInJournals;
  if (found !== written) problem(`${written} records were written, ${found} are found`);
  for (const { kept, receipted } of journals) {
    for (const id of receipted) {
      // It would never be offered again: the device believes a receipt that was not true.
      const own = kept.get(id);
      if (own !== undefined && !heldHashes.get(id)?.has(own))
        problem(`${id} has a receipt, and the city does not hold it`);
    }
  }
  for (const green of greens) {
    if (heldHashes.has(green) || journals.some((journal) => journal.kept.has(green))) continue;
    problem(`green ${green} has no record`);
  }
  return { written, ...counts, stillInJournals, greens: greens.size, problems };
}

/** What one journal says of a held record: these bytes, others, written and forgotten since, or never written. */
function claimOf(
  journal: JournalContent,
  { epoch, seq, hash }: HeldRecord,
  id: string,
): 'same' | 'other' | 'forgotten' | 'never' {
  if (seq > BigInt(journal.epochs.get(epoch) ?? 0)) return 'never';
  const own = journal.kept.get(id);
  if (own === undefined) return 'forgotten';
  return own === hash ? 'same' : 'other';
}

/** Records that the copies of one device wrote, each counted once, and those of them that the city does not hold. */
function countWritten(
  copies: readonly JournalContent[],
  held: ReadonlyMap<string, ReadonlySet<string>>,
): { written: number; stillInJournals: number } {
  const lasts = new Map<string, number>();
  for (const { epochs } of copies) {
    for (const [epoch, last] of epochs) lasts.set(epoch, Math.max(last, lasts.get(epoch) ?? 0));
  }
  const deviceId = copies[0]?.deviceId as string;
  let [written, stillInJournals] = [0, 0];
  for (const [epoch, last] of lasts) {
    for (let seq = 1; seq <= last; seq++) {
      const id = recordId(deviceId, epoch, seq);
      const known = held.get(id) ?? NONE;
      const kept = new Set(copies.flatMap((copy) => copy.kept.get(id) ?? []));
      const forgetters = copies.filter((copy) => seq <= (copy.epochs.get(epoch) ?? 0) && !copy.kept.has(id));
      const elsewhere = without(known, kept);
      // What a copy has forgotten it once wrote: bytes that only the city has, or the same that another copy keeps.
      written += Math.max(1, kept.size + Math.min(elsewhere, forgetters.length));
      stillInJournals += without(kept, known);
    }
  }
  return { written, stillInJournals };
}

const NONE: ReadonlySet<string> = new Set();

/** How many of `all` are not among `some`. */
function without(all: ReadonlySet<string>, some: ReadonlySet<string>): number {
  let count = 0;
  for (const one of all) if (!some.has(one)) count += 1;
  return count;
}

function add(sets: Map<string, Set<string>>, key: string, value: string): boolean {
  const set = sets.get(key) ?? new Set();
  sets.set(key, set);
  if (set.has(value)) return false;
  set.add(value);
  return true;
}
