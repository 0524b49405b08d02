/** What `breakdown.yaml` must hold beyond its form: acts, networks, ids of its rules. */
import { networkIds, unknownAct } from './check-act.ts';
import type { FareFeed } from './fares-v2/fare-feed.ts';
import type { FileProblem } from './file-problem.ts';
import type { FileProblemCode } from './problem-codes.ts';
import type { PackageYaml } from './tariff-package.ts';
import type { YamlPath } from './yaml-file.ts';

/** All problems of meaning; none where the package says nothing of breakdowns. */
export function checkBreakdown(feed: FareFeed, { breakdown, tariff }: PackageYaml): FileProblem[] {
  if (!breakdown) return [];
  const problems: FileProblem[] = [];
  const acts = new Set(tariff.value.acts.map((act) => act.act_id));
  const networks = networkIds(feed);
  const rows = breakdown.value.breakdown;
  const at = (code: FileProblemCode, path: YamlPath, message: string, howToMend: string) =>
    problems.push(breakdown.problemAt(code, path, message, howToMend));
  rows.forEach(({ rule_id, network_id: id, act }, i) => {
    const path = ['breakdown', i];
    if (!acts.has(act)) problems.push(unknownAct(breakdown, [...path, 'act'], act));
    if (id !== '' && !networks.has(id))
      at(
        'TARIFF_REFERENCE_UNKNOWN',
        [...path, 'network_id'],
        `network ${id} is not in the feed`,
        'Add it or correct it.',
      );
    if (rows.findIndex((other) => other.network_id === id) !== i)
      at(
        'TARIFF_ID_TWICE',
        [...path, 'network_id'],
        `a second row for network "${id}"`,
        'Remove one of the two.',
      );
    if (rows.findIndex((other) => other.rule_id === rule_id) !== i)
      at('TARIFF_ID_TWICE', [...path, 'rule_id'], `${rule_id} occurs twice`, 'Give each row its own id.');
  });
  return problems;
}
