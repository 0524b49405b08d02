/**
 * A validator is silent while its neighbours tap: the doors of its own vehicle, or the other vehicles of its route.
 *
 * Of the neighbours' boardings a validator takes part in its share, which its other days say. That none of `n` boardings
 * comes to it has the chance (1 - share)^n. Passengers come in groups, so boardings within `clusterS` are one; the share
 * is trusted to `shareTrusted` only; and all tests of the run together may accuse `falsePerRun` validators in vain.
 */
import { type Finding, NOBODY } from './finding.ts';
import { dayAfter, type HuntTap, inTime, type Neighbours, scorePermille } from './hunt-facts.ts';
import type { RuleOf } from './rules-file.ts';

type SilenceRule = RuleOf<'silent-validator'>;

/** How many taps a device had on a day, among the same neighbours. */
export interface DeviceCount {
  readonly scope: Neighbours['scope'];
  readonly groupId: string;
  readonly deviceId: string;
  readonly fareDay: string;
  readonly taps: number;
}

/** What all days together say of a group's devices. Memory grows with devices × days. */
export interface ShareBook {
  /** The device's part of its neighbours' taps on the days but this one; `null` = nothing is known. */
  shareOf(neighbours: Neighbours, deviceId: string): number | null;
  /** Stretches of boardings that are looked at in the whole run, at most. */
  readonly tests: number;
}

export function createShareBook(counts: Iterable<DeviceCount>, rule: SilenceRule): ShareBook {
  const ofDevice = new Map<string, number>();
  const ofGroup = new Map<string, number>();
  const plus = (map: Map<string, number>, key: readonly string[], taps: number) => {
    const text = JSON.stringify(key);
    map.set(text, (map.get(text) ?? 0) + taps);
  };
  const at = (map: Map<string, number>, key: readonly string[]) => map.get(JSON.stringify(key)) ?? 0;
  let tests = 0;
  for (const { scope, groupId, deviceId, fareDay, taps } of counts) {
    tests += taps;
    plus(ofDevice, [scope, groupId, deviceId], taps);
    plus(ofDevice, [scope, groupId, deviceId, fareDay], taps);
    plus(ofGroup, [scope, groupId], taps);
    plus(ofGroup, [scope, groupId, fareDay], taps);
  }
  return {
    tests: Math.max(1, tests),
    shareOf({ scope, groupId, fareDay }, deviceId) {
      const whole = at(ofDevice, [scope, groupId, deviceId]);
      if (whole === 0) return rule.shareOfNeverTapped;
      const own = whole - at(ofDevice, [scope, groupId, deviceId, fareDay]);
      const all = at(ofGroup, [scope, groupId]) - at(ofGroup, [scope, groupId, fareDay]);
      return all === 0 ? null : (own / all) * rule.shareTrusted;
    },
  };
}

/** Looks at one day of one group. */
export function silentValidator(neighbours: Neighbours, shares: ShareBook, rule: SilenceRule): Finding[] {
  const touches = inTime(neighbours.taps);
  const taps = touches.filter((tap) => tap.ride);
  const unsure = (tap: HuntTap) => tap.uncertaintyMs > rule.clockUnsureBeyondS * 1000;
  const sure = taps.filter((tap) => !unsure(tap));
  const devices = [...new Set(neighbours.service.map(({ deviceId }) => deviceId))].sort();
  return devices.flatMap((deviceId) => {
    // A repeated touch is no boarding, but a validator that saw it was not silent.
    const own = touches.filter((tap) => tap.deviceId === deviceId);
    // A tap of its own whose time is not sure may lie in the silence.
    if (own.some(unsure)) return [];
    const share = shares.shareOf(neighbours, deviceId);
    if (share === null || share < rule.shareMin) return [];
    const others = sure.filter((tap) => tap.deviceId !== deviceId);
    const quiet = longestSilence(neighbours, deviceId, own, others, rule);
    const found = quiet === null ? null : judge(quiet, share, shares.tests, rule);
    return found === null ? [] : [subjectOf(neighbours, deviceId, own, others, found)];
  });
}

