/** Whether what a case names is known to the packages under which it is tried, and whether one of them holds when it rides. */
import { RESIDENCE } from '#pricing/concessions.ts';
import { isCountedElsewhere, namedElsewhere } from '#pricing/elsewhere.ts';
import type { FileProblem } from '#pricing/file-problem.ts';
import { mixesAlphabets, nearestName } from '#pricing/nearest-name.ts';
import type { TariffTimeline } from '#pricing/tariff-timeline.ts';
import type { YamlPath } from '#pricing/yaml-file.ts';
import { HOLDING_REFUSALS } from '../holdings/refusals.ts';
import type { CaseFacts } from './case-facts.ts';
import { shown } from './case-values.ts';
import type { PlacedCase } from './read-cases.ts';

/** What packages know, by kind of name. */
interface Known {
  readonly rights: readonly string[];
  /** Rights that count rides or money, by their ids alone: a word about a quota names nothing else. */
  readonly quotas: readonly string[];
  readonly routes: readonly string[];
  readonly products: readonly string[];
  readonly media: readonly string[];
  readonly caps: readonly string[];
  /** None where no package says anything of stops: then a stop may have any name. */
  readonly stops: readonly string[];
}

/** Names told at most, where one is unknown. */
const NAMES_MAX = 24;

/** What a case names and no package knows. */
export function unknownNames(placed: PlacedCase, tariffs: TariffTimeline): FileProblem[] {
  const known = knownTo(tariffs);
  const problems: FileProblem[] = [];
  const look = (path: YamlPath, what: string, name: string, names: readonly string[]) => {
    if (names.includes(name)) return;
    const near = nearestName(name, names);
    const some = names.slice(0, NAMES_MAX).join(', ') || '(none)';
    const more = names.length > NAMES_MAX ? ` and ${names.length - NAMES_MAX} more` : '';
    const mend = `${near === undefined ? '' : `Write ${near}, if it is what is meant; or `}one of: ${some}${more}.`;
    const letters = mixesAlphabets(name) ? ', it has letters of two alphabets' : '';
    const message = `no package knows the ${what} ${shown(name)}${letters}`;
    problems.push(
      placed.problemAt('TARIFF_REFERENCE_UNKNOWN', path, message, mend.replace(/^one/, 'Write one')),
    );
  };
  const { entitlements = [], passes = [], rides } = placed.fare;
  // What an earlier system counted is a word about the rider, and no right of a package; what it is about has a name there.
  const ofWord = {
    right: known.rights,
    quota: known.quotas,
    cap: known.caps,
    route: known.routes,
    pass: passes.map((_, i) => `pass-${i}`),
  };
  for (const [i, { concession }] of entitlements.entries()) {
    const path: YamlPath = ['entitlements', i, 'concession'];
    const word = isCountedElsewhere(concession)
      ? namedElsewhere(concession)
      : { of: 'right' as const, id: concession };
    if (word !== undefined) look(path, word.of, word.id, ofWord[word.of]);
    else problems.push(placed.problemAt('TARIFF_VALUE_INVALID', path, notOfAForm(concession), FORMS));
  }
  for (const [i, { product, returned }] of passes.entries()) {
    look(['passes', i, 'product'], 'product', product, known.products);
    if (returned?.refused !== undefined)
      look(['passes', i, 'returned', 'refused'], 'reason', returned.refused, Object.keys(HOLDING_REFUSALS));
  }
  const { stops } = known;
  for (const [i, { route, medium, stop, repaired }] of rides.entries()) {
    look(['rides', i, 'route'], 'route', route, known.routes);
    look(['rides', i, 'medium'], 'medium', medium, known.media);
    if (stops.length === 0) continue;
    if (stop !== undefined) look(['rides', i, 'stop'], 'stop', stop, stops);
    if (repaired !== undefined) look(['rides', i, 'repaired', 'stop'], 'stop', repaired.stop, stops);
  }
  return problems;
}

const notOfAForm = (word: string): string => `${shown(word)} is no word about what was counted before`;
const FORMS =
  'Write used:RIGHT:RIDES:MINOR, uses:pass-0:RIDES (pass-0 is the first of the passes), spent:CAP:MINOR:RIDES, or begun:ROUTE:STOP:VEHICLE:TRANSFERS:INSTANT (docs/IMPORT.md).';

const kept = new WeakMap<TariffTimeline, Known>();

function knownTo(tariffs: TariffTimeline): Known {
  const before = kept.get(tariffs);
  if (before) return before;
  const { packages } = tariffs;
  const rows = packages.flatMap((p) => p.concessions);
  const sorted = (names: readonly string[]) => [...new Set(names)].sort();
  const known = {
    rights: sorted(
      rows.flatMap((row) => [
        row.concession_id,
        row.rider_category_id,
        ...(row.resident_required === undefined ? [] : [`${RESIDENCE}${row.resident_required}`]),
      ]),
    ),
    quotas: sorted(rows.flatMap((row) => (row.quota_window === undefined ? [] : [row.concession_id]))),
    routes: sorted(packages.flatMap((p) => [...(p.pricer.feed.networkOfRoute?.keys() ?? [])])),
    products: sorted(packages.flatMap((p) => [...p.pricer.feed.products.keys()])),
    media: sorted(packages.flatMap((p) => Object.keys(p.mediaOfKind))),
    caps: sorted(packages.flatMap((p) => p.caps.map(({ cap_id }) => cap_id))),
    stops: sorted(
      packages.flatMap(({ pricer: { feed } }) => [...(feed.stops?.keys() ?? []), ...feed.areasOfStop.keys()]),
    ),
  };
  kept.set(tariffs, known);
  return known;
}

/** Rides on days on which no package holds, unless it is said that they have no price for just that. */
export function ridesWithoutTariff(
  placed: PlacedCase,
  facts: CaseFacts,
  tariffs: TariffTimeline,
): FileProblem[] {
  const meant = ({ pays, because }: CaseFacts['taps'][number]) => pays === 0n && because !== '';
  const lost = facts.taps.filter((one) => tariffs.at(one.tap.fareAtMs) === undefined && !meant(one));
  // A ride that is repeated is told once.
  const rides = [...new Set(lost.map(({ ride }) => ride))];
  const held = tariffs.packages
    .map(
      ({ tariff }) =>
        `${tariff.version_id} from ${tariff.valid_from}${tariff.valid_to ? ` to ${tariff.valid_to}` : ''}`,
    )
    .join(', ');
  return rides.map((ride) =>
    placed.problemAt(
      'TARIFF_CASE_DATE',
      ['rides', ride, 'at'],
      `no package holds at ${shown(placed.fare.rides[ride]?.at ?? '')}`,
      `Write a date on which one does (${held}); or, if it must have no price then, pays: 0.00 and because: "немає чинного тарифу".`,
    ),
  );
}
