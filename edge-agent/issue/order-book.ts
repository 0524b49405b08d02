/** The orders of a station in their turn: a batch that is gone through once, or one order for every card that comes. */
import type { IssueOrder } from './orders.ts';

/** An order without who carries it out. */
export type OpenOrder = Omit<IssueOrder, 'staffId'>;

export interface OrderBook {
  /** The next order; none of those that a begun card waits for. `undefined`: nothing is left. */
  next(begun: readonly OpenOrder[]): OpenOrder | undefined;
  /** Whether `finish` of this order leaves nothing to remember: it is a line of this batch, or of none. */
  knows(order: OpenOrder): boolean;
  /** An order was carried out. What returned is remembered. */
  finish(order: OpenOrder): void;
  /** Whether all orders are done. */
  done(): boolean;
  progress(): { readonly done: number; readonly total: number };
}

/** Lines of a batch that were done, durable: a station that was stopped goes on where it was. */
export interface BatchMemory {
  done(): ReadonlySet<number>;
  add(line: number): void;
}

/** A batch: each line once. */
export function createBatch(name: string, orders: readonly OpenOrder[], memory: BatchMemory): OrderBook {
  const mine = ({ batch }: OpenOrder): number | undefined => (batch?.name === name ? batch.line : undefined);
  return {
    next(begun) {
      const taken = new Set(begun.map(mine));
      const index = orders.findIndex((_, i) => !memory.done().has(i + 1) && !taken.has(i + 1));
      const order = orders[index];
      return order && { ...order, batch: { name, line: index + 1 } };
    },
    knows: (order) => order.batch === undefined || mine(order) !== undefined,
    finish(order) {
      const line = mine(order);
      if (line !== undefined) memory.add(line);
    },
    done: () => memory.done().size >= orders.length,
    progress: () => ({ done: memory.done().size, total: orders.length }),
  };
}

/** The same order for `count` cards. A replacement is for one card only. */
export function createSeries(order: OpenOrder, count: number): OrderBook {
  let done = 0;
  // One lost card has one successor, also while it lies torn.
  const isMine = ({ replacesTokenId }: OpenOrder): boolean =>
    replacesTokenId !== undefined && replacesTokenId === order.replacesTokenId;
  return {
    next: (begun) => (done + begun.filter(isMine).length < count ? order : undefined),
    knows: (made) => made.batch === undefined,
    finish: () => {
      done += 1;
    },
    done: () => done >= count,
    progress: () => ({ done, total: count }),
  };
}
