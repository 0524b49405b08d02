/**
 * Amounts as texts and back: states hold them as digits. Those of rides and of most caps are a few thousand different ones, each
 * made once.
 */
const MINOR_MAX = 100_000;
const TEXTS: string[] = [];
const MINORS: bigint[] = [];

/** Its decimal digits. */
export function minorText(minor: bigint): string {
  const number = Number(minor);
  if (!(number >= 0 && number < MINOR_MAX)) return minor.toString();
  TEXTS[number] ??= minor.toString();
  return TEXTS[number];
}

/** The amount that {@link minorText} wrote. */
export function minorOf(text: string): bigint {
  const number = Number(text);
  if (!(number >= 0 && number < MINOR_MAX && Number.isInteger(number))) return BigInt(text);
  MINORS[number] ??= BigInt(number);
  return MINORS[number];
}
