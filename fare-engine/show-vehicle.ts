/** Which facts say where a vehicle was at an instant: the dispatcher's question, answered from the facts themselves. */
import { placeColumns, placeTables } from './adapters/place-statements.ts';
import { onOneSnapshot, type Queryable, type ReaderPool, rowsOf } from './database-reader.ts';
import { createPlaceBook, type Place, type PlaceFacts } from './facts/assign.ts';
import { covers } from './facts/facts.ts';

/** A vehicle at an instant. */
export interface VehicleAnswer {
  readonly vehicleId: string;
  readonly atMs: number;
  /** What holds for a tap on each of its validators. */
  readonly devices: readonly ({ readonly deviceId: string } & Place)[];
  /** Every fact that covers the instant, in force or outdone by another. */
  readonly facts: PlaceFacts;
}

/** Reads it under the auditor's role. `fareDay` is that of the instant. */
export function showVehicle(
  pool: ReaderPool,
  vehicleId: string,
  atMs: number,
  fareDay: string,
): Promise<VehicleAnswer> {
  return onOneSnapshot(pool, async (client) => {
    const facts = await factsOf(client, vehicleId, atMs, fareDay);
    const book = createPlaceBook(facts);
    const ids = [...new Set(facts.assignments.map((fact) => fact.deviceId))].sort();
    const belief = { vehicleId: null, routeId: null, tripId: null, directionId: null };
    const devices = ids
      .map((deviceId) => ({
        deviceId,
        ...book.place({ deviceId, fareAtMs: atMs, fareDay, belief }, null),
      }))
      .filter((device) => device.vehicleId === vehicleId);
    const here = {
      ...facts,
      assignments: facts.assignments.filter((fact) => covers(fact, atMs)),
    };
    return { vehicleId, atMs, devices, facts: here };
  });
}

async function factsOf(
  client: Queryable,
  vehicleId: string,
  atMs: number,
  fareDay: string,
): Promise<PlaceFacts> {
  const [found] = await rowsOf<{ [K in keyof PlaceFacts]: PlaceFacts[K] | null }>(
    client,
    `WITH span AS MATERIALIZED (
       SELECT DISTINCT device_id, $3::date AS fare_day, $2::bigint AS first_ms, $2::bigint AS last_ms
       FROM fare.device_assignment WHERE vehicle_id = $1 AND valid_from_ms <= $2
         AND (valid_until_ms IS NULL OR valid_until_ms > $2)),
     ${placeTables('span')}
     SELECT ${placeColumns('span')}`,
    [vehicleId, atMs, fareDay],
  );
  return {
    assignments: found?.assignments ?? [],
    carriers: (found?.carriers ?? []).filter((fact) => fact.vehicleId === vehicleId),
    routes: found?.routes ?? [],
    shifts: found?.shifts ?? [],
  };
}
