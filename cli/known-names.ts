/**
 * Whether the city knows a name that somebody typed. The engine takes a fact about any: a device may be named before it taps, a
 * card before it is seen. So what is most likely mistyped is refused here, in words, where it can be known.
 */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type pg from 'pg';
import { loadCity } from '#platform/city-data.ts';
import { openTable } from '#pricing/gtfs/row-reader.ts';
import { kinTable } from '../fare-engine/adapters/kin-statements.ts';
import { rowsOf } from '../fare-engine/database-reader.ts';
import { hearsAnswers, openAuditDatabase, type VisitorRole } from './audit-database.ts';
import { type CommandIo, UsageError } from './command.ts';

interface Where {
  readonly data?: string | undefined;
}

/**
 * Refuses a carrier that the city does not have: its rides would be settled with nobody. One that has left the feed still signs
 * for its months as long as city.yaml names it. @throws UsageError
 */
export function refuseUnknownCarrier(carrierId: string | undefined, cityDir: string | null): void {
  const known = feedRows(cityDir, 'agency.txt', 'agency_id').flatMap(([id]) => (id ? [id] : []));
  if (carrierId === undefined || cityDir === null || known.length === 0 || known.includes(carrierId)) return;
  const settled = Object.keys(loadCity(cityDir).city.settlement?.carriers ?? {});
  if (settled.includes(carrierId)) return;
  const all = [...new Set([...known, ...settled])].sort().join(', ');
  throw new UsageError(
    `this city has no carrier ${JSON.stringify(carrierId)}; write an agency_id of agency.txt, or one of city.yaml's settlement: ${all}`,
  );
}

/** Refuses a trip that the city's feed does not have, or has on another route. @throws UsageError */
export function refuseUnknownTrip(
  tripId: string | undefined,
  routeId: string | undefined,
  cityDir: string | null,
): void {
  if (tripId === undefined) return;
  const trips = feedRows(cityDir, 'trips.txt', 'trip_id', 'route_id');
  if (trips.length === 0) return;
  const trip = trips.find(([id]) => id === tripId);
  if (trip === undefined)
    throw new UsageError(
      `the feed of this city has no trip ${JSON.stringify(tripId)}; leave --trip out for one of an earlier feed`,
    );
  const [, route] = trip;
  if (route !== routeId)
    throw new UsageError(`the trip ${JSON.stringify(tripId)} is one of the route ${route}`);
}

/** Values of some columns, read as the rest of the feed is: what is wrong with the file is no matter of a name. */
function feedRows(cityDir: string | null, name: string, ...columns: string[]): string[][] {
  const file = cityDir === null ? undefined : join(cityDir, 'gtfs', name);
  if (file === undefined || !existsSync(file)) return [];
  const rows: string[][] = [];
  const table = openTable(new Map([[name, readFileSync(file)]]), name, [], []);
  table?.each((row) => void rows.push(columns.map((column) => row.text(column))));
  return rows;
}

/** Refuses a device for which nobody has made a code and that has no key. @throws UsageError */
export async function refuseUnknownDevice(
  deviceId: string | undefined,
  where: Where,
  io: CommandIo,
): Promise<void> {
  if (deviceId === undefined) return;
  const known = await ask(where, io, 'office_runtime', [
    // Who is a part of the city, and no device, is told so by whoever is asked to do something with it.
    `SELECT FROM ingest.enrolment_code WHERE device_id = $1
     UNION ALL SELECT FROM ingest.device_key WHERE device_id = $1
     UNION ALL SELECT FROM ingest.broker_client WHERE client_id = $1 LIMIT 1`,
    [deviceId],
  ]);
  if (known) return;
  throw new UsageError(
    `this city has no device ${JSON.stringify(deviceId)}: kvytok device list shows those it has, kvytok device new ${deviceId} makes a code for a new one`,
  );
}

