/**
 * One turn over times of taps: takes what became known of clocks, works out when the taps concerned took place, moves
 * them, and queues the account-days that they leave and enter. It runs while no prices are made (the gate of facts), so
 * no pricing transaction sees a tap in two days or in none.
 */
import { derivedAccountId } from './facts/account-of.ts';
import type { Close } from './facts/facts.ts';
import type { ClockRules } from './facts/fare-at.ts';
import { isFarFromReceipt } from './facts/fare-at.ts';
import { isLate, type RecordContext } from './facts/tap-of-record.ts';
import { type TapTime, type TapToTime, type TimeRules, timeOf } from './facts/tap-time.ts';
import type { AccountDayKey } from './ports.ts';

/** A tap to be looked at, with the time that was found for it before. */
export interface TapInHand {
  readonly tap: TapToTime;
  /** `null`: its own record's time counts so far. */
  readonly before: TapTime | null;
  /** Accounts that its medium was ever linked to. */
  readonly linkedAccounts: readonly string[];
}

/** A tap whose time is another now. */
export interface MovedTap {
  readonly tap: TapToTime;
  /** `null`: back to its own record's time. */
  readonly time: TapTime | null;
}

export interface ClockTransaction {
  /** Takes queued rows and loads the taps that they concern. */
  claim(rowsMax: number): Promise<{ claimed: number; taps: TapInHand[]; closes: Close[] }>;
  write(moved: readonly MovedTap[], enqueue: readonly AccountDayKey[]): Promise<void>;
}

/** Where clock evidence is stored. */
export interface ClockStore {
  /** Runs one transaction that holds the gate of facts alone; without anything queued it may run none. */
  settling<T>(nothing: T, work: (tx: ClockTransaction) => Promise<T>): Promise<T>;
}

export interface ClockOutcome {
  /** Rows taken from the queue; 0 = it was empty. */
  readonly claimed: number;
  readonly moved: number;
}

/** With what is said of a time's distance from its receipt. */
export type SettleRules = TimeRules &
  Pick<RecordContext, 'lateTapAcceptS'> & { readonly clock: Pick<ClockRules, 'farFromReceiptS'> };

/** Works off what became known of clocks. */
export function workClock(store: ClockStore, rules: SettleRules, rowsMax: number): Promise<ClockOutcome> {
  return store.settling<ClockOutcome>({ claimed: 0, moved: 0 }, async (tx) => {
    const { claimed, taps, closes } = await tx.claim(rowsMax);
    if (claimed === 0) return { claimed, moved: 0 };
    const { moved, enqueue } = settleTaps(taps, closes, rules);
    if (moved.length > 0) await tx.write(moved, enqueue);
    return { claimed, moved: moved.length };
  });
}

/** Which of these taps take place at another time than was thought, and the account-days that this concerns. */
export function settleTaps(
  taps: readonly TapInHand[],
  closes: readonly Close[],
  rules: SettleRules,
): { moved: MovedTap[]; enqueue: AccountDayKey[] } {
  const moved: MovedTap[] = [];
  const enqueue = new Map<string, AccountDayKey>();
  for (const { tap, before, linkedAccounts } of taps) {
    const time = flagged(tap, timeOf(tap, closes, rules), rules);
    if (same(time, before)) continue;
    moved.push({ tap, time });
    for (const accountId of [...linkedAccounts, derivedAccountId(tap.tokenId)]) {
      for (const { fareDay } of [time ?? tap, before ?? tap])
        enqueue.set(`${fareDay} ${accountId}`, { accountId, fareDay });
    }
  }
  return { moved, enqueue: [...enqueue.values()] };
}

/** A time that moved is early or late by itself: what the own time had said of the receipt does not hold for it. */
function flagged({ receivedAtMs }: TapToTime, time: TapTime | null, rules: SettleRules): TapTime | null {
  if (time === null) return null;
  const far = isFarFromReceipt(time.fareAtMs, receivedAtMs, rules.clock);
  const late = isLate(time.fareDay, receivedAtMs, rules);
  const flags = [
    ...time.flags,
    ...(far ? (['CLOCK_FAR_FROM_RECEIPT'] as const) : []),
    ...(late ? (['LATE'] as const) : []),
  ];
  return { ...time, flags: flags.sort() };
}

function same(a: TapTime | null, b: TapTime | null): boolean {
  if (a === null || b === null) return a === b;
  return (
    a.fareAtMs === b.fareAtMs &&
    a.uncertaintyMs === b.uncertaintyMs &&
    a.knownFromMs === b.knownFromMs &&
    a.flags.join() === b.flags.join()
  );
}
