/** The outermost parts of some DER: enough to look into what a schema leaves closed. */

export interface DerPart {
  readonly tag: number;
  readonly content: Buffer;
  /** With its head. */
  readonly whole: Buffer;
}

/** Parts that stand side by side. @throws RangeError for bytes that are no DER of short tags */
export function derParts(bytes: Uint8Array | undefined): DerPart[] {
  const parts: DerPart[] = [];
  let rest = Buffer.from(bytes ?? []);
  while (rest.byteLength > 0) {
    const [tag = 0, first] = rest;
    if (first === undefined || (tag & 0x1f) === 0x1f || first === 0x80 || first > 0x84)
      throw new RangeError('neither DER nor short');
    const more = first < 0x80 ? 0 : first - 0x80;
    const length = more === 0 ? first : rest.subarray(2, 2 + more).readUIntBE(0, more);
    const from = 2 + more;
    if (rest.byteLength < from + length) throw new RangeError('shorter than it says');
    parts.push({ tag, content: rest.subarray(from, from + length), whole: rest.subarray(0, from + length) });
    rest = rest.subarray(from + length);
  }
  return parts;
}
