/** From the cells of one row of an import to what is brought over: strictly, with all its problems at once. Pure. */
import { DenyReason } from '#contracts/deny-list.ts';
import { CountedRows } from './counted-rows.ts';
import type { ImportFile, ImportRow, ImportTerms } from './import-files.ts';
import { type ImportProblem, shown } from './problems.ts';
import type { Cells } from './row-cells.ts';

const SHA256 = /^[0-9a-fA-F]{64}$/;
const DENY_REASONS = DenyReason.anyOf.map((one) => one.const);

/** Reads one row; all its problems at once. */
export function readImportRow(
  file: ImportFile,
  line: number,
  cells: Cells,
  terms: ImportTerms,
): { readonly row: ImportRow } | { readonly problems: readonly ImportProblem[] } {
  const reader = new RowReader(file, line, cells, terms);
  const row = reader[READERS[file]]();
  return reader.problems.length > 0 ? { problems: reader.problems } : { row };
}

const READERS = {
  'accounts.csv': 'account',
  'media.csv': 'medium',
  'balances.csv': 'balance',
  'passes.csv': 'pass',
  'entitlements.csv': 'entitlement',
  'quotas.csv': 'quota',
  'uses.csv': 'uses',
  'caps.csv': 'spent',
  'rides.csv': 'begun',
  'denials.csv': 'denial',
} as const;

class RowReader extends CountedRows {
  account(): ImportRow {
    return this.row({});
  }

  medium(): ImportRow {
    const ref = this.token();
    return this.row({ ref, ...this.interval() });
  }

  balance(): ImportRow {
    const currency = this.currency();
    return this.row({ currency, amountMinor: this.amount('amount', currency) });
  }

  pass(): ImportRow {
    const ref = this.cell('fare_product_id');
    const product = this.terms.products.get(ref);
    if (product === undefined)
      this.fail(
        'IMPORT_REFERENCE',
        'fare_product_id',
        `no tariff sells a pass or carnet ${shown(ref)}`,
        'Use an id of product-terms.yaml with kind pass or carnet.',
      );
    const unused = this.cell('unused');
    if (unused !== '' && unused !== 'yes' && unused !== 'no')
      this.fail(
        'IMPORT_VALUE',
        'unused',
        `${shown(unused)} is neither yes nor no`,
        'Write yes, no or nothing.',
      );
    if (product?.counted && unused === '')
      this.fail(
        'IMPORT_USED',
        'unused',
        `how much of ${shown(ref)} was used is not said`,
        'Write yes, or no and a row of uses.csv with its rides so far.',
      );
    const currency = this.currency();
    const prepaid = this.cell('prepaid') === '' ? null : this.amount('prepaid', currency);
    if (prepaid?.startsWith('-'))
      this.fail(
        'IMPORT_VALUE',
        'prepaid',
        'a pass is not worth less than nothing',
        'Write what of its price is owed to carriers, or nothing.',
      );
    return this.row({
      id: this.name('pass_id'),
      ref,
      fromMs: this.beginning('valid_from'),
      amountMinor: prepaid,
      currency,
      scope: product?.counted && unused === 'no' ? 'used' : null,
    });
  }

  entitlement(): ImportRow {
    const ref = this.cell('concession_id');
    if (!this.terms.concessions.has(ref) && !/^residence:[A-Za-z0-9_.-]{1,64}$/.test(ref))
      this.fail(
        'IMPORT_REFERENCE',
        'concession_id',
        `no tariff knows the concession ${shown(ref)}`,
        'Use an id of concessions.yaml, or residence:<id>.',
      );
    const evidence = this.cell('evidence_sha256');
    if (!SHA256.test(evidence))
      this.fail(
        'IMPORT_VALUE',
        'evidence_sha256',
        'not the hash of the evidence',
        'Write SHA-256 of the register’s extract in 64 hex digits; never a diagnosis or a name.',
      );
    return this.row({
      id: this.name('entitlement_id'),
      ref,
      ...this.interval(),
      evidenceSha256: evidence.toLowerCase(),
    });
  }

  denial(): ImportRow {
    const reason = this.cell('reason');
    if (!(DENY_REASONS as readonly string[]).includes(reason))
      this.fail(
        'IMPORT_VALUE',
        'reason',
        `${shown(reason)} is no reason`,
        `Write one of ${DENY_REASONS.join(', ')}.`,
      );
    const scope = this.cell('scope') || 'all';
    if (scope !== 'all' && scope !== 'paid')
      this.fail(
        'IMPORT_VALUE',
        'scope',
        `${shown(scope)} is neither all nor paid`,
        'Write all, or paid for an empty wallet, or nothing for all.',
      );
    const ref = this.token();
    return { ...this.nobodys(), ref, ...this.interval(), reason, scope };
  }
}
