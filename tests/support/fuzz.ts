/**
 * Fuzzing of cards. The suite runs a seeded share; `KVYTOK_FUZZ_RUNS=1000000` runs so many conversations of all kinds
 * together, in batches whose seeds follow from `KVYTOK_FUZZ_SEED` (1 unless given), so that a failure can be had again.
 */
import fc from 'fast-check';

/** What every run costs differs by a hundred: the dear kinds get the smaller parts of the whole. In percent. */
const SHARES = {
  'desfire-lies': 10,
  'desfire-noise': 40,
  'bank-trace': 30,
  'bank-cards': 20,
} as const;
export type FuzzKind = keyof typeof SHARES;

const WHOLE = Number(process.env['KVYTOK_FUZZ_RUNS'] ?? 0);
const SEED = Number(process.env['KVYTOK_FUZZ_SEED'] ?? 1);
/** fast-check keeps something of every run of one check. */
const BATCH_RUNS = 5000;

/** The whole was asked for, not the suite's share. */
export const fuzzesAll = WHOLE > 0;

/** Longest time of a whole run: a day. */
export const FUZZ_MS_MAX = 86_400_000;

/** Runs of a kind: its share of the whole, or what the suite has time for. */
export function fuzzRuns(kind: FuzzKind, inSuite: number): number {
  return fuzzesAll ? Math.ceil((WHOLE * SHARES[kind]) / 100) : inSuite;
}

/** Checks a property over all runs of a kind. */
export async function fuzz<T>(
  kind: FuzzKind,
  inSuite: number,
  property: fc.IAsyncProperty<T>,
): Promise<void> {
  const runs = fuzzRuns(kind, inSuite);
  for (let done = 0; done < runs; done += BATCH_RUNS) {
    const numRuns = Math.min(BATCH_RUNS, runs - done);
    await fc.assert(property, { numRuns, seed: SEED * 1_000_003 + done });
    if (fuzzesAll) process.stderr.write(`${kind}: ${done + numRuns} of ${runs}\n`);
  }
}
