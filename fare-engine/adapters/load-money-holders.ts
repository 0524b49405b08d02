/**
 * Who holds the money of bank cards, by their names in the ledger: `acquiring` of the city's `bank-cards.yaml`. What was agreed with
 * them is no part of it: that stands in the tariff (`bank-terms.yaml`), their addresses and tokens in the environment.
 */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Type } from 'typebox';
import { parse } from 'yaml';
import { describeProblems, parserOf } from '#contracts/parse.ts';
import { cityDataInvalid } from '#platform/city-data.ts';
import { OperatorError } from '#platform/errors.ts';
import type { MoneyHolders } from '../bank/post-payment.ts';

const HolderId = Type.String({ pattern: '^[a-z0-9][a-z0-9-]{0,31}$' });
const parseHolders = parserOf(
  Type.Object(
    {
      /** The acquirer, in the ledger `clearing:<acquirerId>`. */
      acquirerId: HolderId,
      /** The payment provider at which debts are paid, `till:<providerId>`. */
      providerId: HolderId,
    },
    { additionalProperties: false },
  ),
);

/** What stood here before it became a part of the tariff. */
const MOVED = [
  ...['currency', 'nominalMinor', 'nominalAgainAfterH', 'windowDays', 'gatherMinorMax', 'creditWaitDays'],
  ...['retryAfterH', 'writeOffAfterDays', 'codes', 'firstRidesMinorMax'],
];

/**
 * Reads `acquiring`; `null` = the city has no acquirer.
 * @throws OperatorError BANK_TERMS_MOVED, CITY_DATA_INVALID naming the file and what is wrong.
 */
export function loadMoneyHolders(cityDir: string): MoneyHolders | null {
  const file = join(cityDir, 'bank-cards.yaml');
  if (!existsSync(file)) return null;
  let read: { acquiring?: unknown } | null;
  try {
    read = parse(readFileSync(file, 'utf8')) as typeof read;
  } catch (error) {
    throw cityDataInvalid(file, (error as Error).message);
  }
  const acquiring = read?.acquiring;
  if (acquiring === undefined) return null;
  const moved = MOVED.filter((field) => Object.hasOwn(Object(acquiring), field));
  if (moved.length > 0)
    throw new OperatorError({
      code: 'BANK_TERMS_MOVED',
      happened: `${file} has terms of bank cards under acquiring (${moved.join(', ')}): they are a part of the tariff now.`,
      kept: 'Nothing was started and nothing was changed.',
      todo: 'Write them into bank-terms.yaml of a tariff package (fare-engine/tariffs/README.md) and leave acquirerId and providerId here.',
    });
  const parsed = parseHolders(acquiring);
  if (!parsed.ok) throw cityDataInvalid(file, `acquiring: ${describeProblems(parsed.problems)}`);
  return parsed.value;
}
