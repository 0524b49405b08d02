/** What validators need for bank cards, from the files that the environment names: both of them, or none. */
import { type BankCardFile, parseBankCardFile } from '#contracts/bank-card.ts';
import { type CaKeyFile, parseCaKeyFile } from '#contracts/ca-keys.ts';
import { decodeJson, describeProblems, type Parsed } from '#contracts/parse.ts';
import { OperatorError } from '#platform/errors.ts';
import { readSecretFile } from '#platform/secret-files.ts';

const FILE_BYTES_MAX = 512 * 1024;

export interface BankFiles {
  readonly bankCard: BankCardFile;
  readonly caKeys: CaKeyFile;
}

/** @throws OperatorError SECRET_FILE_UNREADABLE, ENROLMENT_BANK_FILES_INVALID. */
export function readBankFiles(paths: {
  readonly bankCard: string | undefined;
  readonly caKeys: string | undefined;
}): BankFiles | undefined {
  const { bankCard, caKeys } = paths;
  if (bankCard === undefined && caKeys === undefined) return undefined;
  if (bankCard === undefined || caKeys === undefined)
    throw invalid(
      'One of KVYTOK_ENROLMENT_BANK_CARD_FILE and KVYTOK_ENROLMENT_CA_KEYS_FILE is set without the other.',
    );
  return { bankCard: read(bankCard, parseBankCardFile), caKeys: read(caKeys, parseCaKeyFile) };
}

function read<T>(path: string, parse: (input: unknown) => Parsed<T>): T {
  const json = decodeJson(Buffer.from(readSecretFile(path), 'utf8'), FILE_BYTES_MAX);
  const parsed = json.ok ? parse(json.value) : json;
  if (parsed.ok) return parsed.value;
  throw invalid(`The file ${path} does not have its form: ${describeProblems(parsed.problems)}.`);
}

function invalid(happened: string): OperatorError {
  return new OperatorError({
    code: 'ENROLMENT_BANK_FILES_INVALID',
    happened,
    kept: 'Nothing was started and nothing was changed.',
    todo: 'Give both files in the form of docs/OPERATIONS.md (Bank cards), or neither, and start again.',
  });
}
