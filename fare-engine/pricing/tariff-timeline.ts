/** Tariff packages in order of time: which one is in force at an instant. */
import { compareText, type FileProblem } from './file-problem.ts';
import type { TariffPackage } from './tariff-package.ts';

export interface TariffTimeline {
  /** Packages in force at some time, earliest first. */
  readonly packages: readonly TariffPackage[];
  /** The package in force at an instant; `undefined` in a gap. Half-open: a package begins at its first instant. */
  at(instantMs: number): TariffPackage | undefined;
  byHash(hash: string): TariffPackage | undefined;
}

/**
 * Orders packages. Drafts price nothing. An open end is closed by the next package; two packages that both say they
 * hold at one instant are an error, told for each pair.
 */
export function createTariffTimeline(packages: readonly TariffPackage[]): {
  timeline: TariffTimeline;
  problems: FileProblem[];
} {
  const active = packages
    .filter((p) => p.tariff.status !== 'draft')
    .sort((a, b) => a.validFromMs - b.validFromMs || compareText(a.hash, b.hash));
  const problems: FileProblem[] = [];
  active.forEach((p, i) => {
    const next = active[i + 1];
    if (!next) return;
    const overlaps =
      next.validFromMs === p.validFromMs || (p.validUntilMs !== null && p.validUntilMs > next.validFromMs);
    if (overlaps) {
      problems.push({
        file: `${p.tariff.version_id}/tariff.yaml`,
        line: 1,
        column: 1,
        severity: 'error',
        message: `${p.tariff.version_id} and ${next.tariff.version_id} hold at the same time`,
        howToMend: `Set valid_to of ${p.tariff.version_id} to ${next.tariff.valid_from}.`,
      });
    }
  });
  const byHash = new Map(packages.map((p) => [p.hash, p]));
  return {
    problems,
    timeline: {
      packages: active,
      byHash: (hash) => byHash.get(hash),
      at: (instantMs) => findAt(active, instantMs),
    },
  };
}

function findAt(packages: readonly TariffPackage[], instantMs: number): TariffPackage | undefined {
  // A city has a handful of packages: the last that has begun decides.
  for (let i = packages.length - 1; i >= 0; i--) {
    const p = packages[i] as TariffPackage;
    if (p.validFromMs > instantMs) continue;
    return p.validUntilMs === null || instantMs < p.validUntilMs ? p : undefined;
  }
  return undefined;
}
