/**
 * Collects what arrives into groups: a commit costs nearly the same for one batch and for a hundred. A group goes
 * when it is full or when its first batch has waited for the linger, and only so many are under way at once.
 * What does not fit into the bounded queue is refused: its sender offers it again.
 */
import type { Arrival } from './model.ts';

export interface GroupLimits {
  /** A group is full at this many batches or bytes. */
  readonly groupBatchesMax: number;
  readonly groupBytesMax: number;
  /** The longest wait of a batch for company. */
  readonly lingerMs: number;
  readonly inFlightMax: number;
  /** Bounds of what waits. */
  readonly queueBatchesMax: number;
  readonly queueBytesMax: number;
}

export interface GroupOptions {
  readonly limits: GroupLimits;
  /** Handles one group; never rejects. */
  readonly handle: (group: readonly Arrival[]) => Promise<void>;
  /** Calls back after a time; hands out how to call it off. */
  readonly schedule: (callback: () => void, delayMs: number) => () => void;
}

export interface GroupCommit {
  /** Takes an arrival, or answers false when there is no room. */
  offer(arrival: Arrival): boolean;
  /** While held, nothing new is handled: the database is away. */
  hold(held: boolean): void;
  /** Resolves when nothing waits and nothing is under way; a held queue is given up. */
  drain(): Promise<void>;
  readonly waiting: number;
}

/** Makes an empty collector. */
export function createGroupCommit({ limits, handle, schedule }: GroupOptions): GroupCommit {
  let queue: Arrival[] = [];
  let bytes = 0;
  let inFlight = 0;
  let held = false;
  let due = false;
  let callOff: (() => void) | undefined;
  let idle: PromiseWithResolvers<void> | undefined;

  const isFull = (): boolean => queue.length >= limits.groupBatchesMax || bytes >= limits.groupBytesMax;

  function takeGroup(): Arrival[] {
    let size = 0;
    let count = 0;
    while (count < queue.length && count < limits.groupBatchesMax && size < limits.groupBytesMax) {
      size += (queue[count++] as Arrival).payload.byteLength;
    }
    bytes -= size;
    const group = queue.slice(0, count);
    queue = queue.slice(count);
    return group;
  }

  function pump(): void {
    while (!held && inFlight < limits.inFlightMax && queue.length > 0 && (due || isFull() || idle)) {
      const group = takeGroup();
      if (queue.length === 0) due = false;
      inFlight += 1;
      void handle(group).finally(() => {
        inFlight -= 1;
        pump();
      });
    }
    if (queue.length > 0 && !due && !callOff) {
      callOff = schedule(() => {
        callOff = undefined;
        due = true;
        pump();
      }, limits.lingerMs);
    }
    if (idle && inFlight === 0 && (queue.length === 0 || held)) idle.resolve();
  }

  return {
    offer(arrival) {
      const size = arrival.payload.byteLength;
      if (queue.length >= limits.queueBatchesMax || bytes + size > limits.queueBytesMax) return false;
      queue.push(arrival);
      bytes += size;
      pump();
      return true;
    },
    hold(isHeld) {
      held = isHeld;
      pump();
    },
    async drain() {
      idle ??= Promise.withResolvers<void>();
      pump();
      await idle.promise;
      callOff?.();
    },
    get waiting() {
      return queue.length;
    },
  };
}
