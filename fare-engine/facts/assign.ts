/**
 * Where a tap took place: device → vehicle → carrier → route and trip, by the city's dated facts; the device's own
 * belief where the city has not said. A wrong route is corrected by a new fact, never by a change to the tap.
 *
 * Facts of a vehicle reach the devices that the city has assigned to it at that instant: what a device merely believes of
 * its vehicle moves no money. Of several facts of one sort that cover an instant the latest known wins; in doubt the
 * greater id, so that the answer never depends on the order in which facts are read.
 */
import type { RouteBy } from '#contracts/route-by.ts';
import type {
  DeviceAssignment,
  DirectionId,
  RouteAssignment,
  StoredTap,
  VehicleAssignment,
} from './facts.ts';
import { latestOf } from './latest.ts';
import { createShiftBook, type ShiftBook, type ShiftFacts } from './shifts.ts';

export interface Place {
  readonly vehicleId: string | null;
  readonly carrierId: string | null;
  readonly routeId: string | null;
  readonly tripId: string | null;
  readonly directionId: DirectionId | null;
  readonly routeBy: RouteBy;
  /** Id of the assignment or shift record by which the route stands; `null` for a belief. */
  readonly routeFactId: string | null;
}

/** The facts that say where devices were. */
export interface PlaceFacts extends ShiftFacts {
  readonly carriers: readonly VehicleAssignment[];
  readonly routes: readonly RouteAssignment[];
}

/** The same facts, ready for look-up. Make it once for many taps. */
export interface PlaceBook {
  place(tap: LocatedTap, knownAsOfMs: number | null): Place;
}

/** What of a tap says where it was. */
export type LocatedTap = Pick<StoredTap, 'deviceId' | 'fareAtMs' | 'fareDay' | 'belief'>;

/** Indexes facts by their subject, so that a look-up does not depend on how many others there are. */
export function createPlaceBook(facts: PlaceFacts): PlaceBook {
  const carriers = Map.groupBy(facts.carriers, (fact) => fact.vehicleId);
  const routesOfVehicle = Map.groupBy(facts.routes, (fact) => fact.vehicleId);
  const routesOfDevice = Map.groupBy(facts.routes, (fact) => fact.deviceId);
  const shifts = createShiftBook(facts);
  const spanOf = spansOf(facts);
  // Of each device the last answer: until a fact of it or of its vehicles begins or ends, a tap like the last is where that was.
  const answers = new Map<string, Answer>();
  return {
    place(tap, knownAsOfMs) {
      const before = answers.get(tap.deviceId);
      if (before !== undefined && isLike(before, tap, knownAsOfMs)) return before.place;
      const place = find(tap, knownAsOfMs);
      const { fareDay, belief } = tap;
      answers.set(tap.deviceId, {
        place,
        fareDay,
        belief,
        knownAsOfMs,
        ...spanOf(tap.deviceId, tap.fareAtMs),
      });
      return place;
    },
  };

  function find(tap: LocatedTap, knownAsOfMs: number | null): Place {
    const { deviceId, fareAtMs, belief } = tap;
    const device = shifts.deviceAt(deviceId, fareAtMs, knownAsOfMs);
    const vehicleId = device?.vehicleId ?? null;
    const routes = [
      ...(routesOfDevice.get(deviceId) ?? []),
      ...(vehicleId === null ? [] : (routesOfVehicle.get(vehicleId) ?? [])),
    ];
    const carrier = latestOf(carriers.get(vehicleId ?? '') ?? [], fareAtMs, knownAsOfMs);
    return {
      vehicleId: vehicleId ?? belief.vehicleId,
      carrierId: carrier?.carrierId ?? device?.carrierId ?? null,
      ...routeOf(wordsOf(tap, { routes, shifts, device }, knownAsOfMs)),
    };
  }
}

interface Span {
  readonly fromMs: number;
  /** Half-open. */
  readonly untilMs: number;
}

interface Answer extends Span, Pick<LocatedTap, 'fareDay' | 'belief'> {
  readonly place: Place;
  readonly knownAsOfMs: number | null;
}

function isLike(
  before: Answer,
  { fareAtMs, fareDay, belief }: LocatedTap,
  knownAsOfMs: number | null,
): boolean {
  const then = before.belief;
  return (
    fareAtMs >= before.fromMs &&
    fareAtMs < before.untilMs &&
    fareDay === before.fareDay &&
    knownAsOfMs === before.knownAsOfMs &&
    belief.vehicleId === then.vehicleId &&
    belief.routeId === then.routeId &&
    belief.tripId === then.tripId &&
    belief.directionId === then.directionId
  );
}

