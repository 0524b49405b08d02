/** What `breakdown.yaml` must hold beyond its form: acts, networks, ids of its rules. */
import { checkNetworkRows, unknownAct } from './check-act.ts';
import type { FareFeed } from './fares-v2/fare-feed.ts';
import type { FileProblem } from './file-problem.ts';
import type { PackageYaml } from './tariff-package.ts';

/** All problems of meaning; none where the package says nothing of breakdowns. */
export function checkBreakdown(feed: FareFeed, { breakdown, tariff }: PackageYaml): FileProblem[] {
  if (!breakdown) return [];
  const acts = new Set(tariff.value.acts.map((act) => act.act_id));
  const rows = breakdown.value.breakdown;
  const problems = checkNetworkRows(breakdown, 'breakdown', rows, feed, { rest: false });
  rows.forEach(({ rule_id, act }, i) => {
    if (!acts.has(act)) problems.push(unknownAct(breakdown, ['breakdown', i, 'act'], act));
    if (rows.findIndex((other) => other.rule_id === rule_id) !== i)
      problems.push(
        breakdown.problemAt(
          'TARIFF_ID_TWICE',
          ['breakdown', i, 'rule_id'],
          `${rule_id} occurs twice`,
          'Give each row its own id.',
        ),
      );
  });
  return problems;
}
