/** Packed decimal digits, dates and card numbers of EMV, compared and measured without ever becoming text. */

/** Longest card number: 19 digits in ten bytes. */
export const PAN_BYTES = 10;

/** Half-byte at a position, counted from the left. */
export function nibble(bytes: Uint8Array, at: number): number | undefined {
  const byte = bytes[at >> 1];
  if (byte === undefined) return undefined;
  return at % 2 === 0 ? byte >> 4 : byte & 0x0f;
}

/** Digits before the first half-byte that is none; what follows must be filler `F`. `undefined`: it is not. */
export function digitsIn(packed: Uint8Array): number | undefined {
  let count = 0;
  const nibbles = packed.length * 2;
  while (count < nibbles && (nibble(packed, count) as number) <= 9) count += 1;
  for (let at = count; at < nibbles; at++) if (nibble(packed, at) !== 0x0f) return undefined;
  return count;
}

/** Whether two card numbers, each filled with `F` to whatever length, are the same. */
export function samePan(a: Uint8Array, b: Uint8Array): boolean {
  const count = digitsIn(a);
  if (count === undefined || count !== digitsIn(b)) return false;
  return startsWithDigits(a, b, count);
}

/** Whether the first `count` half-bytes agree. Looks at all of them, whatever it finds. */
export function startsWithDigits(a: Uint8Array, b: Uint8Array, count: number): boolean {
  let differ = 0;
  for (let at = 0; at < count; at++) differ |= (nibble(a, at) ?? 0x10) ^ (nibble(b, at) ?? 0x20);
  return differ === 0;
}

/** 8 to 19 digits. */
export function isPan(packed: Uint8Array): boolean {
  const count = digitsIn(packed);
  return count !== undefined && count >= 8 && count <= 19;
}

/**
 * Writes the card number of track 2 equivalent data (57: number, `D`, YYMM, …) into `into`, filled with `F`.
 * Gives the position of the separator, or `undefined` when there is none or the number is too long.
 */
export function panOfTrack2(track2: Uint8Array, into: Uint8Array): number | undefined {
  into.fill(0xff);
  for (let at = 0; at <= 19; at++) {
    const digit = nibble(track2, at);
    if (digit === undefined || (digit > 9 && digit !== 0x0d)) return undefined;
    if (digit === 0x0d) return at;
    if (at < 19)
      into[at >> 1] = at % 2 === 0 ? (digit << 4) | 0x0f : ((into[at >> 1] as number) & 0xf0) | digit;
  }
  return undefined;
}

/**
 * The expiry that stands behind the separator of track 2 equivalent data, packed as `YYMM`; `undefined` when there is no
 * separator, or what follows it is no month.
 */
export function track2Expiry(track2: Uint8Array): Buffer | undefined {
  let at = 0;
  while (at < track2.length * 2 && nibble(track2, at) !== 0x0d) at += 1;
  const digit = (behind: number): number => nibble(track2, at + behind) ?? 0x0f;
  const packed = Buffer.of((digit(1) << 4) | digit(2), (digit(3) << 4) | digit(4));
  const month = two(packed[1]);
  return two(packed[0]) !== undefined && month !== undefined && month >= 1 && month <= 12
    ? packed
    : undefined;
}

/** Two packed digits as a number. */
function two(byte: number | undefined): number | undefined {
  if (byte === undefined || byte >> 4 > 9 || (byte & 0x0f) > 9) return undefined;
  return (byte >> 4) * 10 + (byte & 0x0f);
}

/** EMV years: 50 to 99 lie in the last century (Book 4, 6.7.3). */
function fullYear(year: number): number {
  return year < 50 ? 2000 + year : 1900 + year;
}

/** First instant after the day of `YYMMDD` or, in the form `MMYY`, after the month. UTC; `undefined`: no such date. */
export function endOf(packed: Uint8Array): number | undefined {
  if (packed.length === 2) {
    const month = two(packed[0]);
    const year = two(packed[1]);
    if (month === undefined || year === undefined || month < 1 || month > 12) return undefined;
    return Date.UTC(fullYear(year), month, 1);
  }
  const beginMs = beginOf(packed);
  return beginMs === undefined ? undefined : beginMs + 86_400_000;
}

/** First instant of the day of `YYMMDD`, UTC; `undefined`: no such date. */
export function beginOf(packed: Uint8Array): number | undefined {
  const [year, month, day] = [two(packed[0]), two(packed[1]), two(packed[2])];
  if (packed.length !== 3 || year === undefined || month === undefined || day === undefined) return undefined;
  const atMs = Date.UTC(fullYear(year), month - 1, day);
  const date = new Date(atMs);
  const real = date.getUTCMonth() === month - 1 && date.getUTCDate() === day;
  return real ? atMs : undefined;
}
