/**
 * Reads what the devices' journals hold, for the reconciliation. The agents must have stopped; nothing is written.
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { recordId } from '#contracts/ids.ts';

/** One device's journal. */
export interface JournalContent {
  readonly deviceId: string;
  /** Epoch → number of its last record: so many records were ever written in it. */
  readonly epochs: ReadonlyMap<string, number>;
  /** Record id → hash, of the records still kept on the device. */
  readonly kept: ReadonlyMap<string, string>;
  /** Those of the kept records that the device takes for held by the city. */
  readonly receipted: ReadonlySet<string>;
}

/** How the journal marks a record that a receipt has covered: accepted or quarantined. */
const RECEIPTED = [1, 2];

/** The journal of a device's folder. */
export function journalFile(deviceFolder: string): string {
  return join(deviceFolder, 'journal.db');
}

/** Reads a journal's file; a device that never started has none, and its journal is empty. */
export function readJournal(deviceId: string, path: string): JournalContent {
  const epochs = new Map<string, number>();
  const kept = new Map<string, string>();
  const receipted = new Set<string>();
  if (!existsSync(path)) return { deviceId, epochs, kept, receipted };
  const database = new DatabaseSync(path, { readOnly: true });
  try {
    for (const row of database.prepare('SELECT id, seq FROM epoch').iterate()) {
      epochs.set(String(row['id']), Number(row['seq']));
    }
    const records = database.prepare(
      'SELECT e.id, r.seq, r.hash, r.mark FROM record AS r JOIN epoch AS e ON e.n = r.epoch_n',
    );
    for (const row of records.iterate()) {
      const id = recordId(deviceId, String(row['id']), Number(row['seq']));
      kept.set(id, String(row['hash']));
      if (RECEIPTED.includes(Number(row['mark']))) receipted.add(id);
    }
  } finally {
    database.close();
  }
  return { deviceId, epochs, kept, receipted };
}
