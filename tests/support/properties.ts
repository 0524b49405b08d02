/**
 * How often a property is tried: a thousand times in `npm test`, `KVYTOK_PROPERTY_RUNS=100000` times in a long run by hand. Each run draws
 * anew from a seed, which is printed; `KVYTOK_PROPERTY_SEED` gives it again. Where a change is judged (`CI`) the seed is always the same:
 * the answer is about the change, not about luck. docs/PROPERTIES.md says which file proves what.
 */
import fc from 'fast-check';

const DEFAULT_RUNS = 1000;

/** Cases of each property. */
export const PROPERTY_RUNS = wholeNumber('KVYTOK_PROPERTY_RUNS', 1) ?? DEFAULT_RUNS;
/** Whether somebody asked for more than `npm test` does: then cases may be larger, too. */
export const LONG_RUN = PROPERTY_RUNS > DEFAULT_RUNS;
const SEED_OF_CHANGES = 20_261_129;
export const PROPERTY_SEED =
  wholeNumber('KVYTOK_PROPERTY_SEED', 0) ?? (process.env['CI'] ? SEED_OF_CHANGES : Date.now() % 2 ** 31);

// Also of properties that say only how often they are tried.
fc.configureGlobal({ ...fc.readConfigureGlobal(), seed: PROPERTY_SEED });
process.stderr.write(`properties: ${PROPERTY_RUNS} cases each, KVYTOK_PROPERTY_SEED=${PROPERTY_SEED}\n`);

/** For `fc.assert`. `perRun` = cases that one run of the property tries, where what they share is dear to make. */
export function cases(perRun = 1): Pick<fc.Parameters, 'numRuns' | 'seed'> {
  return { numRuns: Math.ceil(PROPERTY_RUNS / perRun), seed: PROPERTY_SEED };
}

/** As an option of a test: long runs take their time. */
export const PATIENCE = { timeout: 60_000 + PROPERTY_RUNS * 100 };

/** Stirs a list by drawn numbers. */
export function shuffled<T>(list: readonly T[], random: Iterator<number>): T[] {
  return list
    .map((value) => [random.next().value as number, value] as const)
    .sort((a, b) => a[0] - b[0])
    .map(([, value]) => value);
}

function wholeNumber(name: string, min: number): number | undefined {
  const text = process.env[name];
  if (text === undefined || text === '') return undefined;
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < min)
    throw new RangeError(`${name} is "${text}": a whole number from ${min}`);
  return value;
}
