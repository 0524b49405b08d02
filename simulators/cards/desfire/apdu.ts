/** ISO/IEC 7816-4 command APDUs, short and extended, as the card takes them apart. */

export interface Apdu {
  readonly cla: number;
  readonly ins: number;
  readonly p1: number;
  readonly p2: number;
  readonly data: Buffer;
  /** Most bytes wanted; `undefined` without Le. */
  readonly le: number | undefined;
}

const EXTENDED_LE_MAX = 65_536;

/** `undefined` when the lengths do not fit the bytes (ISO/IEC 7816-3, 12.1.3). */
export function parseApdu(bytes: Uint8Array): Apdu | undefined {
  const apdu = Buffer.from(bytes);
  if (apdu.length < 4) return undefined;
  const head = {
    cla: apdu[0] as number,
    ins: apdu[1] as number,
    p1: apdu[2] as number,
    p2: apdu[3] as number,
  };
  const body = apdu.subarray(4);
  const none = Buffer.alloc(0);
  const first = body[0];
  if (first === undefined) return { ...head, data: none, le: undefined };
  if (body.length === 1) return { ...head, data: none, le: first === 0 ? 256 : first };
  if (first !== 0) {
    const data = body.subarray(1, 1 + first);
    if (body.length === 1 + first) return { ...head, data, le: undefined };
    return body.length === 2 + first ? { ...head, data, le: body.at(-1) || 256 } : undefined;
  }
  if (body.length < 3) return undefined;
  const length = body.readUInt16BE(1);
  if (body.length === 3) return { ...head, data: none, le: length || EXTENDED_LE_MAX };
  const data = body.subarray(3, 3 + length);
  if (length === 0 || body.length < 3 + length) return undefined;
  if (body.length === 3 + length) return { ...head, data, le: undefined };
  if (body.length !== 5 + length) return undefined;
  return { ...head, data, le: body.readUInt16BE(3 + length) || EXTENDED_LE_MAX };
}
