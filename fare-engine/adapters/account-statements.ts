/**
 * Accounts as a pricing transaction holds them: locked in one order, each with its newest priced day, which is written once, at the
 * end. What other days hand on stands in `account_day`, which is written when it changes (docs/decisions/0148).
 */
import type pg from 'pg';
import { arrayText } from '#platform/copy-rows.ts';
import { NOTHING } from '#pricing/state-text.ts';
import type { AccountToLock, DayHead, PricingWrites } from '../ports.ts';
import { type Cell, PLAIN } from './plain-rows.ts';

/** The newest priced day of an account: null = it has none, undefined = it does not stand beside the account. */
export type KnownHead = DayHead['newest'] | undefined;

export interface LockedAccount {
  /** Of this transaction. */
  readonly version: bigint;
  /** Where its row lies (ctid); it stays there while it is locked. */
  place: string;
  head: KnownHead;
}

export type LockedAccounts = Map<string, LockedAccount>;

// Nobody else writes a row that is held, and it stays where it lies. The one is asked for, the other is looked at in the end.
const HOLD = 'FOR NO KEY UPDATE OF a';
const stayed = (written: number | null, held: number): boolean => written === held;

/**
 * Locks in id order what is there, and reads it: a row that somebody held comes out as that one has committed it. By ANY, not by a
 * join: a plan that was made while the table was known to be small would go through all of it for each chunk. $1 the accounts.
 */
export const LOCK_ACCOUNTS = `
  SELECT a.account_id, a.version, a.head_day, a.head_in, a.head_out, a.running, a.running_ms, a.ctid,
         a.derived_token_id IS NULL
    FROM fare.account AS a WHERE a.account_id = ANY ($1::text[])
   ORDER BY a.account_id COLLATE "C" ${HOLD}`;

/**
 * Makes what is missing, in id order. It waits for others who are making the same, never for who holds what is there: so nobody
 * waits in a circle. What another has made meanwhile does not come out, and is not locked.
 */
const MAKE_ACCOUNTS = `
  INSERT INTO fare.account (account_id, derived_token_id, version)
  SELECT account_id, derived_token_id, 0 FROM unnest($1::text[], $2::text[]) AS n (account_id, derived_token_id)
   ORDER BY account_id COLLATE "C"
  ON CONFLICT (account_id) DO NOTHING RETURNING account_id, ctid`;

const DERIVE_ACCOUNTS = `
  UPDATE fare.account AS a SET derived_token_id = n.derived_token_id
    FROM unnest($1::text[], $2::text[]) AS n (account_id, derived_token_id)
   WHERE a.account_id = ANY ($1::text[]) AND a.account_id = n.account_id AND a.derived_token_id IS NULL
  RETURNING a.account_id, a.ctid`;

/**
 * Locks accounts; of one that no transaction has priced before it is known that there is no priced day. `undefined`: another
 * transaction has made one of them meanwhile, and this one has to begin anew, since it may not lock it out of order.
 */
export async function lockAccounts(
  client: pg.ClientBase,
  accounts: readonly AccountToLock[],
): Promise<LockedAccounts | undefined> {
  const rowsOf = async (name: string, text: string, lists: readonly (readonly (string | null)[])[]) => {
    const values = lists.map(arrayText);
    return (await client.query<Cell[]>({ name, text, values, rowMode: 'array', types: PLAIN })).rows;
  };
  const ids = accounts.map(({ accountId }) => accountId);
  const rows = await rowsOf('fare.lock-accounts', LOCK_ACCOUNTS, [ids]);
  const locked: LockedAccounts = new Map(rows.map(lockedOf));
  const bare = new Set(rows.filter((row) => row[8]).map(([accountId]) => accountId));
  const missing = accounts.filter(({ accountId }) => !locked.has(accountId));
  const derived = accounts.filter((one) => one.derivedTokenId !== null && bare.has(one.accountId));
  const lists = (some: readonly AccountToLock[]) => [
    some.map(({ accountId }) => accountId),
    some.map(({ derivedTokenId }) => derivedTokenId),
  ];
  if (missing.length > 0) {
    const made = await rowsOf('fare.make-accounts', MAKE_ACCOUNTS, lists(missing));
    if (made.length < missing.length) return undefined;
    for (const [accountId, place] of made) locked.set(accountId, { version: 1n, place, head: null });
  }
  if (derived.length > 0) {
    const moved = await rowsOf('fare.derive-accounts', DERIVE_ACCOUNTS, lists(derived));
    for (const [accountId, place] of moved) (locked.get(accountId) as LockedAccount).place = place;
  }
  return locked;
}

function lockedOf(row: Cell[]): [string, LockedAccount] {
  const [accountId, before, fareDay, stateIn, stateOut, running, lastTapMs, place] = row;
  const noHead = before === 0 ? null : undefined;
  const head =
    fareDay === null
      ? noHead
      : {
          fareDay,
          stateIn: long(stateIn),
          stateOut: long(stateOut),
          baseIn: null,
          baseOut: null,
          running,
          lastTapMs,
        };
  return [accountId, { version: BigInt(before) + 1n, place, head }];
}

