/** Exact tails of the binomial distribution and robust measures, as natural logarithms: chances here are very small. */

/** Coefficients of Lanczos (g = 7, n = 9) for the gamma function. */
const LANCZOS = [
  0.99999999999980993, 676.5203681218851, -1259.1392167224028, 771.32342877765313, -176.61502916214059,
  12.507343278686905, -0.13857109526572012, 9.9843695780195716e-6, 1.5056327351493116e-7,
];

/** ln Γ(x), x > 0. */
function lnGamma(x: number): number {
  const z = x - 1;
  let sum = LANCZOS[0] as number;
  for (let i = 1; i < LANCZOS.length; i++) sum += (LANCZOS[i] as number) / (z + i);
  const t = z + 7.5;
  return 0.5 * Math.log(2 * Math.PI) + (z + 0.5) * Math.log(t) - t + Math.log(sum);
}

/** The continued fraction of the incomplete beta function (DLMF 8.17.22), by the modified method of Lentz. */
function betaFraction(x: number, a: number, b: number): number {
  const tiny = 1e-300;
  const away = (value: number): number => (Math.abs(value) < tiny ? tiny : value);
  let c = 1;
  let d = 1 / away(1 - ((a + b) * x) / (a + 1));
  let product = d;
  for (let m = 1; m <= 10_000; m++) {
    const even = (m * (b - m) * x) / ((a + 2 * m - 1) * (a + 2 * m));
    d = 1 / away(1 + even * d);
    c = away(1 + even / c);
    product *= d * c;
    const odd = (-(a + m) * (a + b + m) * x) / ((a + 2 * m) * (a + 2 * m + 1));
    d = 1 / away(1 + odd * d);
    c = away(1 + odd / c);
    const step = d * c;
    product *= step;
    if (Math.abs(step - 1) < 1e-14) break;
  }
  return product;
}

/** ln I_x(a, b), the regularised incomplete beta function; a, b > 0, 0 < x < 1. */
function lnBeta(x: number, a: number, b: number): number {
  const front = lnGamma(a + b) - lnGamma(a) - lnGamma(b) + a * Math.log(x) + b * Math.log1p(-x);
  if (x < (a + 1) / (a + b + 2)) return front - Math.log(a) + Math.log(betaFraction(x, a, b));
  return Math.log1p(-Math.exp(front - Math.log(b)) * betaFraction(1 - x, b, a));
}

/** ln P(X ≥ k) for X ~ Binomial(n, p). */
export function lnUpperTail(k: number, n: number, p: number): number {
  if (k <= 0 || p >= 1) return 0;
  if (k > n || p <= 0) return Number.NEGATIVE_INFINITY;
  return lnBeta(p, k, n - k + 1);
}

/** The middle value; of two the mean. The list must not be empty. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const half = Math.floor(sorted.length / 2);
  const upper = sorted[half] as number;
  return sorted.length % 2 === 1 ? upper : ((sorted[half - 1] as number) + upper) / 2;
}

/**
 * How far a value lies above the middle, in robust standard deviations (Iglewicz and Hoaglin's modified z: 0.6745 / MAD).
 * A spread of nothing counts as `spreadMin`.
 */
export function robustZ(value: number, values: readonly number[], spreadMin: number): number {
  const middle = median(values);
  const spread = median(values.map((other) => Math.abs(other - middle)));
  return (0.6745 * (value - middle)) / Math.max(spread, spreadMin);
}
