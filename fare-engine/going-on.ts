/**
 * Which account-days a tap goes on with: an open day whose taps are all before it is not read and priced again, the tap is
 * priced from the state after the last one. It comes out as if the whole day had been priced (tests/fare-engine/
 * any-order.property.test.ts). Whatever else becomes known of a day queues it, and then it is priced whole.
 */
import { closeOf } from './facts/account-day.ts';
import type { Close, StoredTap } from './facts/facts.ts';
import type { AccountDayKey, DayHead, DaySurroundings } from './ports.ts';

/** An account-day with its new taps. */
export interface TappedDay extends AccountDayKey {
  readonly taps: readonly StoredTap[];
  /** Each tap's medium has one token and stands for nobody else's. */
  readonly isPlain: boolean;
}

/** Splits account-days with new taps; `heads` are what is stored of them, in the same order. */
export function splitDays<K extends TappedDay>(
  keys: readonly K[],
  heads: readonly DayHead[],
  closes: readonly Close[],
): { whole: K[]; goingOn: K[]; surroundings: DaySurroundings[] } {
  const days = new Map<string, number>();
  for (const { accountId } of keys) days.set(accountId, (days.get(accountId) ?? 0) + 1);
  const split = { whole: [] as K[], goingOn: [] as K[], surroundings: [] as DaySurroundings[] };
  for (const [index, key] of keys.entries()) {
    const head = heads[index] as DayHead;
    // Of several days the later would have to wait for what the earlier one hands on.
    if (days.get(key.accountId) !== 1 || closeOf(key.fareDay, closes) !== null || !goesOn(key, head)) {
      split.whole.push(key);
      continue;
    }
    split.goingOn.push(key);
    split.surroundings.push(surroundingsOf(key, head));
  }
  return split;
}

function goesOn({ fareDay, taps, isPlain }: TappedDay, { newest }: DayHead): boolean {
  if (!isPlain || taps.some(({ passBackOf }) => passBackOf !== null)) return false;
  if (newest === null) return true;
  if (newest.fareDay < fareDay) return newest.baseOut === null && !newest.stateOut.includes('"journeys":');
  if (newest.fareDay > fareDay || newest.running === null) return false;
  // Of equal instants the ids decide: then the whole day is put in order.
  return taps.every(({ fareAtMs }) => fareAtMs > (newest.lastTapMs as number));
}

function surroundingsOf({ accountId, fareDay }: AccountDayKey, { newest }: DayHead): DaySurroundings {
  const isStored = newest?.fareDay === fareDay;
  return {
    accountId,
    fareDay,
    previous: isStored ? null : newest,
    stored: isStored ? newest : null,
    next: null,
  };
}
