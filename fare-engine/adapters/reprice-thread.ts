/** A share of a re-pricing in a thread of its own; states are asked for through the thread that started it. */
import { constants, getPriority, setPriority } from 'node:os';
import { type MessagePort, parentPort, workerData } from 'node:worker_threads';
import { compareTap } from '../reprice/compare.ts';
import type {
  BlockMemory,
  Outcome,
  RepriceFacts,
  RowBlock,
  StateSource,
  StoredState,
} from '../reprice/model.ts';
import { createRepriceShard } from '../reprice/reprice-days.ts';

export type ToShard =
  | { readonly kind: 'rows'; readonly block: RowBlock }
  | { readonly kind: 'end-day'; readonly fareDay: string }
  | { readonly kind: 'end'; readonly untilDay: string }
  | { readonly kind: 'states'; readonly rows: readonly StoredState[] };

export type FromShard =
  | { readonly kind: 'done'; readonly outcome: Outcome }
  | { readonly kind: 'spare'; readonly memory: BlockMemory }
  | { readonly kind: 'states-wanted'; readonly ask: Asked };

/** States of accounts that a share asks for; see StateSource. */
export type Asked =
  | { readonly which: 'before'; readonly accountIds: readonly string[] }
  | { readonly which: 'after'; readonly accountIds: readonly string[]; readonly untilDay: string };

/** What a thread is started with. */
export interface ShardData {
  readonly facts: RepriceFacts;
  readonly reasons: boolean;
}

/** Answers for as long as the port is open. A bug ends the thread, and with it the re-pricing. */
export function answer(port: MessagePort, { facts, reasons }: ShardData): void {
  let wanted: ((rows: readonly StoredState[]) => void) | undefined;
  const wish = (ask: Asked) =>
    new Promise<readonly StoredState[]>((resolve) => {
      wanted = resolve;
      port.postMessage({ kind: 'states-wanted', ask } satisfies FromShard);
    });
  const states: StateSource = {
    before: (accountIds) => wish({ which: 'before', accountIds }),
    after: (accountIds, untilDay) => wish({ which: 'after', accountIds, untilDay }),
  };
  const shard = createRepriceShard(facts, states, (computed, booked) =>
    compareTap(computed, booked, reasons),
  );
  const told = async (work: Promise<Outcome>): Promise<void> => {
    port.postMessage({ kind: 'done', outcome: await work } satisfies FromShard);
    for (let memory = shard.spare(); memory !== undefined; memory = shard.spare())
      port.postMessage({ kind: 'spare', memory } satisfies FromShard);
  };
  port.on('message', (message: ToShard) => {
    if (message.kind === 'rows') shard.add(message.block);
    else if (message.kind === 'states') wanted?.(message.rows);
    else void told(message.kind === 'end' ? shard.end(message.untilDay) : shard.endDay(message.fareDay));
  });
}

/** On Linux a priority is this thread's alone: rows are read on while all cores price, so none waits for rows afterwards. */
function yieldToReading(): void {
  if (process.platform !== 'linux') return;
  try {
    setPriority(Math.max(getPriority(), constants.priority.PRIORITY_BELOW_NORMAL));
  } catch {
    // A system may forbid it; then it is only slower.
  }
}

if (parentPort !== null) {
  yieldToReading();
  answer(parentPort, workerData as ShardData);
}
