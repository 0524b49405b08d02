/** A debt's address as a QR code (ISO/IEC 18004), drawn as one path: for a camera; the code stands beside it in words. */
import { encode } from 'uqr';

/** A picture of square modules, each of side 1, with the quiet zone that the standard asks for. */
export interface QrCode {
  /** Side of the whole picture. */
  readonly size: number;
  /** Dark modules, as the path of an SVG; digits, `M`, `h`, `v` and `z` alone. */
  readonly path: string;
}

/** Light modules around it (ISO/IEC 18004, 5.3.8). */
const QUIET_ZONE = 4;
/** Version 10 holds 213 bytes at this level: no module becomes too small for a panel. */
const VERSION_MAX = 10;

/** Weighing all eight masks cost 24 ms of a first answer, one costs 0.3; an address has no areas of one colour that a mask must break up. */
const MASK = 0;

/** @throws RangeError where the text is too long for a code that is read from a panel. */
export function qrCode(text: string): QrCode {
  const how = { ecc: 'M', border: QUIET_ZONE, maxVersion: VERSION_MAX, maskPattern: MASK } as const;
  const { size, data } = encode(text, how);
  const path = data.flatMap((row, y) =>
    runsOf(row).map(([x, length]) => `M${x} ${y}h${length}v1h-${length}z`),
  );
  return { size, path: path.join('') };
}

/** Where dark modules begin in a row, and how many follow each other. */
function runsOf(row: readonly boolean[]): (readonly [at: number, length: number])[] {
  const runs: [number, number][] = [];
  row.forEach((dark, x) => {
    const last = runs.at(-1);
    if (!dark) return;
    if (last !== undefined && last[0] + last[1] === x) last[1] += 1;
    else runs.push([x, 1]);
  });
  return runs;
}
