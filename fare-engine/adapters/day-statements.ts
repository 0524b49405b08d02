/**
 * What is stored of some account-days, as rows: JSON of a thousand taps costs the server more to make than it takes to find
 * them (docs/decisions/0138). Each look-up is by index (OFFSET 0), so that its cost follows the days concerned.
 */
import type pg from 'pg';
import { arrayText } from '#platform/copy-rows.ts';
import type { PricedTap } from '../facts/facts.ts';
import type { Decided } from '../ledger/decision.ts';
import type { AccountDayKey, DayHead, DaySurroundings, StoredDay } from '../ports.ts';
import type { LockedAccounts } from './account-statements.ts';
import { kinTable } from './kin-statements.ts';
import { type Cell, PLAIN } from './plain-rows.ts';

/**
 * Tables of a WITH: `key`, the account-days of $1 and $2; `seed_day`, tokens that were ever these accounts'; `kin`, all
 * tokens of their families; `token_day`, under which token a tap of which day may be theirs.
 */
export const KEY_TABLES = `
key AS MATERIALIZED (
  SELECT account_id, fare_day FROM unnest($1::text[], $2::date[]) AS k (account_id, fare_day)),
seed_day AS MATERIALIZED (
  SELECT a.derived_token_id AS token_id, k.fare_day FROM key k CROSS JOIN LATERAL (
    SELECT derived_token_id FROM fare.account a WHERE a.account_id = k.account_id OFFSET 0) AS a
   WHERE a.derived_token_id IS NOT NULL
  UNION
  SELECT l.token_id, k.fare_day FROM key k CROSS JOIN LATERAL (
    SELECT token_id FROM fare.media_link l WHERE l.account_id = k.account_id OFFSET 0) AS l),
${kinTable('kin', 'SELECT DISTINCT token_id FROM seed_day')},
token_day AS MATERIALIZED (
  SELECT DISTINCT k.token_id, s.fare_day FROM seed_day s JOIN kin k ON k.seed = s.token_id)`;

const TAP = `tap_id, device_id, token_id, medium_kind, direction, companions, bags, fare_day, fare_at_ms, uncertainty_ms,
  belief_vehicle_id, belief_route_id, belief_trip_id, belief_direction_id, stop_id, stop_unsure, pass_back_of,
  known_from_ms`;
const DECIDED = `tap_id, revision, account_id, fare_day, kind, carrier_id, funding_id, currency, rider_minor,
  concession_minor, loss_minor, cap_minor, line_sha256, posted_revision, penalty`;
const columns = (alias: string, list: string): string =>
  list.replaceAll(/\w+/g, (name) => `${alias}.${name}`);
const nulls = (list: string): string => list.replaceAll(/\w+/g, 'NULL');
const LATEST = 'SELECT * FROM fare.decision x WHERE x.tap_id = one.tap_id ORDER BY x.revision DESC LIMIT 1';

/**
 * Taps that may be these account-days', each with its latest decision; then decisions of these days whose taps are
 * another's now. $1, $2 the keys.
 */
const LOAD_TAPS = `
WITH RECURSIVE ${KEY_TABLES},
old AS MATERIALIZED (
  SELECT t.* FROM token_day k CROSS JOIN LATERAL (SELECT * FROM fare.timed_tap t
     WHERE t.token_id = k.token_id AND t.fare_day = k.fare_day OFFSET 0) AS t),
gone AS (
  SELECT DISTINCT d.tap_id FROM key k CROSS JOIN LATERAL (SELECT tap_id FROM fare.decision d
     WHERE d.account_id = k.account_id AND d.fare_day = k.fare_day OFFSET 0) AS d
   WHERE NOT EXISTS (SELECT FROM old WHERE old.tap_id = d.tap_id))
SELECT ${columns('one', TAP)}, ${columns('d', DECIDED)}
  FROM old AS one LEFT JOIN LATERAL (${LATEST}) AS d ON true
UNION ALL
SELECT ${nulls(TAP)}, ${columns('d', DECIDED)}
  FROM gone AS one CROSS JOIN LATERAL (${LATEST}) AS d`;

const STATES = 'fare_day, state_in, state_out, base_in, base_out';
// The neighbour in the primary key: so no plan, made over whatever tables, can take the index over days alone.
const stateOf = (alias: string, which: '<' | '>=' | '>', order: 'ASC' | 'DESC', also = ''): string => `
  LEFT JOIN LATERAL (SELECT * FROM fare.account_day a
     WHERE (a.account_id, a.fare_day) ${which} (k.account_id, k.fare_day)
     ORDER BY a.account_id ${order}, a.fare_day ${order} LIMIT 1) AS ${alias}
    ON ${alias}.account_id = k.account_id${also}`;

/** States of the account-days $1, $2: of the priced day before each, of the day itself and of the priced day after it. */
const LOAD_STATES = `
SELECT k.account_id, k.fare_day, ${columns('p', STATES)}, ${columns('s', STATES)}, ${columns('n', STATES)}
  FROM unnest($1::text[], $2::date[]) AS k (account_id, fare_day)
  ${stateOf('p', '<', 'DESC')} ${stateOf('s', '>=', 'ASC', ' AND s.fare_day = k.fare_day')} ${stateOf('n', '>', 'ASC')}`;

export interface StoredDays {
  readonly taps: readonly PricedTap[];
  readonly decided: readonly Decided[];
  readonly surroundings: readonly DaySurroundings[];
}

