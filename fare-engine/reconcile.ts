/**
 * Does it all add up? Read by the auditor's role from published views only; every figure comes from the database's own
 * facts, none from this process.
 */
import { onOneSnapshot, type Queryable, type ReaderPool, rowsOf } from './database-reader.ts';

export interface Reconciliation {
  /** Records that ingest accepted; `null` where ingest has no schema here. */
  readonly records: number | null;
  readonly quarantined: number | null;
  /** Taps among the accepted records, as ingest counts them. */
  readonly accepted: number | null;
  /** Taps that are facts of the fare engine. */
  readonly taps: number;
  readonly decided: number;
  readonly inbox: number;
  readonly queue: number;
  readonly commandsWaiting: number;
  readonly stuck: number;
  /** Sum of all balances by currency, digits in a string; each must be 0. */
  readonly ledgerSumByCurrency: Readonly<Record<string, string>>;
  /** Amounts of taps whose decision and postings differ, and every other check that is not 0. */
  readonly imbalance: Readonly<Record<string, number>>;
  /** The first of the sums that the city shows which differs from that sum counted from scratch; `null` = all are equal. */
  readonly sumThatDiffers: SumDifference | null;
  /** Empty when everything holds. Sentences for a person. */
  readonly problems: readonly string[];
}

/** One row of the city's sums that is shown and not counted so, or counted and not shown so. */
export interface SumDifference {
  /** `totals`, `budget-owed`, `trial-balance`, `counts`. */
  readonly sums: string;
  readonly side: 'shown' | 'counted';
  /** The row, as JSON. */
  readonly figures: string;
  /** Rows that differ, both sides counted. */
  readonly rows: number;
}

const SENTENCES: Readonly<Record<string, string>> = {
  'taps-without-decision': 'accepted taps have no decision',
  'decisions-without-tap': 'decisions speak of taps that do not exist',
  'withdrawn-and-not-taken-up': 'taps were taken from one account and given to none',
  'taps-whose-postings-differ': 'taps have postings that differ from their decision',
  'postings-without-decision': 'postings name a decision that does not exist',
  'reversals-without-original': 'reversals do not match the posting they name',
  'credits-without-posting': 'wallet credits have no posting',
  'decisions-without-audit-leaf': 'decisions have no audit leaf',
  'breakdown-rides-without-breakdown': 'rides are free by a breakdown that does not exist',
};

/** Reconciles a city that may still be working: rows that wait are reported, and are a problem only to who drained. */
export function reconcile(auditorPool: ReaderPool): Promise<Reconciliation> {
  return onOneSnapshot(auditorPool, ask);
}

async function ask(client: Queryable): Promise<Reconciliation> {
  const [counts = {}] = await rowsOf<Record<string, bigint>>(client, 'SELECT * FROM fare.published_counts');
  const ingest = await ingestCounts(client);
  const ledger = await rowsOf<{ currency: string; sum: string }>(
    client,
    'SELECT currency, sum(balance_minor)::text AS sum FROM fare.published_trial_balance GROUP BY currency',
  );
  const checks = await rowsOf<{ check_name: string; amount: bigint }>(
    client,
    'SELECT check_name, amount FROM fare.published_reconciliation WHERE amount <> 0',
  );
  const [differs] = await rowsOf<SumDifference>(
    client,
    `SELECT sums, side, figures::text AS figures, (count(*) OVER ())::float8 AS rows
     FROM fare.published_sum_difference ORDER BY sums, side DESC, 3 LIMIT 1`,
  );
  const number = (name: string): number => Number(counts[name] ?? 0n);
  const figures = {
    records: ingest?.records ?? null,
    quarantined: ingest?.quarantined ?? null,
    accepted: ingest?.taps ?? null,
    taps: number('taps'),
    decided: number('decided_taps'),
    inbox: number('inbox'),
    queue: number('queue'),
    commandsWaiting: number('commands_waiting'),
    stuck: number('stuck'),
    ledgerSumByCurrency: Object.fromEntries(ledger.map((row) => [row.currency, row.sum])),
    imbalance: Object.fromEntries(checks.map((row) => [row.check_name, Number(row.amount)])),
    sumThatDiffers: differs ?? null,
  };
  return { ...figures, problems: problemsOf(figures) };
}

function problemsOf(figures: Omit<Reconciliation, 'problems'>): string[] {
  const problems = Object.entries(figures.imbalance).map(
    ([name, amount]) => `${amount} ${SENTENCES[name] ?? `rows fail the check ${name}`}`,
  );
  for (const [currency, sum] of Object.entries(figures.ledgerSumByCurrency)) {
    if (sum !== '0') problems.push(`the ledger in ${currency} sums to ${sum} minor units, not to zero`);
  }
  if (figures.accepted !== null && figures.inbox === 0 && figures.accepted !== figures.taps) {
    problems.push(`ingest accepted ${figures.accepted} taps, the fare engine has ${figures.taps}`);
  }
  if (figures.decided !== figures.taps) {
    problems.push(`${figures.taps} taps but ${figures.decided} of them decided`);
  }
  const sum = figures.sumThatDiffers;
  if (sum !== null) {
    problems.push(
      `${sum.rows} rows of the city's sums differ from those counted from scratch, the first in ${sum.sums}, ${sum.side}: ${sum.figures}`,
    );
  }
  if (figures.stuck > 0) problems.push(`${figures.stuck} rows are stuck and wait for a person`);
  return problems;
}

async function ingestCounts(
  client: Queryable,
): Promise<{ records: number; quarantined: number; taps: number } | null> {
  const there = await rowsOf(
    client,
    "SELECT 1 AS one FROM pg_views WHERE schemaname = 'ingest' AND viewname = 'published_counts'",
  );
  if (there.length === 0) return null;
  const [row] = await rowsOf<Record<'records' | 'taps' | 'quarantined', bigint>>(
    client,
    'SELECT records, taps, quarantined FROM ingest.published_counts',
  );
  if (row === undefined) return null;
  return { records: Number(row.records), quarantined: Number(row.quarantined), taps: Number(row.taps) };
}
