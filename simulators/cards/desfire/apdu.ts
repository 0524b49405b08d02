/** Command APDUs, short and extended: a DESFire takes both. */
import { type Command, parseCommand } from '../short-apdu.ts';

const EXTENDED_LE_MAX = 65_536;

/** `undefined` when the lengths do not fit the bytes (ISO/IEC 7816-3, 12.1.3). */
export function parseApdu(bytes: Uint8Array): Command | undefined {
  const apdu = Buffer.from(bytes);
  if (apdu.length < 7 || apdu[4] !== 0) return parseCommand(apdu);
  const [cla, ins, p1, p2] = apdu as unknown as [number, number, number, number];
  const head = { cla, ins, p1, p2 };
  const length = apdu.readUInt16BE(5);
  if (apdu.length === 7) return { ...head, data: undefined, le: length || EXTENDED_LE_MAX };
  const data = apdu.subarray(7, 7 + length);
  if (length === 0 || apdu.length < 7 + length) return undefined;
  if (apdu.length === 7 + length) return { ...head, data, le: undefined };
  if (apdu.length !== 9 + length) return undefined;
  return { ...head, data, le: apdu.readUInt16BE(7 + length) || EXTENDED_LE_MAX };
}
