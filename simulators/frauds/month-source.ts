/** A month in memory as the rules are handed it: the same shapes that a database gives. */
import type { HuntSource } from '../../fare-engine/anomalies/hunt.ts';
import type { HuntTap, Neighbours, RideCount, RiderCount } from '../../fare-engine/anomalies/hunt-facts.ts';
import type { DeviceCount } from '../../fare-engine/anomalies/silence-rule.ts';
import type { Month } from './honest-month.ts';

/** The facts of a month. */
export function sourceOfMonth(month: Month): HuntSource {
  const taps = month.accounts.flatMap((account) => account.taps);
  const groups = groupsOf(month, taps);
  return {
    period: { fromDay: month.fromDay, untilDay: month.untilDay },
    accounts: () => month.accounts,
    rideCounts: async () => rideCounts(taps),
    riderCounts: async () => riderCounts(month),
    deviceCounts: async () => deviceCounts(groups),
    neighbours: () => groups,
  };
}

function rideCounts(taps: readonly HuntTap[]): RideCount[] {
  const counted = Map.groupBy(
    taps.filter((tap) => tap.ride),
    ({ routeId, vehicleId, fareDay, concessionId }) =>
      JSON.stringify([routeId, vehicleId, fareDay, concessionId]),
  );
  return [...counted.values()].map((group) => {
    const { routeId, vehicleId, carrierId, fareDay, concessionId } = group[0] as HuntTap;
    return {
      ...{ routeId: routeId ?? '', vehicleId: vehicleId ?? '', carrierId, fareDay, concessionId },
      rides: group.length,
    };
  });
}

function riderCounts(month: Month): RiderCount[] {
  const people = new Map<string, Set<string>>();
  for (const { accountId, taps } of month.accounts) {
    for (const { routeId, vehicleId, concessionId, ride } of taps) {
      if (!ride || concessionId === null) continue;
      for (const key of [
        JSON.stringify([routeId, vehicleId, concessionId]),
        JSON.stringify([routeId, null, concessionId]),
      ])
        people.set(key, (people.get(key) ?? new Set()).add(accountId));
    }
  }
  return [...people].map(([key, accounts]) => {
    const [routeId, vehicleId, concessionId] = JSON.parse(key) as [string, string | null, string];
    return { routeId, vehicleId, concessionId, riders: accounts.size };
  });
}

function groupsOf(month: Month, taps: readonly HuntTap[]): Neighbours[] {
  const ofVehicle = Map.groupBy(taps, (tap) => `${tap.vehicleId} ${tap.fareDay}`);
  const vehicles = month.vehicleDays
    .filter((day) => day.vehicle.devices.length > 1)
    .map((day) => ({
      scope: 'vehicle' as const,
      groupId: day.vehicle.vehicleId,
      fareDay: day.fareDay,
      taps: ofVehicle.get(`${day.vehicle.vehicleId} ${day.fareDay}`) ?? [],
      service: day.vehicle.devices.map((deviceId) => ({
        deviceId,
        fromMs: month.plan.bounds.startOfMs(day.fareDay),
        untilMs: month.plan.bounds.endOfMs(day.fareDay),
      })),
    }));
  const ofRoute = Map.groupBy(taps, (tap) => `${tap.routeId} ${tap.fareDay}`);
  const days = Map.groupBy(month.vehicleDays, (day) => `${day.runs[0]?.trip.routeId} ${day.fareDay}`);
  const routes = [...days].map(([key, group]) => ({
    scope: 'route' as const,
    groupId: group[0]?.runs[0]?.trip.routeId as string,
    fareDay: group[0]?.fareDay as string,
    taps: ofRoute.get(key) ?? [],
    service: group.flatMap((day) =>
      day.vehicle.devices.map((deviceId) => ({ deviceId, fromMs: day.fromMs, untilMs: day.untilMs })),
    ),
  }));
  return [...vehicles, ...routes];
}

function deviceCounts(groups: readonly Neighbours[]): DeviceCount[] {
  return groups.flatMap(({ scope, groupId, fareDay, taps }) =>
    [
      ...Map.groupBy(
        taps.filter((tap) => tap.ride),
        (tap) => tap.deviceId,
      ),
    ].map(([deviceId, mine]) => ({ scope, groupId, fareDay, deviceId, taps: mine.length })),
  );
}
