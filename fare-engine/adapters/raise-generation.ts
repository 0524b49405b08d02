/** After a restore: the database may know an older deny list than validators do, and they never go back. */
import type { ClientBase } from 'pg';

/**
 * Raises the generation of the deny list within the caller's transaction and gives the new one. Runs under the owner of
 * the schema, by hand of whoever restores.
 * @param atLeast a generation that no earlier restore can have used.
 */
export async function raiseGeneration(client: ClientBase, atLeast: number): Promise<number> {
  const { rows } = await client.query<{ generation: number }>(
    `UPDATE fare.deny_list SET generation = greatest(generation + 1, $1::int), snapshot_n = 0, snapshot_chunks = 0
     RETURNING generation`,
    [atLeast],
  );
  return rows[0]?.generation as number;
}
