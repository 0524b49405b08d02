/**
 * What the validators of the embedded city need for bank cards: the city's choice (`bank-cards.yaml`), the keys of the test
 * authorities, a key for tokens, and an acquirer who is ours and whose private key stays with the city's secrets. Real
 * devices get theirs from their acquirer.
 */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';
import { type BankCardFile, parseBankCardFile } from '#contracts/bank-card.ts';
import type { CardKeysFile } from '#contracts/card-keys.ts';
import { describeProblems } from '#contracts/parse.ts';
import { type CityData, cityDataInvalid } from '#platform/city-data.ts';
import { caKeyList } from '../../simulators/cards/emv/test-ca.ts';
import { type CityKeys, publicPem } from './city-keys.ts';

/** Files of a device folder, as texts. */
export interface BankParts {
  /** `bank-card.json`. */
  readonly bankCard: string;
  /** `ca-keys.json`. */
  readonly caKeys: string;
  /** Key of bank cards' tokens, hex; version 1. */
  readonly panTokenKey: string;
}

const FILE = 'bank-cards.yaml';

/**
 * The parts of a city whose validators take bank cards; nothing for others.
 * @throws OperatorError CITY_DATA_INVALID naming the file and what is wrong.
 */
export function bankPartsOf({ dir, city }: CityData, keys: CityKeys): BankParts | undefined {
  const file = join(dir, FILE);
  if (city.validator.mediumKinds?.includes('bank') !== true || !existsSync(file)) return undefined;
  const { keyId, privateKey } = keys.acquirer;
  return {
    bankCard: JSON.stringify(readBankCards(file, city.zone, { keyId, publicKey: publicPem(privateKey) })),
    caKeys: JSON.stringify(caKeyList()),
    panTokenKey: keys.panTokenKey.toString('hex'),
  };
}

function readBankCards(file: string, timeZone: string, acquirer: BankCardFile['acquirer']): BankCardFile {
  let chosen: unknown;
  try {
    chosen = parse(readFileSync(file, 'utf8'));
  } catch (error) {
    throw cityDataInvalid(file, (error as Error).message);
  }
  // Who the acquirer is in the ledger is the fare engine's (`acquiring`): no device has to know it.
  const { acquiring: _, ...cards } = chosen as { acquiring?: unknown };
  const parsed = parseBankCardFile({ v: 1, timeZone, acquirer, ...cards });
  if (!parsed.ok) throw cityDataInvalid(file, describeProblems(parsed.problems));
  return parsed.value;
}

/** `card-keys.json` with a key for bank cards' tokens; what it has already stays, a rotated key too. */
export function withPanToken(file: CardKeysFile | undefined, panTokenKey: string): CardKeysFile {
  return { v: 1, ...file, tokens: { 'pan-token': { 1: panTokenKey }, ...file?.tokens } };
}
