/**
 * Asks the city for its time: right after a start, then now and then. The question rides on a health message, the
 * answer is a signed command that names the question. Only an answer that came quickly says when it was true.
 */
import type { Timekeeper } from './clock-evidence.ts';
import type { Timers } from './ports.ts';

export interface TimeExchangeDeps {
  readonly keeper: Timekeeper;
  readonly timers: Timers;
  /** Slowest exchange by which the clock is set, real milliseconds. */
  readonly syncRoundTripMsMax: number;
  /** How long an answer is good enough not to ask again, real milliseconds. */
  readonly timeAskEveryMs: number;
}

export interface TimeExchange {
  /** The nonce to put into the health message that leaves now; undefined while there is nothing to ask. */
  ask(): string | undefined;
  /** The city answered a question. True when the answer set the clock. */
  answer(nonce: string, cityMs: number): 'set' | 'not-needed' | 'refused';
}

/** Makes the exchange of one device. One question is open at a time; a newer one takes its place. */
export function createTimeExchange(deps: TimeExchangeDeps): TimeExchange {
  const { keeper, timers } = deps;
  let open: { readonly nonce: string; readonly sentMonoMs: number; readonly sentRealMs: number } | undefined;
  let answeredRealMs: number | undefined;
  let asked = 0;
  const isDue = (): boolean =>
    !keeper.synced() ||
    answeredRealMs === undefined ||
    timers.nowMs() - answeredRealMs >= deps.timeAskEveryMs;

  return {
    ask() {
      if (!isDue()) return undefined;
      const { bootId, monoMs } = keeper.evidence();
      // Monotonic time never repeats within a boot; the count tells two questions of one millisecond apart.
      const nonce = `${bootId.slice(0, 16)}${hex(monoMs, 12)}${hex(++asked % 0x10000, 4)}`;
      open = { nonce, sentMonoMs: monoMs, sentRealMs: timers.nowMs() };
      return nonce;
    },
    answer(nonce, cityMs) {
      const heardMonoMs = keeper.monoMs();
      if (open?.nonce !== nonce) return 'refused';
      const { sentMonoMs, sentRealMs } = open;
      open = undefined;
      if (timers.nowMs() - sentRealMs > deps.syncRoundTripMsMax) return 'refused';
      answeredRealMs = timers.nowMs();
      return keeper.offer({ sentMonoMs, heardMonoMs, serverMs: cityMs }) ? 'set' : 'not-needed';
    },
  };
}

function hex(value: number, digits: number): string {
  return value.toString(16).padStart(digits, '0').slice(-digits);
}
