/** Which commands of a list are not in the database: what an office has to enter again after a restore. */
import type pg from 'pg';

const CHUNK = 1000;

/** Looks the ids up, command ids or idempotency keys, among what was obeyed and what was refused. */
export async function* missingCommands(auditor: pg.Pool, ids: AsyncIterable<string>): AsyncGenerator<string> {
  let chunk: string[] = [];
  for await (const id of ids) {
    if (id.trim() === '') continue;
    chunk.push(id.trim());
    if (chunk.length < CHUNK) continue;
    yield* await missingOf(auditor, chunk);
    chunk = [];
  }
  if (chunk.length > 0) yield* await missingOf(auditor, chunk);
}

async function missingOf(auditor: pg.Pool, ids: readonly string[]): Promise<string[]> {
  const { rows } = await auditor.query<{ id: string }>(
    `SELECT o.id FROM unnest($1::text[]) WITH ORDINALITY AS o(id, n)
     WHERE NOT EXISTS (SELECT FROM fare.command_accepted WHERE idempotency_key = o.id OR command_id::text = o.id)
       AND NOT EXISTS (SELECT FROM fare.command_refusal WHERE command_id::text = o.id)
     ORDER BY o.n`,
    [ids],
  );
  return rows.map(({ id }) => id);
}
