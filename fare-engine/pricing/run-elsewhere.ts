/** A ride that an earlier system charged, and that a transfer here may follow. */
import { type BegunElsewhere, holdsAt } from './elsewhere.ts';
import type { Presented } from './leg-of-tap.ts';
import type { PricingState } from './model.ts';
import { legGroupOf } from './price-leg.ts';

/**
 * The state as a tap finds it: where the last ride was an earlier system's, the run of legs is its run. It is not a ride of this
 * city's: it is charged, counted and claimed nowhere here, and a touch again in its vehicle is a ride.
 */
export function withRideElsewhere(state: PricingState, presented: Presented): PricingState {
  const { begun } = presented.elsewhere;
  if (begun.length === 0) return state;
  const { fareAtMs } = presented.tap;
  const last = begun.findLast((ride) => ride.fromMs <= fareAtMs && holdsAt(ride, fareAtMs));
  if (last === undefined || last.fromMs <= (state.transferRun?.lastLegAtMs ?? Number.NEGATIVE_INFINITY))
    return state;
  // A ride here from which no transfer leads has left no run, and has ended theirs all the same.
  if (state.lastTouches.some(({ atMs }) => atMs >= last.fromMs)) return state;
  return { ...state, transferRun: runOf(last, presented) };
}

/** By the package of then; a ride from before the first one by that in force now. */
function runOf(ride: BegunElsewhere, { tap, tariffs }: Presented): PricingState['transferRun'] {
  const { entitlementId, fromMs, routeId, stopId, vehicleId, transferCount, startedAtMs } = ride;
  const tariff = tariffs.at(fromMs) ?? tariffs.at(tap.fareAtMs);
  const { mediumKind } = tap;
  const groupId = tariff && legGroupOf(tariff, { routeId, stopId, mediumKind }, fromMs);
  if (tariff === undefined || groupId === undefined || groupId === '') return null;
  if (tariff.pricer.feed.transferRules.length === 0) return null;
  return {
    startedAtMs: transferCount > 0 ? startedAtMs : fromMs,
    lastLegAtMs: fromMs,
    lastLegGroupId: groupId,
    lastStopId: stopId,
    lastVehicleId: vehicleId,
    transferCount,
    firstTapId: entitlementId,
    packageHash: tariff.hash,
  };
}
