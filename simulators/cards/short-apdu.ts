/** Command APDUs with short lengths, split for the cards that answer them (ISO/IEC 7816-3, 12.1.3). */

export interface Command {
  readonly cla: number;
  readonly ins: number;
  readonly p1: number;
  readonly p2: number;
  readonly data: Buffer | undefined;
  /** Most bytes wanted; `undefined` when the command has no Le. */
  readonly le: number | undefined;
}

/** Splits a short APDU into its four cases; `undefined` when its form is wrong. */
export function parseCommand(apdu: Buffer): Command | undefined {
  if (apdu.length < 4) return undefined;
  const [cla, ins, p1, p2] = apdu as unknown as [number, number, number, number];
  const head = { cla, ins, p1, p2 };
  if (apdu.length === 4) return { ...head, data: undefined, le: undefined };
  const third = apdu.readUInt8(4);
  if (apdu.length === 5) return { ...head, data: undefined, le: third === 0 ? 256 : third };
  if (third === 0) return undefined;
  const data = apdu.subarray(5, 5 + third);
  if (apdu.length === 5 + third) return { ...head, data, le: undefined };
  if (apdu.length !== 6 + third) return undefined;
  const last = apdu.readUInt8(5 + third);
  return { ...head, data, le: last === 0 ? 256 : last };
}

/** ISO/IEC 7816-4, 5.4.1: the fault of an interindustry class byte other than `00`; `undefined` for that one. */
export function checkClass(cla: number): number | undefined {
  if (cla === 0x00) return undefined;
  if ((cla & 0xe0) === 0x00) {
    if ((cla & 0x0c) !== 0) return 0x6882;
    return (cla & 0x03) !== 0 ? 0x6881 : 0x6e00;
  }
  if ((cla & 0xc0) === 0x40) return (cla & 0x20) !== 0 ? 0x6882 : 0x6881;
  return 0x6e00;
}

/** A status word as the bytes of an answer. */
export function status(word: number): Buffer {
  return Buffer.from([word >> 8, word & 0xff]);
}
