/** On which terms the banks of bank cards are asked for money: what the city and its acquirer have agreed on (`bank-terms.yaml`). */
import { type Static, Type } from 'typebox';
import { unknownAct } from './check-act.ts';
import type { FileProblem } from './file-problem.ts';
import type { FileProblemCode } from './problem-codes.ts';
import type { PackageYaml } from './tariff-package.ts';
import { Id, natural, strict, Text } from './tariff-schema.ts';
import type { YamlPath } from './yaml-file.ts';

const hours = Type.Integer({ minimum: 1, maximum: 8760 });

/** One answer of the scheme. */
export const BankCode = strict({
  code: Type.String({ pattern: '^[0-9A-Z]{2}$' }),
  meaning: Type.String({ pattern: '^[a-z][a-z-]{2,40}$' }),
  /** Whether the same charge may be tried once more. */
  again: Type.Boolean(),
});
export type BankCode = Static<typeof BankCode>;

/** bank-terms.yaml; amounts are of the tariff's currency. */
export const BankTermsFile = strict({
  /** Asked for soon after a token's first tap; 0 asks only whether the card is good. Never taken. */
  nominal_minor: natural,
  /** After so many hours without a word of its bank a card is asked about again at its next tap. */
  nominal_again_after_h: hours,
  /** How many fare days one payment gathers at most. */
  window_days: Type.Integer({ minimum: 1, maximum: 14 }),
  /** From this sum on the bank is asked at once, open days included. */
  gather_minor_max: natural,
  /** What is given back waits so many days for rides to take it from; then it is refunded. */
  credit_wait_days: Type.Integer({ minimum: 0, maximum: 60 }),
  /** After the first refusal: hours until the bank is asked again, one after the other. */
  retry_after_h: Type.Array(hours, { maxItems: 15 }),
  /** Days after the first refusal: then the debt goes to a loss account. It may still be paid. */
  write_off_after_days: Type.Integer({ minimum: 1, maximum: 730 }),
  /**
   * What the city risks on a card of which its bank has never said a word: beyond it the card waits on the deny list for the
   * answer. 0 = for its first ride alone. A bank is usually asked within seconds, so it bounds what is lost while the
   * acquirer does not answer.
   */
  first_rides_minor_max: natural,
  /** A code that is not named counts as one that may not be asked again. */
  codes: Type.Array(BankCode, { maxItems: 100 }),
  act: Id,
  article: Text,
});
export type BankTermsFile = Static<typeof BankTermsFile>;

/** What `bank-terms.yaml` must hold beyond its form; that it is there, where the tariff takes bank cards, is a warning. */
export function checkBankTerms({ bankTerms: file, tariff, tapPolicy }: PackageYaml): FileProblem[] {
  const takes = tapPolicy.value.medium_kinds['bank'] !== undefined;
  if (!file) {
    if (!takes) return [];
    const message = 'bank cards are taken, and nothing says on which terms their banks are asked';
    const todo = 'Add bank-terms.yaml; until then the terms of the package before hold.';
    const path = ['medium_kinds', 'bank'];
    return [warned(tapPolicy.problemAt('TARIFF_BANK_TERMS_MISSING', path, message, todo))];
  }
  const terms = file.value;
  const problems: FileProblem[] = [];
  const at = (code: FileProblemCode, path: YamlPath, message: string, howToMend: string) =>
    file.problemAt(code, path, message, howToMend);
  if (!tariff.value.acts.some(({ act_id }) => act_id === terms.act))
    problems.push(unknownAct(file, ['act'], terms.act));
  terms.codes.forEach(({ code }, i) => {
    if (terms.codes.findIndex((other) => other.code === code) !== i)
      problems.push(at('TARIFF_ID_TWICE', ['codes', i, 'code'], `${code} occurs twice`, 'Keep one of them.'));
  });
  let askedH = 0;
  terms.retry_after_h.forEach((waitH, i) => {
    askedH += waitH;
    if (askedH < terms.write_off_after_days * 24) return;
    const message = `a debt is written off after ${terms.write_off_after_days} days, and asked for again after ${askedH} hours`;
    const todo = 'Leave the time out, or let debts stand longer (write_off_after_days).';
    problems.push(at('TARIFF_BANK_TERMS', ['retry_after_h', i], message, todo));
  });
  const unused = (path: YamlPath, message: string, todo: string) =>
    problems.push(warned(at('TARIFF_VALUE_IGNORED', path, message, todo)));
  if (terms.retry_after_h.length > 0 && !terms.codes.some(({ again }) => again))
    unused(['retry_after_h'], 'no code may be asked again', 'Name the codes that may (again: true).');
  if (!takes)
    unused(
      [],
      'no medium stands for bank cards',
      'Name it in tap-policy.yaml (medium_kinds: bank), or remove the file.',
    );
  return problems;
}

function warned(problem: FileProblem): FileProblem {
  return { ...problem, severity: 'warning' };
}
