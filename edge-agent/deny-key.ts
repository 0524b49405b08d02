/**
 * A token as fixed-width bytes that sort as its text does, and an entry beside it: what the snapshot file holds.
 */
import type { DenyEntry } from '#contracts/deny-list.ts';

/** `k`, one to four digits and the dot are 5 bytes without the `k`; then the 16 bytes behind the dot. */
const VERSION_BYTES = 5;
export const KEY_BYTES = VERSION_BYTES + 16;
/** Key, reason, scope, from and until (IEEE 754 doubles, little-endian; without end = +Infinity), one spare byte. */
export const ENTRY_BYTES = 40;

/** Places of the reasons and scopes are written into files: add at the end only. */
const REASONS: readonly DenyEntry['reason'][] = ['lost', 'replaced', 'debt', 'fraud', 'unconfirmed'];
const SCOPES: readonly DenyEntry['scope'][] = ['all', 'paid'];
const FROM_AT = KEY_BYTES + 2;
const UNTIL_AT = FROM_AT + 8;

/** Writes the key of a token of the wire's form; fills {@link KEY_BYTES}. */
export function writeKey(tokenId: string, into: Buffer, at: number): void {
  const dot = tokenId.indexOf('.');
  into.fill(0, at, at + VERSION_BYTES);
  into.write(tokenId.slice(1, dot + 1), at, VERSION_BYTES, 'latin1');
  into.write(tokenId.slice(dot + 1), at + VERSION_BYTES, KEY_BYTES - VERSION_BYTES, 'hex');
}

/** The key of one token. */
export function keyOfToken(tokenId: string): Buffer {
  const key = Buffer.alloc(KEY_BYTES);
  writeKey(tokenId, key, 0);
  return key;
}

/** Writes an entry; fills {@link ENTRY_BYTES}. */
export function writeEntry(entry: DenyEntry, into: Buffer, at: number): void {
  writeKey(entry.tokenId, into, at);
  into[at + KEY_BYTES] = REASONS.indexOf(entry.reason);
  into[at + KEY_BYTES + 1] = SCOPES.indexOf(entry.scope);
  into.writeDoubleLE(entry.validFromMs, at + FROM_AT);
  into.writeDoubleLE(entry.validUntilMs ?? Number.POSITIVE_INFINITY, at + UNTIL_AT);
  into[at + ENTRY_BYTES - 1] = 0;
}

/** Reads back an entry whose token is known. */
export function readEntry(tokenId: string, from: Buffer, at: number): DenyEntry {
  const untilMs = from.readDoubleLE(at + UNTIL_AT);
  return {
    tokenId,
    reason: REASONS[from[at + KEY_BYTES] as number] as DenyEntry['reason'],
    scope: SCOPES[from[at + KEY_BYTES + 1] as number] as DenyEntry['scope'],
    validFromMs: from.readDoubleLE(at + FROM_AT),
    validUntilMs: untilMs === Number.POSITIVE_INFINITY ? null : untilMs,
  };
}
