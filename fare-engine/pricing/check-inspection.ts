/** What `inspection.yaml` must hold beyond its form: acts, networks, a fare of which the penalty is a multiple. */
import { checkNetworkRows, unknownAct } from './check-act.ts';
import type { FareFeed } from './fares-v2/fare-feed.ts';
import type { FileProblem } from './file-problem.ts';
import { lowestFullFareMinor } from './inspection.ts';
import type { FileProblemCode } from './problem-codes.ts';
import type { PackageYaml } from './tariff-package.ts';
import type { YamlPath } from './yaml-file.ts';

/** All problems of meaning; none where the package says nothing of inspection. */
export function checkInspection(feed: FareFeed, { inspection, tariff }: PackageYaml): FileProblem[] {
  if (!inspection) return [];
  const acts = new Set(tariff.value.acts.map((act) => act.act_id));
  const media = new Set(feed.media.map((medium) => medium.mediaId));
  const rows = inspection.value.inspection;
  const problems = checkNetworkRows(inspection, 'inspection', rows, feed, { rest: true });
  const at = (code: FileProblemCode, path: YamlPath, message: string, howToMend: string) =>
    problems.push(inspection.problemAt(code, path, message, howToMend));
  rows.forEach((row, i) => {
    const { network_id: id, penalty } = row;
    const path = ['inspection', i];
    if (!acts.has(row.act)) problems.push(unknownAct(inspection, [...path, 'act'], row.act));
    if (!penalty) return;
    if (!acts.has(penalty.act))
      problems.push(unknownAct(inspection, [...path, 'penalty', 'act'], penalty.act));
    const medium = penalty.fare_media_id;
    if (!media.has(medium))
      at(
        'TARIFF_REFERENCE_UNKNOWN',
        [...path, 'penalty', 'fare_media_id'],
        `medium ${medium} is not in fare_media.txt`,
        'Add it there.',
      );
    else if (lowestFullFareMinor(feed, id, medium) === undefined)
      at(
        'TARIFF_PENALTY_FARE',
        [...path, 'penalty', 'fare_media_id'],
        `no ride in network "${id}" has a full price with ${medium}`,
        'A penalty is a multiple of a fare: name a medium that has one.',
      );
  });
  return problems;
}
