/**
 * Leaves of the audit log for what an import brings over: each right, sale, link, denial and posting stands in one of them
 * word by word, so that it can be proven. Many rows share a leaf; a leaf stays well under the 64 KiB of an entry. Pure.
 */
import { openingAccount, PASS_LIABILITY, riderAccount } from '../ledger/chart-of-accounts.ts';
import type { ImportFile, ImportRow } from './import-files.ts';
import type { ImportRun } from './run-import.ts';

/** Bytes of rows in one leaf, at most; what stands around them is a few hundred. */
const LEAF_BYTES_MAX = 40_000;

type Fact = Readonly<Record<string, string | number | null>>;
/** Id, debit, credit, minor units, currency: as in the leaf of a command. */
type PostingText = readonly [string, string, string, string, string];

/** Rows of one file, in the order of their lines, to leaves. Numbering goes on from `partsBefore`. */
export function* importLeaves(
  run: ImportRun,
  file: ImportFile,
  rows: Iterable<ImportRow>,
  partsBefore: number,
): Generator<string> {
  let part = partsBefore;
  let facts: Fact[] = [];
  let postings: PostingText[] = [];
  let size = 0;
  const leaf = (): string => {
    part++;
    const inputs = { importId: run.importId, part, file, facts };
    const said = { v: 1, commandId: run.commandId, kind: 'import', submittedBy: run.by, inputs };
    const bytes = JSON.stringify(postings.length === 0 ? said : { ...said, postings });
    [facts, postings, size] = [[], [], 0];
    return bytes;
  };
  for (const row of rows) {
    const fact = factOf(row);
    const posting = postingOf(row, run.system);
    const more = bytesOf(fact) + bytesOf(posting);
    if (size > 0 && size + more > LEAF_BYTES_MAX) yield leaf();
    if (fact !== null) facts.push(fact);
    if (posting !== null) postings.push(posting);
    size += more;
  }
  if (size > 0) yield leaf();
}

function bytesOf(part: Fact | PostingText | null): number {
  return part === null ? 0 : Buffer.byteLength(JSON.stringify(part));
}

/** The fact under the names that the leaf of its command has; a balance is a posting alone, an account nothing but its name. */
function factOf(row: ImportRow): Fact | null {
  const { id, accountId, ref, fromMs: validFromMs, untilMs: validUntilMs } = row;
  switch (row.file) {
    case 'accounts.csv':
      return { accountId };
    case 'balances.csv':
      return null;
    case 'media.csv':
      return { tokenId: ref, accountId, validFromMs, validUntilMs };
    case 'passes.csv':
      return { passId: id, accountId, fareProductId: ref, validFromMs };
    case 'entitlements.csv':
    case 'quotas.csv':
    case 'uses.csv':
    case 'caps.csv':
    case 'rides.csv': {
      const { evidenceSha256 } = row;
      return { entitlementId: id, accountId, concessionId: ref, validFromMs, validUntilMs, evidenceSha256 };
    }
    case 'denials.csv':
      return { tokenId: ref, reason: row.reason, scope: row.scope, validFromMs, validUntilMs };
  }
}

/** A balance is between the earlier system and the rider; a prepaid pass between it and the carriers to come. */
function postingOf(row: ImportRow, system: string): PostingText | null {
  const { file, id, accountId, amountMinor, currency } = row;
  const minor = BigInt(amountMinor ?? 0);
  if (minor === 0n || accountId === null || currency === null) return null;
  const opening = openingAccount(system);
  const other = file === 'passes.csv' ? PASS_LIABILITY : riderAccount(accountId);
  const postingId = file === 'passes.csv' ? `pass:${id}` : `${opening}:${accountId}:${currency}`;
  return minor < 0n
    ? [postingId, other, opening, (-minor).toString(), currency]
    : [postingId, opening, other, minor.toString(), currency];
}
