/** Puts commands into the inbox as the office does, and has them obeyed. */
import { randomUUID } from 'node:crypto';
import { createPool } from '#platform/postgres.ts';
import { workCommands } from '../../../fare-engine/adapters/postgres-commands.ts';
import type { CommandKind, Payload } from '../../../fare-engine/command-kinds.ts';
import type { SettlementTerms } from '../../../fare-engine/settle-commands.ts';
import { calendar, type EngineDatabase } from './engine-database.ts';

/** One command; returns its id. */
export async function submit<K extends CommandKind>(
  engine: EngineDatabase,
  kind: K,
  payload: Payload<K> | Record<string, unknown>,
  commandId: string = randomUUID(),
): Promise<string> {
  const office = createPool({
    url: engine.database.url('office_runtime'),
    applicationName: 'test-office',
    max: 1,
  });
  try {
    await office.query(
      `INSERT INTO fare.command_inbox (command_id, kind, payload, submitted_by, submitted_at_ms)
       VALUES ($1, $2, $3, 'office', $4)`,
      [commandId, kind, JSON.stringify(payload), engine.clock.nowMs()],
    );
  } finally {
    await office.end();
  }
  return commandId;
}

/** Submits and obeys at once. */
export async function command<K extends CommandKind>(
  engine: EngineDatabase,
  kind: K,
  payload: Payload<K> | Record<string, unknown>,
  commandId?: string,
  terms?: SettlementTerms,
): Promise<string> {
  const id = await submit(engine, kind, payload, commandId);
  await workCommands(engine.pool, calendar, engine.clock, 100, terms);
  return id;
}
