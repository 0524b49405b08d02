/**
 * The reconciliation between the devices and the city, as pure arithmetic:
 * records = accepted + quarantined + still in journals, and greens ⊆ records.
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
  const byDevice = new Map(journals.map((journal) => [journal.deviceId, journal]));
  const heldIds = new Set<string>();
  const counts = { accepted: 0, quarantined: 0 };
  for (const record of held) {
    const id = recordId(record.deviceId, record.epoch, record.seq);
    const journal = byDevice.get(record.deviceId);
    // A device that is not compared (a desk that still runs) has records of its own.
    if (!journal) continue;
    heldIds.add(id);
    counts[record.accepted ? 'accepted' : 'quarantined'] += 1;
    const last = journal.epochs.get(record.epoch) ?? 0;
    if (record.seq > BigInt(last)) problem(`${id} is held by the city, its device never wrote it`);
    const own = journal.kept.get(id);
    if (own !== undefined && own !== record.hash) problem(`${id} has other bytes on the device than here`);
  }
  let written = 0;
  let stillInJournals = 0;
  for (const journal of journals) {
    for (const last of journal.epochs.values()) written += last;
    for (const id of journal.kept.keys()) if (!heldIds.has(id)) stillInJournals += 1;
  }
  const found = counts.accepted + counts.quarantined + stillInJournals;
  if (found !== written) problem(`${written} records were written, ${found} are found`);
  for (const green of greens) {
    if (heldIds.has(green) || journals.some((journal) => journal.kept.has(green))) continue;
    problem(`green ${green} has no record`);
  }
  return { written, ...counts, stillInJournals, greens: greens.size, problems };
}
