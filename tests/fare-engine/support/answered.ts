/** A command of the office with an engine beside it, for those that wait for its answer. */
import { workCommands } from '../../../fare-engine/adapters/postgres-commands.ts';
import type { SettlementTerms } from '../../../fare-engine/settle-commands.ts';
import { until } from '../../support/until.ts';
import { calendar, type EngineDatabase } from './engine-database.ts';

/** Runs it while commands are obeyed as they come in. */
export async function answered<T>(
  engine: EngineDatabase,
  work: () => Promise<T>,
  terms?: SettlementTerms,
): Promise<T> {
  let over = false;
  const done = work().finally(() => {
    over = true;
  });
  // What it throws is thrown below; until then it has a listener.
  done.catch(() => undefined);
  await until(
    async () => {
      await workCommands(engine.pool, calendar, engine.clock, 100, terms);
      return over;
    },
    { what: 'the end of a command that waits for its answer' },
  );
  return done;
}