/** Loads what is stored of account-days. Their accounts are locked: nobody changes it meanwhile. */
export async function loadStoredDays(
  client: pg.ClientBase,
  keys: readonly AccountDayKey[],
  accounts: LockedAccounts,
): Promise<StoredDays> {
  if (keys.length === 0) return { taps: [], decided: [], surroundings: [] };
  const values = [
    arrayText(keys.map(({ accountId }) => accountId)),
    arrayText(keys.map(({ fareDay }) => fareDay)),
  ];
  const rowsOf = async (name: string, text: string): Promise<Cell[][]> => {
    const config = { name, text, values, rowMode: 'array' as const, types: PLAIN };
    return (await client.query<Cell[]>(config)).rows;
  };
  const rows = await rowsOf('fare.load-taps', LOAD_TAPS);
  const states = await rowsOf('fare.load-states', LOAD_STATES);
  return {
    taps: rows.flatMap((row) => (row[0] === null ? [] : [tapOf(row)])),
    decided: rows.flatMap((row) => (row[DECIDED_FROM] === null ? [] : [decidedOf(row)])),
    surroundings: states.map((row) => running(surroundingsOf(row), accounts)),
  };
}

const DECIDED_FROM = TAP.split(',').length;

function tapOf(row: readonly Cell[]): PricedTap {
  const [tapId, deviceId, tokenId, mediumKind, direction, companions, bags, fareDay] = row;
  const [fareAtMs, uncertaintyMs, vehicleId, routeId, tripId, directionId] = row.slice(8);
  const [stopId, stopUnsure, passBackOf, receivedAtMs] = row.slice(14);
  return {
    ...{
      tapId,
      deviceId,
      tokenId,
      mediumKind,
      direction,
      companions,
      bags,
      fareDay,
      fareAtMs,
      uncertaintyMs,
    },
    belief: { vehicleId, routeId, tripId, directionId },
    ...{ stopId, stopUnsure, passBackOf, receivedAtMs },
  };
}

function decidedOf(row: readonly Cell[]): Decided {
  const [tapId, revision, accountId, fareDay, kind, carrierId, fundingId, currency] = row.slice(DECIDED_FROM);
  const [rider, concession, loss, cap, lineSha256, postedRevision, penalty] = row.slice(DECIDED_FROM + 8);
  return {
    ...{ tapId, revision, accountId, fareDay, kind, carrierId, fundingId, currency },
    riderMinor: BigInt(rider),
    concessionMinor: BigInt(concession),
    lossMinor: BigInt(loss),
    capMinor: BigInt(cap),
    lineSha256: lineSha256.slice(2),
    postedRevision,
    penalty,
  };
}

function surroundingsOf([accountId, fareDay, ...rest]: readonly Cell[]): DaySurroundings {
  const states = (from: number): (StoredDay & { fareDay: string }) | null => {
    const [day, stateIn, stateOut, baseIn, baseOut] = rest.slice(from, from + 5);
    const unknown = { running: null, lastTapMs: null };
    return day === null ? null : { fareDay: day, stateIn, stateOut, baseIn, baseOut, ...unknown };
  };
  return { accountId, fareDay, previous: states(0), stored: states(5), next: states(10) };
}

/** From where the day is gone on with: that stands beside its account, if it is the newest. */
function running(found: DaySurroundings, accounts: LockedAccounts): DaySurroundings {
  const head = accounts.get(found.accountId)?.head;
  if (!head || found.stored === null || head.fareDay !== found.fareDay) return found;
  const { running, lastTapMs } = head;
  return { ...found, stored: { ...found.stored, running, lastTapMs } };
}

/** The newest priced day of each account of $1, asked for with $2. By the end of its rows in the primary key. */
const LOAD_HEADS = `
SELECT k.account_id, k.fare_day, ${columns('a', STATES)}
  FROM unnest($1::text[], $2::date[]) AS k (account_id, fare_day)
  LEFT JOIN LATERAL (SELECT * FROM fare.account_day a
     WHERE (a.account_id, a.fare_day) <= (k.account_id, 'infinity'::date)
     ORDER BY a.account_id DESC, a.fare_day DESC LIMIT 1) AS a ON a.account_id = k.account_id`;

/** Newest priced days, in the order of the keys. What does not stand beside the locked accounts is looked up, and kept with them. */
export async function loadHeads(
  client: pg.ClientBase,
  keys: readonly AccountDayKey[],
  accounts: LockedAccounts,
): Promise<DayHead[]> {
  const asked = keys.filter(({ accountId }) => accounts.get(accountId)?.head === undefined);
  if (asked.length > 0) {
    const { rows } = await client.query<Cell[]>({
      name: 'fare.load-heads',
      text: LOAD_HEADS,
      values: [
        arrayText(asked.map(({ accountId }) => accountId)),
        arrayText(asked.map(({ fareDay }) => fareDay)),
      ],
      rowMode: 'array',
      types: PLAIN,
    });
    for (const row of rows) {
      const { accountId, previous: newest } = surroundingsOf(row);
      const account = accounts.get(accountId);
      if (account !== undefined) account.head = newest as DayHead['newest'];
    }
  }
  return keys.map(({ accountId, fareDay }) => ({
    accountId,
    fareDay,
    newest: accounts.get(accountId)?.head ?? null,
  }));
}
