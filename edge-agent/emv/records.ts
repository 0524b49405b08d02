/** The application file locator: which records to read, and which of them the issuer has signed (EMV Book 3, 10.2). */

export interface RecordPlace {
  readonly sfi: number;
  readonly record: number;
  /** Takes part in offline data authentication. */
  readonly signed: boolean;
}

/** Most records of one card; real ones have under ten. */
const RECORDS_MAX = 32;

/** Reads an AFL; `undefined` when it is malformed or names too many records, or one twice. */
export function parseAfl(afl: Buffer): RecordPlace[] | undefined {
  if (afl.length === 0 || afl.length % 4 !== 0) return undefined;
  const places: RecordPlace[] = [];
  const seen = new Set<number>();
  for (let at = 0; at < afl.length; at += 4) {
    const [file, first, last, signed] = afl.subarray(at, at + 4) as unknown as [
      number,
      number,
      number,
      number,
    ];
    const sfi = file >> 3;
    if ((file & 0x07) !== 0 || sfi < 1 || sfi > 30 || first < 1 || last < first) return undefined;
    if (signed > last - first + 1 || places.length + last - first + 1 > RECORDS_MAX) return undefined;
    for (let record = first; record <= last; record++) {
      const key = (sfi << 8) | record;
      if (seen.has(key)) return undefined;
      seen.add(key);
      places.push({ sfi, record, signed: record < first + signed });
    }
  }
  return places;
}

/** READ RECORD. */
export function readRecord({ sfi, record }: RecordPlace): Uint8Array {
  return Uint8Array.of(0x00, 0xb2, record, (sfi << 3) | 0x04, 0x00);
}