/** For a device and an instant the time around it in which no fact that may concern the device begins or ends. */
function spansOf(facts: PlaceFacts): (deviceId: string, atMs: number) => Span {
  const vehicles = Map.groupBy(facts.assignments, (fact) => fact.deviceId);
  const mates = Map.groupBy(facts.assignments, (fact) => fact.vehicleId);
  const ofVehicle = Map.groupBy([...facts.carriers, ...facts.routes], (fact) => fact.vehicleId);
  const ofDevice = Map.groupBy(facts.routes, (fact) => fact.deviceId);
  const shifts = Map.groupBy(facts.shifts, (shift) => shift.deviceId);
  const edges = new Map<string, number[]>();
  const edgesOf = (deviceId: string): number[] => {
    const own = vehicles.get(deviceId) ?? [];
    const vehicleIds = [...new Set(own.map(({ vehicleId }) => vehicleId))];
    // A shift that a mate opened counts by where the mate was when it opened it.
    const mateFacts = vehicleIds.flatMap((vehicleId) => mates.get(vehicleId) ?? []);
    const deviceIds = [...new Set([deviceId, ...mateFacts.map((fact) => fact.deviceId)])];
    const dated = [
      ...own,
      ...vehicleIds.flatMap((id) => ofVehicle.get(id) ?? []),
      ...(ofDevice.get(deviceId) ?? []),
    ];
    return [
      ...dated.flatMap(({ validFromMs, validUntilMs }) =>
        validUntilMs === null ? [validFromMs] : [validFromMs, validUntilMs],
      ),
      ...deviceIds.flatMap((id) => shifts.get(id)?.map(({ atMs }) => atMs) ?? []),
    ].sort((a, b) => a - b);
  };
  return (deviceId, atMs) => {
    const sorted = edges.get(deviceId) ?? edgesOf(deviceId);
    edges.set(deviceId, sorted);
    const next = sorted.findIndex((edge) => edge > atMs);
    return {
      fromMs: sorted.at(next < 0 ? -1 : next - 1 < 0 ? sorted.length : next - 1) ?? Number.NEGATIVE_INFINITY,
      untilMs: next < 0 ? Number.POSITIVE_INFINITY : (sorted[next] as number),
    };
  };
}

/** The place of one tap. */
export function assign(tap: LocatedTap, facts: PlaceFacts, knownAsOfMs: number | null): Place {
  return createPlaceBook(facts).place(tap, knownAsOfMs);
}

/** What one fact says of the route. */
interface Word {
  readonly by: RouteBy;
  readonly factId: string | null;
  readonly routeId: string | null;
  readonly tripId: string | null;
  readonly directionId: DirectionId | null;
}

/** All that is said of a tap's route, strongest first. */
function wordsOf(
  tap: LocatedTap,
  by: { routes: readonly RouteAssignment[]; shifts: ShiftBook; device: DeviceAssignment | null },
  knownAsOfMs: number | null,
): Word[] {
  const planned = (kind: RouteAssignment['kind']): Word[] => {
    const fact = latestOf(
      by.routes.filter((route) => route.kind === kind),
      tap.fareAtMs,
      knownAsOfMs,
    );
    return fact === null ? [] : [{ ...fact, by: kind, factId: fact.assignmentId }];
  };
  const shift = by.shifts.shiftAt(tap, knownAsOfMs);
  const driven = (source: 'driver' | 'plan', name: RouteBy): Word[] =>
    shift?.source === source ? [{ ...shift, by: name, factId: shift.recordId }] : [];
  const { device } = by;
  return [
    ...planned('correction'),
    ...driven('driver', 'driver'),
    ...planned('plan'),
    ...driven('plan', 'vehicle-plan'),
    ...(device === null
      ? []
      : [{ ...device, directionId: null, by: 'device', factId: device.assignmentId } as const]),
    { ...tap.belief, by: 'belief', factId: null },
  ];
}

/**
 * The strongest word that names a route decides it. Where it leaves trip or direction open, the next ones that name the
 * same route may fill them in: a trip of another route never stands beside it.
 */
function routeOf(words: readonly Word[]): Omit<Place, 'vehicleId' | 'carrierId'> {
  const first = words.findIndex((word) => word.routeId !== null);
  const word = words[first];
  if (word === undefined) {
    const { tripId = null, directionId = null } = words.at(-1) ?? {};
    return { routeId: null, tripId, directionId, routeBy: 'none', routeFactId: null };
  }
  const agreeing = words.slice(first).filter((other) => other.routeId === word.routeId);
  const trip = agreeing.find((other) => other.tripId !== null);
  return {
    routeId: word.routeId,
    tripId: trip?.tripId ?? null,
    directionId: agreeing.find((other) => other.directionId !== null)?.directionId ?? null,
    routeBy: word.by,
    routeFactId: word.factId,
  };
}
