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

/** Packages without the right signatures are looked at again after so long. */
const REFUSED_AGAIN_MS = 60_000;

/**
 * Reads and activates what may price.
 * @throws OperatorError TARIFF_INVALID, TARIFF_UNSIGNED, TARIFF_CHANGED, TARIFF_MISSING, TARIFF_OVERLAP, OFFICERS_INVALID
 */
export async function openLiveTariffs(deps: LiveTariffsDeps): Promise<LiveTariffs> {
  const { pool, log } = deps;
  let seen = fingerprint(deps);
  let lookedAtMs = deps.clock.nowMs();
  let plan = await activate(deps, '');

  /** A signature may count later: its officer's time begins, or its clock was ahead of this one. */
  const refusedLongAgo = () =>
    plan.refused !== '' && Math.abs(deps.clock.nowMs() - lookedAtMs) >= REFUSED_AGAIN_MS;

  async function look(): Promise<void> {
    const now = fingerprint(deps);
    const known = await tariffFacts(pool);
    if (now === seen && known === plan.facts && !refusedLongAgo()) return;
    lookedAtMs = deps.clock.nowMs();
    try {
      plan = await activate(deps, plan.refused);
    } catch (error) {
      // What is wrong with the files has been said; whatever else stood in the way may be gone at the next look.
      if (error instanceof OperatorError) seen = now;
      throw error;
    }
    seen = now;
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

/** A plan with what it was made from. */
interface LivePlan extends ActivationPlan {
  readonly facts: number;
  /** Packages that are left out, and why; empty = none. */
  readonly refused: string;
}

/** What was refused `before` is not told again. */
async function activate(deps: LiveTariffsDeps, before: string): Promise<LivePlan> {
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
  const refused = done.refused.length === 0 ? '' : JSON.stringify(done.refused);
  for (const { versionId, packageHash, act, problems } of refused === before ? [] : done.refused)
    log.error(
      { version: versionId, hash: packageHash, act, problems: problems.map(({ code }) => code) },
      'fare.tariff.unsigned: the package is left out',
    );
  for (const hash of done.withdrawn) log.warn({ hash }, 'fare.tariff.withdrawn');
  return { ...done.plan, facts: done.facts, refused };
}

/** Names, sizes and times of all files that may change what prices: a file that is still being copied changes no folder. */
function fingerprint({ dir, places }: LiveTariffsDeps): string {
  const list = (folder: string) =>
    existsSync(folder)
      ? readdirSync(folder, { recursive: true, encoding: 'utf8' })
          .sort()
          .map((name) => [name, ...stamp(join(folder, name))])
      : [];
  return JSON.stringify([list(dir), list(places.dir), stamp(places.officersFile)]);
}

function stamp(path: string): (number | undefined)[] {
  const found = statSync(path, { throwIfNoEntry: false });
  return [found?.mtimeMs, found?.size];
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
