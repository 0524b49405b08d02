/** BER-TLV and data object lists as the cards here need them: built, never trusted (EMV Book 3, annex B, 5.4). */

/** Hex text or bytes. */
export type Bytes = string | Uint8Array;

export function bytes(value: Bytes): Buffer {
  return typeof value === 'string' ? Buffer.from(value, 'hex') : Buffer.from(value);
}

/** One data object: tag in hex, values one after the other. */
export function tlv(tag: string, ...values: readonly Bytes[]): Buffer {
  const value = Buffer.concat(values.map(bytes));
  return Buffer.concat([Buffer.from(tag, 'hex'), lengthOf(value.length), value]);
}

function lengthOf(length: number): Buffer {
  if (length < 0x80) return Buffer.from([length]);
  if (length < 0x100) return Buffer.from([0x81, length]);
  return Buffer.from([0x82, length >> 8, length & 0xff]);
}

/** An entry of a data object list: which tag, how many bytes. */
export interface DolEntry {
  readonly tag: string;
  readonly bytes: number;
}

/** The entries of a data object list of our own making. */
export function dolEntries(dol: Uint8Array): DolEntry[] {
  const entries: DolEntry[] = [];
  for (let at = 0; at < dol.length; ) {
    let end = at + 1;
    if (((dol[at] as number) & 0x1f) === 0x1f) while (((dol[end++] as number) & 0x80) !== 0);
    entries.push({
      tag: Buffer.from(dol.subarray(at, end)).toString('hex').toUpperCase(),
      bytes: dol[end] as number,
    });
    at = end + 1;
  }
  return entries;
}

/** How many bytes a terminal must send for a list. */
export function dolBytes(dol: Uint8Array): number {
  return dolEntries(dol).reduce((sum, entry) => sum + entry.bytes, 0);
}

/** What the terminal sent for a list, by tag. `values` has exactly the bytes that the list asks for. */
export function dolValues(dol: Uint8Array, values: Uint8Array): Map<string, Buffer> {
  const found = new Map<string, Buffer>();
  let at = 0;
  for (const entry of dolEntries(dol)) {
    found.set(entry.tag, Buffer.from(values.subarray(at, at + entry.bytes)));
    at += entry.bytes;
  }
  return found;
}
