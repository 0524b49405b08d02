/**
 * The schemes' certification authority keys, from a file that names for each key its checksum, until when it holds and
 * whether it is a test or a live key. A list is taken as a whole or not at all: a wrong key in it makes it suspect.
 *
 * RID and index do not name a key alone: schemes use the same pair for a test and a live key, and have reused indices.
 */
import { createHash, createPublicKey, type KeyObject } from 'node:crypto';
import { type CaKeyEntry, parseCaKeyFile } from '#contracts/ca-keys.ts';
import { describeProblems } from '#contracts/parse.ts';
import { OperatorError } from '#platform/errors.ts';

export interface CaKey {
  readonly key: KeyObject;
  /** Bytes of the modulus: an issuer's certificate is exactly as long. */
  readonly bytes: number;
  readonly use: 'test' | 'live';
  readonly validFromMs: number;
  /** Exclusive. */
  readonly validUntilMs: number;
}

/** Keys that may have signed an issuer's certificate. */
export interface CaKeys {
  /** All that are valid at the instant; several can be. `rid` of 5 bytes, `index` of one. */
  find(rid: Uint8Array, index: number, nowMs: number): readonly CaKey[];
  /** How many there are. */
  readonly size: number;
}

export interface CaKeyRules {
  /** Live keys make the reader take real cards, which needs a certified kernel: refused unless said so. */
  readonly allowLive: boolean;
}

/**
 * Loads a list of keys.
 * @throws OperatorError CA_KEYS_INVALID for a file that is not one, a key whose checksum is wrong (named by RID and
 * index), a key that is there twice; CA_KEYS_LIVE for a live key where none is allowed.
 */
export function loadCaKeys(file: unknown, rules: CaKeyRules): CaKeys {
  const parsed = parseCaKeyFile(file);
  if (!parsed.ok) throw invalid(describeProblems(parsed.problems));
  const keys = new Map<string, CaKey[]>();
  const seen = new Set<string>();
  for (const entry of parsed.value.keys) {
    const use = entry.test ? 'test' : 'live';
    const name = `${entry.rid.toUpperCase()}/${entry.index.toUpperCase()} (${use})`;
    if (!entry.test && !rules.allowLive) throw liveRefused(name);
    const sum = checksum(entry);
    if (sum !== entry.checksum.toLowerCase()) throw invalid(`The checksum of key ${name} does not match.`);
    if (seen.has(`${sum} ${use}`)) throw invalid(`Key ${name} is there twice.`);
    seen.add(`${sum} ${use}`);
    const place = `${entry.rid.toLowerCase()} ${Number.parseInt(entry.index, 16)}`;
    keys.set(place, [...(keys.get(place) ?? []), toKey(entry, name)]);
  }
  return {
    size: parsed.value.keys.length,
    find: (rid, index, nowMs) =>
      (keys.get(`${Buffer.from(rid).toString('hex')} ${index}`) ?? []).filter(
        (key) => key.validFromMs <= nowMs && nowMs < key.validUntilMs,
      ),
  };
}

/** SHA-1 over RID, index, modulus and exponent, lower-case hex. */
export function checksum(key: { rid: string; index: string; modulus: string; exponent: string }): string {
  const bytes = Buffer.from(key.rid + key.index + key.modulus + key.exponent, 'hex');
  return createHash('sha1').update(bytes).digest('hex');
}

function toKey(entry: CaKeyEntry, name: string): CaKey {
  const modulus = Buffer.from(entry.modulus, 'hex');
  const from = entry.validFrom === undefined ? 0 : dayMs(entry.validFrom, name);
  const until = dayMs(entry.validUntil, name);
  if (until <= from) throw invalid(`Key ${name} ends before it begins.`);
  const key = rsaKey(modulus, Buffer.from(entry.exponent, 'hex'));
  if (key === undefined) throw invalid(`Key ${name} is no RSA key.`);
  return {
    key,
    bytes: modulus.length,
    use: entry.test ? 'test' : 'live',
    validFromMs: from,
    validUntilMs: until,
  };
}

/** An RSA key from its numbers; `undefined` when they cannot be one. */
export function rsaKey(modulus: Uint8Array, exponent: Uint8Array): KeyObject | undefined {
  // The highest bit set and odd: else the length lies, or anybody could factor it.
  if (((modulus[0] ?? 0) & 0x80) === 0 || ((modulus.at(-1) ?? 0) & 1) === 0) return undefined;
  const [n, e] = [modulus, exponent].map((bytes) => Buffer.from(bytes).toString('base64url'));
  try {
    return createPublicKey({ key: { kty: 'RSA', n: n as string, e: e as string }, format: 'jwk' });
  } catch {
    return undefined;
  }
}

function dayMs(day: string, name: string): number {
  const atMs = Date.parse(`${day}T00:00:00Z`);
  if (Number.isNaN(atMs) || new Date(atMs).toISOString().slice(0, 10) !== day)
    throw invalid(`Key ${name}: ${day} is not a day.`);
  return atMs;
}

function invalid(happened: string): OperatorError {
  return new OperatorError({
    code: 'CA_KEYS_INVALID',
    happened: `The list of the schemes' keys (CA keys) cannot be used: ${happened}`,
    kept: 'No key of the list is believed; the validator takes no bank cards.',
    todo: 'Fetch the list from the acquirer again and compare the checksums that it states.',
  });
}

function liveRefused(name: string): OperatorError {
  return new OperatorError({
    code: 'CA_KEYS_LIVE',
    happened: `The list of the schemes' keys holds the live key ${name}, and live keys are not allowed here.`,
    kept: 'No key of the list is believed; the validator takes no bank cards.',
    todo: 'Take real cards with a certified reader. Only for a pilot that the acquirer has agreed to: set allowLiveKeys.',
  });
}