interface Silence {
  readonly fromMs: number;
  readonly untilMs: number;
  readonly clusters: number;
}

/** The stretch within the device's service, without a tap of its own, in which its neighbours had most boardings. */
function longestSilence(
  neighbours: Neighbours,
  deviceId: string,
  own: readonly HuntTap[],
  others: readonly HuntTap[],
  rule: SilenceRule,
): Silence | null {
  const quietMsMin = neighbours.scope === 'route' ? rule.quietSMin * 1000 : 0;
  const stretches = neighbours.service
    .filter((service) => service.deviceId === deviceId)
    .flatMap(({ fromMs, untilMs }) => {
      const inside = own.map((tap) => tap.atMs).filter((atMs) => atMs > fromMs && atMs < untilMs);
      const edges = [fromMs, ...inside, untilMs];
      return edges.slice(1).map((end, at) => ({ fromMs: edges[at] as number, untilMs: end }));
    })
    .filter(({ fromMs, untilMs }) => untilMs - fromMs >= quietMsMin)
    .map((stretch) => ({ ...stretch, clusters: clustersIn(others, stretch, rule.clusterS * 1000) }));
  return stretches.reduce<Silence | null>(
    (best, stretch) => (best === null || stretch.clusters > best.clusters ? stretch : best),
    null,
  );
}

/** Boardings of each neighbour, those close to each other as one. */
function clustersIn(
  taps: readonly HuntTap[],
  { fromMs, untilMs }: { fromMs: number; untilMs: number },
  clusterMs: number,
): number {
  const lastOf = new Map<string, number>();
  let clusters = 0;
  for (const { deviceId, atMs } of taps) {
    if (atMs <= fromMs || atMs >= untilMs) continue;
    if (atMs - (lastOf.get(deviceId) ?? Number.NEGATIVE_INFINITY) > clusterMs) clusters += 1;
    lastOf.set(deviceId, atMs);
  }
  return clusters;
}

type Judged = Pick<Finding, 'paramsSha256' | 'severity' | 'scorePermille' | 'evidence'>;

function judge(
  { fromMs, untilMs, clusters }: Silence,
  share: number,
  tests: number,
  rule: SilenceRule,
): Judged | null {
  const lnChance = clusters * Math.log1p(-Math.min(share, 1 - 1e-12));
  const lnLimit = Math.log(rule.falsePerRun / tests);
  if (clusters < rule.clustersMin || lnChance > lnLimit) return null;
  return {
    paramsSha256: rule.paramsSha256,
    severity: rule.severity,
    scorePermille: scorePermille(Math.max(lnChance, -690), lnLimit),
    evidence: {
      silentFromMs: fromMs,
      silentUntilMs: untilMs,
      quietS: Math.floor((untilMs - fromMs) / 1000),
      neighbourBoardings: clusters,
      neighbourBoardingsMin: rule.clustersMin,
      sharePermille: Math.round(share * 1000),
      oddsAgainstLog10: Math.min(300, Math.floor(-lnChance / Math.LN10)),
      oddsAgainstLog10Min: Math.ceil(-lnLimit / Math.LN10),
    },
  };
}

function subjectOf(
  { scope, groupId, fareDay }: Neighbours,
  deviceId: string,
  own: readonly HuntTap[],
  others: readonly HuntTap[],
  judged: Judged,
): Finding {
  const of = scope === 'vehicle' ? others : own;
  const one = <K extends 'vehicleId' | 'routeId' | 'carrierId'>(field: K): string | null => {
    const values = new Set(of.map((tap) => tap[field]));
    return values.size === 1 ? ([...values][0] ?? null) : null;
  };
  return {
    ...NOBODY,
    ...judged,
    ruleId: 'silent-validator',
    fromDay: fareDay,
    untilDay: dayAfter(fareDay),
    tapIds: [],
    taps: 0,
    deviceId,
    vehicleId: scope === 'vehicle' ? groupId : one('vehicleId'),
    routeId: scope === 'route' ? groupId : one('routeId'),
    carrierId: one('carrierId'),
  };
}