/** Says where nothing speaks of a vehicle yet: there is no register of them, so it may be new, or mistyped. */
export async function sayNewVehicle(
  vehicleId: string | undefined,
  where: Where,
  io: CommandIo,
): Promise<void> {
  if (vehicleId === undefined || !hearsAnswers(where.data, io)) return;
  const known = await ask(where, io, 'auditor_runtime', [
    `SELECT FROM fare.device_assignment WHERE vehicle_id = $1
     UNION ALL SELECT FROM fare.vehicle_assignment WHERE vehicle_id = $1 LIMIT 1`,
    [vehicleId],
  ]);
  if (!known)
    io.stderr.write(
      `The vehicle ${JSON.stringify(vehicleId)} is new here: so far no device rides on it and it drives for nobody.\n`,
    );
}

/** Says where nobody spoke of an account yet: a right or a pass may come before its first card, or its name is mistyped. */
export async function sayNewAccount(accountId: string, where: Where, io: CommandIo): Promise<void> {
  if (!hearsAnswers(where.data, io)) return;
  if (await ask(where, io, 'auditor_runtime', [ACCOUNT, [accountId]])) return;
  io.stderr.write(
    `The account ${JSON.stringify(accountId)} is new here: so far it has no card, right, pass or ride.\n`,
  );
}

/** Whether anything is known of an account, `$1`. */
export const ACCOUNT = `
  SELECT FROM fare.account_day WHERE account_id = $1
  UNION ALL SELECT FROM fare.media_link WHERE account_id = $1
  UNION ALL SELECT FROM fare.entitlement WHERE account_id = $1
  UNION ALL SELECT FROM fare.pass_holding WHERE account_id = $1
  UNION ALL SELECT FROM fare.wallet_credit WHERE account_id = $1 LIMIT 1`;

/**
 * Refuses to deny a card of which nothing is known, and to allow one of which nobody said anything: a mistyped token would
 * leave the card that was meant as it is. Where the facts cannot be read nothing is refused. @throws UsageError
 */
export async function refuseUnknownToken(
  what: 'add' | 'remove',
  tokenId: string,
  where: Where,
  io: CommandIo,
): Promise<void> {
  if (!hearsAnswers(where.data, io)) return;
  if (await ask(where, io, 'auditor_runtime', [what === 'add' ? SEEN : DENIED, [tokenId]])) return;
  const why =
    what === 'add'
      ? 'it has never tapped, is linked to no account and was issued at no desk'
      : 'it was never denied';
  throw new UsageError(
    `nothing is known of the card ${JSON.stringify(tokenId)}: ${why}. Is the token mistyped? --unseen hands it in all the same`,
  );
}

/** Under any token of the medium: a word on one of them is a word on all. */
const KIN = `WITH RECURSIVE ${kinTable('kin', 'SELECT $1::text', 'medium')}`;
const of = (table: string, column = 'token_id', where = 'true') =>
  `SELECT FROM kin CROSS JOIN LATERAL (SELECT FROM fare.${table} AS f WHERE f.${column} = kin.token_id AND ${where} LIMIT 1) AS f`;
const anyOf = (...parts: string[]) => `${KIN} ${parts.join(' UNION ALL ')} LIMIT 1`;
const REPLACED = [of('medium_replacement'), of('medium_replacement', 'replaces_token_id')];

/** Whether anything was said of a token as denied, `$1`. */
export const DENIED = anyOf(of('deny_entry'), of('card_denial'), ...REPLACED);
/** Whether anything is known of a token, `$1`. */
export const SEEN = anyOf(
  // Only what was issued takes another card's place: its index has no other rows.
  ...[of('tap'), of('media_link'), of('card_act'), of('card_act', 'replaces_token_id', "f.act = 'issued'")],
  ...[of('deny_entry'), of('medium_par'), ...REPLACED],
);

async function ask(
  where: Where,
  io: CommandIo,
  role: VisitorRole,
  query: readonly [string, unknown[]],
): Promise<boolean> {
  const { pool }: { pool: pg.Pool } = openAuditDatabase(where.data, io, role);
  try {
    return (await rowsOf(pool, ...query)).length > 0;
  } finally {
    await pool.end();
  }
}
