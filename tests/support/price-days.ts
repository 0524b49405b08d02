/** Prices taps day after day, as the fare engine does: whole, or a late one after the others. */
import type { AccountDay, PricedLine, PricingState, TapFact } from '#pricing/model.ts';
import { INITIAL_STATE } from '#pricing/model.ts';
import { stateText } from '#pricing/state-text.ts';
import type { TariffTimeline } from '#pricing/tariff-timeline.ts';
import { CALENDAR, priceDay } from './tariff.ts';

/** Facts of an account other than its taps. */
export type Rights = Partial<Pick<AccountDay, 'entitlements' | 'passes' | 'knownAsOfMs'>>;

const dayOf = (tap: TapFact): string => CALENDAR.fareDayOf(tap.fareAtMs);
const daysOf = (taps: readonly TapFact[]): string[] => [...new Set(taps.map(dayOf))].sort();

/** Lines of all taps, by day and time. */
export function priceDays(
  tariffs: TariffTimeline,
  taps: readonly TapFact[],
  rights: Rights = {},
): PricedLine[] {
  return walk(tariffs, taps, rights).lines;
}

/** What the last day hands on. */
export function stateAfter(
  tariffs: TariffTimeline,
  taps: readonly TapFact[],
  rights: Rights = {},
): PricingState {
  return walk(tariffs, taps, rights).state;
}

function walk(tariffs: TariffTimeline, taps: readonly TapFact[], rights: Rights) {
  const lines: PricedLine[] = [];
  let stateIn = INITIAL_STATE;
  for (const fareDay of daysOf(taps)) {
    const mine = taps.filter((t) => dayOf(t) === fareDay);
    const priced = priceDay(tariffs, mine, { ...rights, fareDay, stateIn });
    lines.push(...priced.lines);
    stateIn = priced.stateOut;
  }
  return { lines, state: stateIn };
}

/** Prices without one tap, then adds it: from its day on, until a day hands on what it handed on before. */
export function priceLate(
  tariffs: TariffTimeline,
  taps: readonly TapFact[],
  late: TapFact,
  rights: Rights = {},
): PricedLine[] {
  const days = daysOf(taps);
  const price = (fareDay: string, list: readonly TapFact[], stateIn: typeof INITIAL_STATE) =>
    priceDay(
      tariffs,
      list.filter((t) => dayOf(t) === fareDay),
      { ...rights, fareDay, stateIn },
    );
  const stored = new Map<string, ReturnType<typeof priceDay>>();
  let state = INITIAL_STATE;
  const others = taps.filter((t) => t !== late);
  for (const day of days) {
    const priced = price(day, others, state);
    stored.set(day, priced);
    state = priced.stateOut;
  }
  const first = days.indexOf(dayOf(late));
  state = stored.get(days[first - 1] ?? '')?.stateOut ?? INITIAL_STATE;
  for (const day of days.slice(first)) {
    const priced = price(day, taps, state);
    const same = stateText(priced.stateOut) === stateText(stored.get(day)?.stateOut ?? INITIAL_STATE);
    stored.set(day, priced);
    if (same) break;
    state = priced.stateOut;
  }
  return days.flatMap((day) => stored.get(day)?.lines ?? []);
}

/** What the rider pays for all. */
export function paid(lines: readonly PricedLine[]): bigint {
  return lines.reduce((sum, line) => sum + line.riderMinor, 0n);
}
