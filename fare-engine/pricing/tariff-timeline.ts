/**
 * Tariff packages in order of time: which one is in force at an instant, as the city knew it at another. A package is
 * a fact with the date from which it holds and the instant from which it was known (its activation).
 */
import { compareText, type FileProblem } from './file-problem.ts';
import type { TariffPackage } from './tariff-package.ts';

export interface TariffTimeline {
  /** Packages that price at some time, earliest first; superseded ones too. */
  readonly packages: readonly TariffPackage[];
  /** The package in force at an instant; `undefined` in a gap. Half-open: a package begins at its first instant. */
  at(instantMs: number): TariffPackage | undefined;
  byHash(hash: string): TariffPackage | undefined;
  /** The same city as it was known at an instant (a close): packages activated later are not there. `null` = all. */
  asKnownAt(knownAsOfMs: number | null): TariffTimeline;
}

/** Package hash → instant of its activation. A package that is not named was always known. */
export type Activations = ReadonlyMap<string, number>;

interface Known {
  readonly package: TariffPackage;
  readonly knownFromMs: number;
}

/**
 * Orders packages. Drafts price nothing. An open end is closed by the next package. Where two hold at one instant, the
 * one activated later supersedes; with the same `valid_from` it takes the other's place altogether. Two of the same
 * activation are a problem, told for each pair: an error where activations are given, a warning where none are known.
 */
export function createTariffTimeline(
  packages: readonly TariffPackage[],
  activations?: Activations,
): { timeline: TariffTimeline; problems: FileProblem[] } {
  const known = packages
    .filter((p) => p.tariff.status !== 'draft')
    .map((p) => ({ package: p, knownFromMs: activations?.get(p.hash) ?? Number.NEGATIVE_INFINITY }))
    .sort(
      (a, b) =>
        a.package.validFromMs - b.package.validFromMs ||
        compareKnown(a, b) ||
        compareText(a.package.hash, b.package.hash),
    );
  const severity = activations === undefined ? 'warning' : 'error';
  return { problems: overlaps(known, severity), timeline: timelineOf(known, packages) };
}

function compareKnown(a: Known, b: Known): number {
  return a.knownFromMs === b.knownFromMs ? 0 : a.knownFromMs < b.knownFromMs ? -1 : 1;
}

function overlaps(known: readonly Known[], severity: FileProblem['severity']): FileProblem[] {
  const problems: FileProblem[] = [];
  known.forEach(({ package: p, knownFromMs }, i) => {
    for (const { package: next, knownFromMs: nextKnownMs } of known.slice(i + 1)) {
      const overlap =
        next.validFromMs === p.validFromMs || (p.validUntilMs !== null && p.validUntilMs > next.validFromMs);
      if (!overlap || knownFromMs !== nextKnownMs) continue;
      problems.push({
        code: 'TARIFF_VERSIONS_OVERLAP',
        file: `${p.tariff.version_id}/tariff.yaml`,
        ...p.placeOf(['valid_to']),
        severity,
        message: `${p.tariff.version_id} and ${next.tariff.version_id} hold at the same time, and neither was activated before the other`,
        howToMend: `Set valid_to of ${p.tariff.version_id} to ${next.tariff.valid_from}; or leave out what is superseded, if it never priced anything here.`,
      });
    }
  });
  return problems;
}

/** Times between packages in which nothing is in force: no ride has a price then. A warning for each, at its beginning. */
export function timelineGaps(packages: readonly TariffPackage[]): FileProblem[] {
  const dated = packages
    .filter((p) => p.tariff.status !== 'draft')
    .sort((a, b) => a.validFromMs - b.validFromMs || compareText(a.hash, b.hash));
  const problems: FileProblem[] = [];
  let last: TariffPackage | undefined;
  for (const p of dated) {
    const endMs = last?.validUntilMs ?? null;
    if (last !== undefined && endMs !== null && endMs < p.validFromMs) {
      problems.push({
        code: 'TARIFF_GAP',
        file: `${last.tariff.version_id}/tariff.yaml`,
        ...last.placeOf(['valid_to']),
        severity: 'warning',
        message: `from ${last.tariff.valid_to} to ${p.tariff.valid_from} no package is in force: rides have no price then`,
        howToMend: `Add a package for these dates, or let ${last.tariff.version_id} hold until ${p.tariff.valid_from}.`,
      });
    }
    // The one that holds longest: an open end is closed by the next package.
    if (last === undefined || endMs === null || (p.validUntilMs ?? Infinity) > endMs) last = p;
  }
  return problems;
}

function timelineOf(known: readonly Known[], all: readonly TariffPackage[]): TariffTimeline {
  const byHash = new Map(all.map((p) => [p.hash, p]));
  // As many different states of knowledge as there were activations; each is made once.
  const instants = [...new Set(known.map((k) => k.knownFromMs))].sort((a, b) => (a < b ? -1 : 1));
  const states = new Map<number, TariffTimeline>();
  const everything = viewOf(known, byHash, asKnownAt);
  function asKnownAt(knownAsOfMs: number | null): TariffTimeline {
    const count = knownAsOfMs === null ? instants.length : instants.filter((ms) => ms <= knownAsOfMs).length;
    if (count === instants.length) return everything;
    const made = states.get(count);
    if (made) return made;
    const last = instants[count - 1] ?? Number.NEGATIVE_INFINITY;
    const then = count === 0 ? [] : known.filter((k) => k.knownFromMs <= last);
    const view = viewOf(then, byHash, asKnownAt);
    states.set(count, view);
    return view;
  }
  return everything;
}

interface InForce extends Known {
  /** `null` = open. */
  readonly untilMs: number | null;
}

function viewOf(
  known: readonly Known[],
  byHash: ReadonlyMap<string, TariffPackage>,
  asKnownAt: TariffTimeline['asKnownAt'],
): TariffTimeline {
  // Of several with the same first instant the last known took the others' place; they stand next to each other.
  const current = known.filter(({ package: p }, i) => known[i + 1]?.package.validFromMs !== p.validFromMs);
  const inForce = current.map((k, i) => ({
    ...k,
    untilMs: k.package.validUntilMs ?? current[i + 1]?.package.validFromMs ?? null,
  }));
  return {
    packages: known.map((k) => k.package),
    byHash: (hash) => byHash.get(hash),
    at: (instantMs) => findAt(inForce, instantMs),
    asKnownAt,
  };
}

function findAt(inForce: readonly InForce[], instantMs: number): TariffPackage | undefined {
  let best: InForce | undefined;
  for (const one of inForce) {
    if (one.package.validFromMs > instantMs) break;
    if (one.untilMs !== null && instantMs >= one.untilMs) continue;
    if (best === undefined || one.knownFromMs >= best.knownFromMs) best = one;
  }
  return best?.package;
}
