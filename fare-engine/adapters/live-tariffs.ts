/**
 * The tariffs an engine prices by, as they change while it runs: a package that two people have signed for is taken without
 * a restart, one that was taken back is left out. What is wrong with a new one is logged and changes nothing.
 */
import { existsSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type pg from 'pg';
import type { Clock } from '#platform/clock.ts';
import { OperatorError } from '#platform/errors.ts';
import type { Logger } from '#platform/logger.ts';
import type { TariffPackage } from '#pricing/tariff-package.ts';
import type { FareDays } from '../facts/facts.ts';
import { loadTariffTimeline } from '../tariffs/load-tariff.ts';
import type { ActivationPlan } from '../tariffs/plan-activation.ts';
import { activateTariffs, tariffFacts } from './activate-tariffs.ts';
import { type ApprovalPlaces, readApproval, readOfficers } from './approval-files.ts';

export interface LiveTariffs {
  plan(): ActivationPlan;
  /** How many facts about tariffs the plan stands on; the database must have as many. */
  facts(): number;
  /** Longest time for which late taps are taken by any package. */
  lateTapAcceptS(): number;
  /** Packages to be told to validators; null while another engine knows more. */
  told(): Promise<readonly TariffPackage[] | null>;
  /** Looks for changes; what cannot be taken is logged. */
  refresh(): Promise<void>;
}

export interface LiveTariffsDeps {
  readonly pool: pg.Pool;
  /** Folder with a folder for each package. */
  readonly dir: string;
  readonly cityId: string;
  readonly places: ApprovalPlaces;
  readonly days: FareDays;
  readonly clock: Clock;
  readonly log: Logger;
}

/**
 * Reads and activates what may price.
 * @throws OperatorError TARIFF_INVALID, TARIFF_UNSIGNED, TARIFF_CHANGED, TARIFF_MISSING, TARIFF_OVERLAP, OFFICERS_INVALID
 */
export async function openLiveTariffs(deps: LiveTariffsDeps): Promise<LiveTariffs> {
  const { pool, log } = deps;
  let seen = fingerprint(deps);
  let plan = await activate(deps);

  async function look(): Promise<void> {
    const now = fingerprint(deps);
    const known = await tariffFacts(pool);
    if (now === seen && known === plan.facts) return;
    seen = now;
    plan = await activate(deps);
  }

  return {
    plan: () => plan,
    facts: () => plan.facts,
    lateTapAcceptS: () => Math.max(...plan.timeline.packages.map((p) => p.lateTapAcceptSMax)),
    told: async () => ((await tariffFacts(pool)) === plan.facts ? plan.timeline.packages : null),
    async refresh() {
      try {
        await look();
      } catch (error) {
        if (!(error instanceof OperatorError)) throw error;
        log.error({ code: error.code, reason: error.message }, 'fare.tariff.not-taken');
      }
    },
  };
}

async function activate(deps: LiveTariffsDeps): Promise<ActivationPlan & { readonly facts: number }> {
  const { pool, dir, cityId, places, days, clock, log } = deps;
  const packages = await loadPackages(dir);
  const judge = {
    city: cityId,
    officers: readOfficers(places.officersFile),
    statements: (hash: string, act: 'activate' | 'withdraw') => readApproval(places.dir, hash, act),
  };
  const done = await activateTariffs(pool, packages, judge, days, clock.nowMs());
  for (const { hash, tariff } of done.plan.fresh)
    log.info({ version: tariff.version_id, hash }, 'fare.tariff.activated');
  for (const { versionId, packageHash, act, problems } of done.refused)
    log.error(
      { version: versionId, hash: packageHash, act, problems: problems.map(({ code }) => code) },
      'fare.tariff.unsigned: the package is left out',
    );
  for (const hash of done.withdrawn) log.warn({ hash }, 'fare.tariff.withdrawn');
  return { ...done.plan, facts: done.facts };
}

/** Names and times of everything that may change what prices. */
function fingerprint({ dir, places }: LiveTariffsDeps): string {
  const list = (folder: string) =>
    existsSync(folder)
      ? readdirSync(folder)
          .sort()
          .map((name) => [name, statSync(join(folder, name), { throwIfNoEntry: false })?.mtimeMs])
      : [];
  const officers = statSync(places.officersFile, { throwIfNoEntry: false })?.mtimeMs;
  return JSON.stringify([list(dir), list(places.dir), officers]);
}

async function loadPackages(dir: string): Promise<readonly TariffPackage[]> {
  const loaded = await loadTariffTimeline(dir);
  if (loaded.ok) return loaded.timeline.packages;
  const first = loaded.problems.filter((problem) => problem.severity === 'error').slice(0, 5);
  throw new OperatorError({
    code: 'TARIFF_INVALID',
    happened: `The tariffs in ${dir} have errors: ${first.map((p) => `${p.file}:${p.line} ${p.message}`).join('; ')}.`,
    kept: 'Nothing was started or changed; taps wait in the inbox.',
    todo: `Mend them (kvytok tariff check shows all with what to do) and start again.`,
  });
}