// Most days take nothing and hand nothing on: such a state is a sign beside the account, no JSON.
const EMPTY = '-';
const short = (state: string): string => (state === NOTHING ? EMPTY : state);
const long = (state: string): string => (state === EMPTY ? NOTHING : state);

type WrittenDay = PricingWrites['days'][number];

export interface AccountWrites {
  /** Days that are their accounts' newest from now on. */
  readonly heads: readonly WrittenDay[];
  /** Accounts whose newest day stays as it is. */
  readonly kept: readonly string[];
  /** Accounts whose newest day has to be looked up by whoever needs it next. */
  readonly forgotten: readonly string[];
  /** Stored days that hand on something else than before. */
  readonly changed: readonly WrittenDay[];
}

/** What becomes of the locked accounts. */
export function accountWrites(accounts: LockedAccounts, writes: PricingWrites): AccountWrites {
  const touched = new Map<string, (WrittenDay | { fareDay: string })[]>();
  for (const day of [...writes.days, ...writes.emptied]) {
    const days = touched.get(day.accountId);
    if (days === undefined) touched.set(day.accountId, [day]);
    else days.push(day);
  }
  const found = { heads: [] as WrittenDay[], kept: [] as string[], forgotten: [] as string[] };
  for (const [accountId, { head }] of accounts) {
    const days = touched.get(accountId) ?? [];
    const [only, ...others] = days;
    if (only === undefined || (head && days.every(({ fareDay }) => fareDay < head.fareDay)))
      found.kept.push(accountId);
    else if (others.length === 0 && mayLead(only, head)) found.heads.push(only);
    else found.forgotten.push(accountId);
  }
  const changed = writes.days.filter((day) => !day.isNew && handsOn(day, accounts.get(day.accountId)?.head));
  return { ...found, changed };
}

function mayLead(day: WrittenDay | { fareDay: string }, head: KnownHead): day is WrittenDay {
  if (!('stateIn' in day) || day.baseIn !== null || day.baseOut !== null) return false;
  return head === null || (head !== undefined && head.fareDay <= day.fareDay);
}

/** Whether it hands on something else than what is stored of it, as far as that is known. */
function handsOn(day: WrittenDay, head: KnownHead): boolean {
  return (
    !head ||
    head.fareDay !== day.fareDay ||
    head.stateIn !== day.stateIn ||
    head.stateOut !== day.stateOut ||
    head.baseIn !== day.baseIn ||
    head.baseOut !== day.baseOut
  );
}

// States are JSON, which has no control characters: lists of them are parted by one, and no letter has to be escaped.
const PART = '\u001e';
const states = (n: number): string => `string_to_array($${n}, chr(30), '')`;

const SET_HEADS = `
  UPDATE fare.account AS a SET version = a.version + 1, head_day = r.fare_day, head_in = r.state_in,
    head_out = r.state_out, running = r.running, running_ms = r.running_ms
  FROM unnest($1::tid[], $2::date[], ${states(3)}, ${states(4)}, ${states(5)}, $6::bigint[])
    AS r (place, fare_day, state_in, state_out, running, running_ms)
  WHERE a.ctid = r.place`;

const KEEP_HEADS = 'UPDATE fare.account SET version = version + 1 WHERE account_id = ANY ($1::text[])';

const FORGET_HEADS = `
  UPDATE fare.account SET version = version + 1, head_day = NULL, head_in = NULL, head_out = NULL, running = NULL,
    running_ms = NULL WHERE account_id = ANY ($1::text[])`;

/** Gives each locked account its new version, and its newest day. */
export async function writeAccounts(
  client: pg.ClientBase,
  locked: LockedAccounts,
  { heads, kept, forgotten }: AccountWrites,
): Promise<void> {
  if (kept.length > 0) await client.query(KEEP_HEADS, [arrayText(kept)]);
  if (forgotten.length > 0) await client.query(FORGET_HEADS, [arrayText(forgotten)]);
  if (heads.length === 0) return;
  const { rowCount } = await client.query({
    name: 'fare.set-heads',
    text: SET_HEADS,
    values: [
      arrayText(heads.map(({ accountId }) => (locked.get(accountId) as LockedAccount).place)),
      arrayText(heads.map(({ fareDay }) => fareDay)),
      heads.map(({ stateIn }) => short(stateIn)).join(PART),
      heads.map(({ stateOut }) => short(stateOut)).join(PART),
      heads.map(({ running }) => running ?? '').join(PART),
      `{${heads.map(({ lastTapMs }) => lastTapMs ?? 'NULL').join(',')}}`,
    ],
  });
  if (!stayed(rowCount, heads.length))
    throw new Error('an account was written by others while it was locked');
}
