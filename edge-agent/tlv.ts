/**
 * BER-TLV as ISO/IEC 7816-4 and EMV allow it on cards, read strictly: a truncated object, an indefinite
 * length or a stray byte makes the whole unreadable. One level at a time, so nesting costs nothing.
 */

/** One data object: its tag as a number (e.g. 0x6f, 0x9f26) and its value. */
export interface DataObject {
  readonly tag: number;
  readonly value: Buffer;
  /** The whole object as it stood: tag, length, value. */
  readonly raw: Buffer;
}

/**
 * `iso`: tags of one or two bytes, tags and lengths in their shortest form. `emv` (EMV Book 3, annex B): also 9F00 to 9F1E, which EMV uses
 * though they would fit one byte, tags of three bytes, filler bytes `00` before, between and behind objects, and lengths in
 * more bytes than they need: annex B2 asks for no shortest form, and some cards write `81 10`.
 */
export type TlvDialect = 'iso' | 'emv';

/** Most objects on one level; a card has a handful, an EMV record two dozen. */
const OBJECTS_MAX: Readonly<Record<TlvDialect, number>> = { iso: 32, emv: 64 };

/** Reads all objects of one level; `undefined` when the bytes are not exactly a row of objects. */
export function readObjects(bytes: Buffer, dialect: TlvDialect = 'iso'): DataObject[] | undefined {
  const objects: DataObject[] = [];
  let at = 0;
  while (at < bytes.length) {
    if (dialect === 'emv' && bytes[at] === 0x00) {
      at += 1;
      continue;
    }
    if (objects.length === OBJECTS_MAX[dialect]) return undefined;
    const tag = readTag(bytes, at, dialect);
    const length = tag && readLength(bytes, tag.next, dialect);
    if (!tag || !length || length.next + length.value > bytes.length) return undefined;
    const begin = at;
    at = length.next + length.value;
    objects.push({ tag: tag.value, value: bytes.subarray(length.next, at), raw: bytes.subarray(begin, at) });
  }
  return objects;
}

/** A number in the bytes, and where the next one begins. */
export interface Field {
  readonly value: number;
  /** Offset behind the field. */
  readonly next: number;
}

/** The tag at an offset. */
export function readTag(bytes: Buffer, at: number, dialect: TlvDialect): Field | undefined {
  const first = bytes[at];
  if (first === undefined || first === 0x00 || first === 0xff) return undefined;
  if ((first & 0x1f) !== 0x1f) return { value: first, next: at + 1 };
  const second = bytes[at + 1];
  if (second === undefined || second === 0x80) return undefined;
  // Under 1f the tag would have fitted one byte; the high bit announces a third.
  if (second < (dialect === 'emv' ? 0x01 : 0x1f)) return undefined;
  if (second < 0x80) return { value: (first << 8) | second, next: at + 2 };
  const third = bytes[at + 2];
  if (dialect !== 'emv' || third === undefined || third >= 0x80) return undefined;
  return { value: (first << 16) | (second << 8) | third, next: at + 3 };
}

/** Lengths of one to three bytes. */
function readLength(bytes: Buffer, at: number, dialect: TlvDialect): Field | undefined {
  const first = bytes[at];
  if (first === undefined) return undefined;
  if (first < 0x80) return { value: first, next: at + 1 };
  const least = (shortest: number): number => (dialect === 'emv' ? 0 : shortest);
  if (first === 0x81) {
    const value = bytes[at + 1];
    return value === undefined || value < least(0x80) ? undefined : { value, next: at + 2 };
  }
  if (first === 0x82 && at + 2 < bytes.length) {
    const value = bytes.readUInt16BE(at + 1);
    return value < least(0x100) ? undefined : { value, next: at + 3 };
  }
  return undefined;
}
