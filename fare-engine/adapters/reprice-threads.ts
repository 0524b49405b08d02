/** Shares of a re-pricing on threads, so that all cores price. */
import { Worker } from 'node:worker_threads';
import type { BundleTotals } from '#pricing/reprice-bundle.ts';
import type {
  BlockMemory,
  Outcome,
  RepriceFacts,
  RepriceShard,
  StateSource,
  StoredState,
} from '../reprice/model.ts';
import type { Asked, FromShard, ShardData, ToShard } from './reprice-thread.ts';

const YOUNG_MB = 96;

/** Starts one thread for a share. What goes wrong in it, what is waited for then rejects with. */
export function startRepriceThread(facts: RepriceFacts, states: StateSource, reasons: boolean): RepriceShard {
  const thread = new Worker(new URL('./reprice-thread.ts', import.meta.url), {
    workerData: { facts, reasons } satisfies ShardData,
    // What a price leaves behind is garbage at once: with more room for it less of it is copied before it is.
    resourceLimits: { maxYoungGenerationSizeMb: YOUNG_MB },
  });
  const waiting: PromiseWithResolvers<Outcome>[] = [];
  const spares: BlockMemory[] = [];
  let broken: Error | undefined;
  const fail = (error: Error): void => {
    broken ??= error;
    for (const one of waiting.splice(0)) one.reject(broken);
  };
  const tell = (message: ToShard): void => thread.postMessage(message);
  const ask = (message: ToShard): Promise<Outcome> => {
    if (broken !== undefined) return Promise.reject(broken);
    const answered = Promise.withResolvers<Outcome>();
    waiting.push(answered);
    tell(message);
    return answered.promise;
  };
  thread.on('message', (message: FromShard) => {
    if (message.kind === 'done') waiting.shift()?.resolve(message.outcome);
    else if (message.kind === 'spare') spares.push(message.memory);
    else answerOf(message.ask, states).then((rows) => tell({ kind: 'states', rows }), fail);
  });
  thread.on('error', fail);
  thread.on('exit', () => fail(new Error('a thread of the re-pricing ended')));
  return {
    add: (block) => thread.postMessage({ kind: 'rows', block } satisfies ToShard),
    spare: () => spares.pop(),
    endDay: (fareDay) => ask({ kind: 'end-day', fareDay }),
    end: (untilDay) =>
      ask({ kind: 'end', untilDay }) as Promise<Outcome & { totals: readonly BundleTotals[] }>,
    stop: async () => {
      await thread.terminate();
    },
  };
}

function answerOf(ask: Asked, states: StateSource): Promise<readonly StoredState[]> {
  return ask.which === 'before' ? states.before(ask.accountIds) : states.after(ask.accountIds, ask.untilDay);
}
