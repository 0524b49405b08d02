/**
 * BER-TLV as ISO/IEC 7816-4 allows it on cards, read strictly: a truncated object, an indefinite or non-minimal length
 * or a stray byte makes the whole unreadable. One level at a time, so nesting costs nothing.
 */

/** One data object: its tag as a number (e.g. 0x6f, 0x9f26) and its value. */
export interface DataObject {
  readonly tag: number;
  readonly value: Buffer;
}

/** Most objects on one level; a card has a handful. */
const OBJECTS_MAX = 32;

/** Reads all objects of one level; `undefined` when the bytes are not exactly a row of objects. */
export function readObjects(bytes: Buffer): DataObject[] | undefined {
  const objects: DataObject[] = [];
  let at = 0;
  while (at < bytes.length) {
    if (objects.length === OBJECTS_MAX) return undefined;
    const tag = readTag(bytes, at);
    const length = tag && readLength(bytes, tag.next);
    if (!tag || !length || length.next + length.value > bytes.length) return undefined;
    at = length.next + length.value;
    objects.push({ tag: tag.value, value: bytes.subarray(length.next, at) });
  }
  return objects;
}

interface Field {
  readonly value: number;
  /** Offset behind the field. */
  readonly next: number;
}

/** Tags of one or two bytes. */
function readTag(bytes: Buffer, at: number): Field | undefined {
  const first = bytes[at];
  if (first === undefined || first === 0x00 || first === 0xff) return undefined;
  if ((first & 0x1f) !== 0x1f) return { value: first, next: at + 1 };
  const second = bytes[at + 1];
  // Under 1f the tag would have fitted one byte; the high bit would announce a third.
  if (second === undefined || second < 0x1f || second >= 0x80) return undefined;
  return { value: (first << 8) | second, next: at + 2 };
}

/** Lengths of one to three bytes, each in its shortest form. */
function readLength(bytes: Buffer, at: number): Field | undefined {
  const first = bytes[at];
  if (first === undefined) return undefined;
  if (first < 0x80) return { value: first, next: at + 1 };
  if (first === 0x81) {
    const value = bytes[at + 1];
    return value === undefined || value < 0x80 ? undefined : { value, next: at + 2 };
  }
  if (first === 0x82 && at + 2 < bytes.length) {
    const value = bytes.readUInt16BE(at + 1);
    return value < 0x100 ? undefined : { value, next: at + 3 };
  }
  return undefined;
}
