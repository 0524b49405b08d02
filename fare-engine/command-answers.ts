/** What became of commands that were handed in, as the auditor's role reads it. */
import { idempotencyKey, inputSha256 } from './command-keys.ts';
import type { CommandKind } from './command-kinds.ts';
import { type Queryable, rowsOf } from './database-reader.ts';

/** What the engine said; `null` = it has not answered yet, or cannot be heard from where one asks. */
export type CommandAnswer = { obeyed: true } | { obeyed: false; reason: string; detail: string } | null;

/** A command as it was handed in. */
export interface HandedIn {
  readonly commandId: string;
  readonly kind: CommandKind;
  readonly payload: object;
}

/**
 * Answers to those commands that have one, by their ids. A command that repeats what was obeyed before is obeyed with it:
 * the engine writes nothing down for it. Acceptances are found by their keys alone, for those have an index.
 */
export async function answersOf(
  client: Queryable,
  commands: readonly HandedIn[],
): Promise<Map<string, NonNullable<CommandAnswer>>> {
  const asked = commands.map((command) => ({
    id: command.commandId,
    key: idempotencyKey(command),
    sha256: inputSha256(command.kind, command.payload),
  }));
  const rows = await rowsOf<{ id: string; reason: string | null; detail: string | null }>(
    client,
    `WITH asked AS (SELECT * FROM json_to_recordset($1) AS r (id uuid, key text, sha256 text))
     SELECT id::text, NULL AS reason, NULL AS detail FROM asked JOIN fare.command_accepted a ON a.idempotency_key = key
      WHERE a.command_id = id OR a.input_sha256 = decode(sha256, 'hex')
     UNION ALL
     SELECT id::text, reason, detail FROM asked JOIN fare.command_refusal ON command_id = id`,
    [JSON.stringify(asked)],
  );
  return new Map(
    rows.map(({ id, reason, detail }) => [
      id,
      reason === null ? { obeyed: true } : { obeyed: false, reason, detail: detail ?? '' },
    ]),
  );
}
