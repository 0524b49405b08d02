/**
 * Chance from a seed: the same words always give the same numbers, on every machine. Not for secrets.
 *
 * A text is spread over four 32-bit words (FNV-1a with a finaliser), which start xoshiro128** (Blackman and Vigna,
 * "Scrambled linear pseudorandom number generators", 2018).
 */

/** A stream of chance. */
export interface Random {
  /** Next number in [0, 1). */
  next(): number;
  /** Next whole number in [0, below). */
  below(below: number): number;
  /** Next whole number in [from, until). */
  between(from: number, until: number): number;
  /** True with this probability. */
  chance(probability: number): boolean;
  /** One of the list; the list must not be empty. */
  pick<T>(list: readonly T[]): T;
}

/** A stream named by a seed and any words: `randomOf(seed, 'rider', 17)`. Streams of other words are independent. */
export function randomOf(seed: number, ...words: readonly (string | number)[]): Random {
  const text = [seed, ...words].join('\u001f');
  let a = hash32(text, 0x9e3779b9);
  let b = hash32(text, 0x243f6a88);
  let c = hash32(text, 0xb7e15162);
  let d = hash32(text, 0xdeadbeef) | 1; // all four zero is the one state that never leaves itself
  const next32 = (): number => {
    const result = Math.imul(rotate(Math.imul(b, 5), 7), 9) >>> 0;
    const shifted = b << 9;
    c ^= a;
    d ^= b;
    b ^= c;
    a ^= d;
    c ^= shifted;
    d = rotate(d, 11);
    return result;
  };
  const next = () => next32() / 2 ** 32;
  return {
    next,
    below: (below) => Math.floor(next() * below),
    between: (from, until) => from + Math.floor(next() * (until - from)),
    chance: (probability) => next() < probability,
    pick: (list) => list[Math.floor(next() * list.length)] as (typeof list)[number],
  };
}

function rotate(value: number, bits: number): number {
  return (value << bits) | (value >>> (32 - bits));
}

function hash32(text: string, start: number): number {
  let hash = start | 0;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return hash ^ (hash >>> 16);
}
