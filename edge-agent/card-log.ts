/** Entries of a card's own log, as the validator makes and compares them. */
import { createHash } from 'node:crypto';
import type { CardLogEntry } from './ports.ts';

/** No id. */
export const NO_TAG = '00000000';

/** First 4 bytes, in hex, of SHA-256 of an id (docs/CARD-LAYOUT.md): enough to recognise it, too little to name another. */
export function tagOf(id: string | undefined): string {
  return id === undefined ? NO_TAG : createHash('sha256').update(id, 'utf8').digest('hex').slice(0, 8);
}

/** Whether two entries are of one and the same record. */
export function sameRide(
  a: Pick<CardLogEntry, 'deviceTag' | 'seq'>,
  b: Pick<CardLogEntry, 'deviceTag' | 'seq'>,
): boolean {
  return a.deviceTag === b.deviceTag && a.seq === b.seq;
}
