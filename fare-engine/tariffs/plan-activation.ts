/**
 * A tariff package is a fact with the instant from which it was known. At a start the packages of the city's folder are
 * compared with those activated before: new ones are activated, and nothing that ever priced may be gone or changed.
 */
import { OperatorError } from '#platform/errors.ts';
import { formatFileProblem } from '#pricing/file-problem.ts';
import type { TariffPackage } from '#pricing/tariff-package.ts';
import { type Activations, createTariffTimeline, type TariffTimeline } from '#pricing/tariff-timeline.ts';

/** A package that was activated before. */
export interface Activated {
  readonly packageHash: string;
  readonly versionId: string;
  readonly knownFromMs: number;
}

export interface ActivationPlan {
  /** Packages to be activated now. */
  readonly fresh: readonly TariffPackage[];
  /** All, the fresh ones included. */
  readonly activations: Activations;
  readonly timeline: TariffTimeline;
}

/**
 * Plans what a start activates.
 * @param relevant those activated before whose period has rides, or may still have some.
 * @throws OperatorError TARIFF_CHANGED, TARIFF_MISSING, TARIFF_OVERLAP
 */
export function planActivation(
  packages: readonly TariffPackage[],
  activated: readonly Activated[],
  relevant: readonly Activated[],
  knownFromMs: number,
): ActivationPlan {
  const here = new Map(packages.map((p) => [p.hash, p]));
  checkUnchanged(packages, activated);
  const gone = relevant.find(({ packageHash }) => !here.has(packageHash));
  if (gone !== undefined) throw missing(gone);
  const known = new Map(activated.map((a) => [a.packageHash, a.knownFromMs]));
  const fresh = packages.filter((p) => !known.has(p.hash));
  const activations = new Map([...known, ...fresh.map((p) => [p.hash, knownFromMs] as const)]);
  const { timeline, problems } = createTariffTimeline(packages, activations);
  const [overlap] = problems;
  if (overlap !== undefined) {
    throw new OperatorError({
      code: 'TARIFF_OVERLAP',
      happened: `Two tariff packages would be activated together for the same time: ${formatFileProblem(overlap)}`,
      kept: 'No package was activated; taps wait in the inbox.',
      todo: 'Leave one of them in the folder, or give them periods of their own, and start again.',
    });
  }
  return { fresh, activations, timeline };
}

/** The bytes under a version id never change: what was priced by them could not be explained any more. */
function checkUnchanged(packages: readonly TariffPackage[], activated: readonly Activated[]): void {
  for (const { hash, tariff } of packages) {
    const same = activated.filter((a) => a.versionId === tariff.version_id);
    if (same.length === 0 || same.some((a) => a.packageHash === hash)) continue;
    throw new OperatorError({
      code: 'TARIFF_CHANGED',
      happened: `The tariff package ${tariff.version_id} was changed after it was activated: its hash was ${same[0]?.packageHash}, now it is ${hash}.`,
      kept: 'Nothing was started and no price was changed; taps wait in the inbox.',
      todo: 'Put the old files back. A correction is a new folder with a version_id of its own; days that are closed keep their prices.',
    });
  }
}

function missing({ versionId, packageHash }: Activated): OperatorError {
  return new OperatorError({
    code: 'TARIFF_MISSING',
    happened: `The tariff package ${versionId} (${packageHash}) was activated here, and its folder is gone.`,
    kept: 'Nothing was started and no price was changed; taps wait in the inbox.',
    todo: 'Put the folder back as it was: late taps and proofs of its time need it. A package that is superseded stays beside the new one.',
  });
}
