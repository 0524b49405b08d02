/** The city's agreement with its acquirer, from `bank-cards.yaml` of its folder. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';
import { describeProblems } from '#contracts/parse.ts';
import { OperatorError } from '#platform/errors.ts';
import { type BankTerms, bankTerms, parseBankTerms } from '../bank/bank-terms.ts';

/**
 * Reads `acquiring`; `null` = the city has none.
 * @throws OperatorError CITY_DATA_INVALID naming the file and what is wrong.
 */
export function loadBankTerms(cityDir: string): BankTerms | null {
  const file = join(cityDir, 'bank-cards.yaml');
  if (!existsSync(file)) return null;
  let read: { acquiring?: unknown } | null;
  try {
    read = parse(readFileSync(file, 'utf8')) as typeof read;
  } catch (error) {
    throw invalid(file, (error as Error).message);
  }
  if (read?.acquiring === undefined) return null;
  const parsed = parseBankTerms(read.acquiring);
  if (!parsed.ok) throw invalid(file, `acquiring: ${describeProblems(parsed.problems)}`);
  return bankTerms(parsed.value);
}

function invalid(file: string, problem: string): OperatorError {
  return new OperatorError({
    code: 'CITY_DATA_INVALID',
    happened: `${file}: ${problem}.`,
    kept: 'Nothing was started and nothing was changed.',
    todo: 'Mend the file and start again; cities/README.md describes its fields.',
  });
}
