/**
 * Data object lists: what a card asks for (PDOL, CDOL1) and the bytes that it gets, EMV Book 3, 5.4. Lists hold tag and
 * length pairs; the answer is the values in the list's order, cut or filled to the lengths asked for.
 */
import { readTag } from '../tlv.ts';

export interface DolEntry {
  readonly tag: number;
  readonly bytes: number;
}

/** Values that the terminal has, by tag. */
export type DolValues = ReadonlyMap<number, Buffer>;

const ENTRIES_MAX = 40;
/** Lc of the command, less the tag and length of template 83. */
const ANSWER_BYTES_MAX = 252;

/** Numeric data (format n): kept and filled from the right. Everything else from the left. */
const NUMERIC = new Set([
  0x9a, 0x9c, 0x5f2a, 0x5f36, 0x9f01, 0x9f02, 0x9f03, 0x9f11, 0x9f15, 0x9f1a, 0x9f21, 0x9f35, 0x9f41,
]);

/** Reads a list; `undefined` when it is malformed or asks for more than a command holds. */
export function parseDol(list: Buffer): DolEntry[] | undefined {
  const entries: DolEntry[] = [];
  let at = 0;
  let total = 0;
  while (at < list.length) {
    const tag = readTag(list, at, 'emv');
    const bytes = tag && list[tag.next];
    if (!tag || bytes === undefined || entries.length === ENTRIES_MAX) return undefined;
    total += bytes;
    if (total > ANSWER_BYTES_MAX) return undefined;
    entries.push({ tag: tag.value, bytes });
    at = tag.next + 1;
  }
  return entries;
}

/** The values in the order asked for; what the terminal does not have, and every template, is zeroes. */
export function buildDol(entries: readonly DolEntry[], values: DolValues): Buffer {
  return Buffer.concat(entries.map(({ tag, bytes }) => fitted(values.get(tag), bytes, NUMERIC.has(tag))));
}

function fitted(value: Buffer | undefined, bytes: number, numeric: boolean): Buffer {
  const out = Buffer.alloc(bytes);
  if (value === undefined) return out;
  if (!numeric) out.set(value.subarray(0, bytes));
  else out.set(value.subarray(Math.max(0, value.length - bytes)), Math.max(0, bytes - value.length));
  return out;
}
