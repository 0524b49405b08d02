/** The office of the embedded city: puts commands into the fare engine's inbox under the role that may only do that. */
import type pg from 'pg';

/** A command as the inbox takes it. */
export interface InboxCommand {
  /** UUID; the same id is the same command. */
  readonly commandId: string;
  readonly kind: string;
  readonly payload: unknown;
}

/** Inserts one command; the same command that still waits there is left alone, another under its id is refused by the engine. */
export function createOffice(
  pool: pg.Pool,
  submittedBy: string,
  nowMs: () => number,
): (command: InboxCommand) => Promise<void> {
  return async ({ commandId, kind, payload }) => {
    await pool.query(
      `INSERT INTO fare.command_inbox (command_id, kind, payload, submitted_by, submitted_at_ms)
       VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING`,
      [commandId, kind, JSON.stringify(payload), submittedBy, nowMs()],
    );
  };
}
