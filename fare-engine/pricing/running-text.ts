/**
 * The state after a day's last tap as a short text. It stands beside the account's lock and is read, replaced and logged at every
 * tap, so the usual state, a run and some touches, goes without the names of its keys. Any other has its canonical text.
 */
import type { PricingState, Touch } from './model.ts';
import { parseStateText, stateText, touchesInOrder } from './state-text.ts';

type Run = NonNullable<PricingState['transferRun']>;

/** In the order in which they stand: texts are stored, so a new key goes to the end. */
const RUN_KEYS = [
  ...([
    'startedAtMs',
    'lastLegAtMs',
    'lastLegGroupId',
    'lastStopId',
    'lastVehicleId',
    'transferCount',
  ] as const),
  ...(['firstTapId', 'packageHash', 'uncertaintyMs', 'startedArrivalMs', 'lastArrivalMs'] as const),
];
const TOUCH_KEYS = ['placeId', 'mediumId', 'atMs', 'tapId', 'uncertaintyMs', 'companions', 'bags'] as const;
/** Those of a run that may be null; the others are absent instead. */
const NULLABLE: ReadonlySet<string> = new Set<keyof Run>(['lastStopId', 'lastVehicleId']);

/** The compiler refuses a key that no text would carry. */
type Missing =
  | Exclude<keyof Run, (typeof RUN_KEYS)[number]>
  | Exclude<keyof Touch, (typeof TOUCH_KEYS)[number] | 'escort'>;
const NONE_MISSING: [Missing] extends [never] ? true : Missing = true;

/** Equal states have equal text. */
export function runningText(state: PricingState): string {
  if (!NONE_MISSING || !isUsual(state)) return stateText(state);
  const { transferRun: run } = state;
  // The run mostly began with the tap that touched: its id need not stand there twice.
  const rows: unknown[] = [run && RUN_KEYS.map((key) => run[key] ?? null)];
  for (const touch of touchesInOrder(state)) {
    const values: unknown[] = TOUCH_KEYS.map((key) => touch[key] ?? null);
    if (run !== null && touch.tapId === run.firstTapId) values[3] = null;
    rows.push(values);
  }
  return JSON.stringify(rows);
}

function isUsual({ lastTouches, broken, journeys, closed, caps, quotas, passes }: PricingState): boolean {
  if (caps.length + quotas.length + passes.length > 0) return false;
  if (broken !== undefined || journeys !== undefined || closed !== undefined) return false;
  return lastTouches.every(({ escort }) => escort === undefined);
}

/** Reads what `runningText` wrote. Throws for any other text, as `parseStateText` does. */
export function parseRunningText(text: string): PricingState {
  if (!text.startsWith('[')) return parseStateText(text);
  const [values, ...touches] = JSON.parse(text) as [unknown[] | null, ...unknown[][]];
  const run = values && (named(RUN_KEYS, values) as Run);
  const lastTouches = touches.map((row) => {
    const touch = named(TOUCH_KEYS, row) as Touch;
    return row[3] === null ? { ...touch, tapId: (run as Run).firstTapId } : touch;
  });
  return { v: 2, transferRun: run, lastTouches, caps: [], quotas: [], passes: [] };
}

function named(keys: readonly string[], values: readonly unknown[]): unknown {
  const found: Record<string, unknown> = {};
  for (const [n, key] of keys.entries()) {
    const value = values[n] ?? null;
    if (value !== null || NULLABLE.has(key)) found[key] = value;
  }
  return found;
}
