/** The reconciliation of a city that has drained: devices against ingest, ingest against fare engine and ledger. */
import type pg from 'pg';
import type { PlannedDevice } from '#platform/city-data.ts';
import { type Reconciliation, reconcile } from '../../fare-engine/reconcile.ts';
import { compareJournals, type HeldRecord, type JournalReconciliation } from '../reconcile/compare.ts';
import { journalFile, readJournal } from '../reconcile/journals.ts';
import { deviceFolder } from './identities.ts';

export interface CityReconciliation {
  readonly journals: JournalReconciliation;
  readonly books: Reconciliation;
  /** Everything that does not hold, each in one sentence. */
  readonly problems: readonly string[];
}

/** Reads the journals of stopped devices and the auditor's views. */
export async function reconcileCity(
  auditor: pg.Pool,
  options: {
    readonly dataFolder: string;
    readonly devices: readonly Pick<PlannedDevice, 'deviceId'>[];
    readonly greens: ReadonlySet<string>;
    /** Further journals of these devices: of folders that were copied, or put away before an older one came back. */
    readonly copies?: readonly { readonly deviceId: string; readonly file: string }[];
  },
): Promise<CityReconciliation> {
  const own = options.devices.map(({ deviceId }) => {
    return { deviceId, file: journalFile(deviceFolder(options.dataFolder, deviceId)) };
  });
  const files = [...own, ...(options.copies ?? [])];
  const journals = files.map(({ deviceId, file }) => readJournal(deviceId, file));
  const held = await auditor.query<{
    device_id: string;
    epoch: string;
    seq: bigint;
    hash: string;
    accepted: boolean;
  }>('SELECT device_id, epoch, seq, hash, accepted FROM ingest.published_held');
  const records: HeldRecord[] = held.rows.map(({ device_id: deviceId, ...row }) => ({ deviceId, ...row }));
  const compared = compareJournals(journals, records, options.greens);
  const books = await reconcile(auditor);
  const waiting = books.inbox + books.queue + books.commandsWaiting;
  const problems = [
    ...compared.problems,
    ...books.problems,
    ...(waiting === 0 ? [] : [`${waiting} rows still wait in the fare engine`]),
  ];
  return { journals: compared, books, problems };
}

/** The figures as lines for a person. */
export function reconciliationText({ journals, books, problems }: CityReconciliation): string {
  const sums = Object.entries(books.ledgerSumByCurrency).map(([currency, sum]) => `${sum} ${currency}`);
  const lines = [
    'Reconciliation',
    `  records   ${journals.written} written = ${journals.accepted} accepted + ${journals.quarantined} quarantined + ${journals.stillInJournals} still in journals`,
    `  greens    ${journals.greens} shown in this run, each with its record`,
    `  taps      ${books.accepted ?? books.taps} accepted = ${books.decided} decided, since the first start`,
    `  ledger    sums to ${sums.length === 0 ? '0' : sums.join(', ')}`,
    ...(problems.length === 0
      ? ['  holds']
      : ['  DOES NOT HOLD', ...problems.map((problem) => `    - ${problem}`)]),
  ];
  return `${lines.join('\n')}\n`;
}
