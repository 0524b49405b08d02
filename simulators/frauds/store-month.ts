/**
 * Puts a simulated month into a database as facts: taps with their decisions, rights, assignments, shifts. For benchmarks and
 * tests of what reads them; prices are of no account here.
 */
import type { Month } from './honest-month.ts';

/** What is needed of a connection. */
export interface FactsWriter {
  query(text: string, values?: unknown[]): Promise<unknown>;
}

const ROWS_AT_ONCE = 5000;

/** Stores it whole. */
export async function storeMonth(client: FactsWriter, month: Month): Promise<void> {
  await store(client, INSERT_PLACES, placesOf(month));
  await store(client, INSERT_SHIFTS, shiftsOf(month));
  await store(client, INSERT_RIGHTS, rightsOf(month));
  const taps = month.accounts.flatMap(({ accountId, taps: mine }) =>
    mine.map((tap) => ({ accountId, ...tap })),
  );
  await store(
    client,
    INSERT_TAPS,
    taps.map((tap, at) => ({
      ...tap,
      seq: at + 1,
      atMs: Math.round(tap.atMs),
      kind: tap.ride ? 'ride' : 'same-ride',
    })),
  );
}

async function store(client: FactsWriter, statement: string, rows: readonly object[]): Promise<void> {
  for (let at = 0; at < rows.length; at += ROWS_AT_ONCE)
    await client.query(statement, [JSON.stringify(rows.slice(at, at + ROWS_AT_ONCE))]);
}

const placesOf = ({ plan }: Month) =>
  plan.vehicles.flatMap(({ vehicleId, carrierId, devices }) =>
    devices.map((deviceId) => ({ deviceId, vehicleId, carrierId })),
  );

const shiftsOf = ({ vehicleDays }: Month) =>
  vehicleDays
    .filter((day) => day.untilMs > day.fromMs)
    .flatMap(({ vehicle, fareDay, runs, fromMs, untilMs }) =>
      (['open', 'close'] as const).map((action) => ({
        recordId: `${vehicle.vehicleId} ${fareDay} ${action}`,
        deviceId: vehicle.devices[0],
        action,
        routeId: runs[0]?.trip.routeId,
        fareDay,
        atMs: action === 'open' ? fromMs : untilMs,
      })),
    );

const rightsOf = ({ accounts }: Month) =>
  accounts.flatMap(({ accountId, rights }) =>
    rights.map((right, at) => ({
      entitlementId: `${accountId}-${at}`,
      accountId,
      ...right,
      validFromMs: Math.round(right.validFromMs),
      grantedUntilMs:
        right.endReason === null && right.validUntilMs !== null ? Math.round(right.validUntilMs) : null,
      revokedAtMs:
        right.endReason === null || right.validUntilMs === null ? null : Math.round(right.validUntilMs),
    })),
  );

const INSERT_PLACES = `
  INSERT INTO fare.device_assignment (assignment_id, device_id, vehicle_id, carrier_id, valid_from_ms, known_from_ms)
  SELECT gen_random_uuid(), "deviceId", "vehicleId", "carrierId", 0, 0
  FROM json_to_recordset($1) AS r ("deviceId" text, "vehicleId" text, "carrierId" text)`;

const INSERT_SHIFTS = `
  INSERT INTO fare.shift (record_id, device_id, action, source, route_id, fare_day, at_ms, received_at_ms)
  SELECT "recordId", "deviceId", action, 'driver', "routeId", "fareDay", "atMs", "atMs"
  FROM json_to_recordset($1) AS r ("recordId" text, "deviceId" text, action text, "routeId" text, "fareDay" date,
    "atMs" bigint)`;

const INSERT_RIGHTS = `
  WITH said AS MATERIALIZED (
    SELECT * FROM json_to_recordset($1) AS r ("entitlementId" text, "accountId" text, "concessionId" text,
      "validFromMs" bigint, "grantedUntilMs" bigint, "revokedAtMs" bigint, "endReason" text)),
  granted AS (
    INSERT INTO fare.entitlement (entitlement_id, account_id, concession_id, valid_from_ms, valid_until_ms, known_from_ms)
    SELECT "entitlementId", "accountId", "concessionId", "validFromMs", "grantedUntilMs", 0 FROM said)
  INSERT INTO fare.entitlement_revocation (revocation_id, entitlement_id, valid_until_ms, reason, known_from_ms)
  SELECT gen_random_uuid(), "entitlementId", "revokedAtMs", "endReason", "revokedAtMs" FROM said
  WHERE "revokedAtMs" IS NOT NULL`;

const INSERT_TAPS = `
  WITH said AS MATERIALIZED (
    SELECT * FROM json_to_recordset($1) AS r ("accountId" text, "tapId" text, seq bigint, "fareDay" date, "atMs" bigint,
      "uncertaintyMs" bigint, "deviceId" text, "vehicleId" text, "carrierId" text, "routeId" text, "tripId" text,
      "stopId" text, "tokenId" text, kind text, "concessionId" text, claimed boolean)),
  tapped AS (
    INSERT INTO fare.tap (tap_id, device_id, epoch, seq, record_sha256, token_id, medium_kind, direction, companions,
      fare_day, fare_at_ms, uncertainty_ms, stop_id, flags, received_at_ms)
    SELECT "tapId", "deviceId", repeat('0', 32), seq, decode(repeat('00', 32), 'hex'), "tokenId", 'social', 'in', 0,
      "fareDay", "atMs", "uncertaintyMs", "stopId", '{}', "atMs" FROM said)
  INSERT INTO fare.decision (tap_id, revision, account_id, account_version, fare_day, kind, vehicle_id, carrier_id, route_id,
    trip_id, currency, gross_minor, rider_minor, transfer_minor, concession_minor, pass_minor, cap_minor, loss_minor,
    concession_id, claim_ride, steps, line_sha256, posted_revision, decided_at_ms)
  SELECT "tapId", 1, "accountId", 1, "fareDay", kind, "vehicleId", "carrierId", "routeId", "tripId", 'UAH', amount, rest, 0,
    conceded, 0, 0, 0, "concessionId", claimed, '[]', decode(repeat('00', 32), 'hex'), 1, "atMs"
  FROM said CROSS JOIN LATERAL (SELECT CASE WHEN kind = 'ride' THEN 1000 ELSE 0 END AS amount) AS a
  CROSS JOIN LATERAL (SELECT CASE WHEN claimed THEN amount ELSE 0 END AS conceded) AS c
  CROSS JOIN LATERAL (SELECT amount - conceded AS rest) AS b`;
