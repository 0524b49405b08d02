/**
 * Begins a generation of the deny list: a restored database has numbers that validators have seen before with other
 * contents, so it must go on under a generation that none of them knows. Only a statement of the offline key does it.
 */
import type { ClientBase } from 'pg';
import { openDenyGeneration, readDenyGeneration } from '#contracts/deny-list.ts';
import { describeProblems } from '#contracts/parse.ts';
import type { PinnedKeys } from '#contracts/signed-envelope.ts';

export type RaiseOutcome =
  | { readonly ok: true; readonly generation: number }
  | {
      readonly ok: false;
      /** DENY_STATEMENT_INVALID: form or signature. DENY_GENERATION_NOT_ABOVE: the list is at it or above already. */
      readonly reason: 'DENY_STATEMENT_INVALID' | 'DENY_GENERATION_NOT_ABOVE';
      readonly detail: string;
    };

/** The generation that may be begun next. @param atLeast one that no earlier restore can have used */
export async function nextGeneration(client: ClientBase, atLeast: number): Promise<number> {
  const { rows } = await client.query<{ generation: number }>('SELECT generation FROM fare.deny_list');
  return Math.max((rows[0]?.generation ?? 0) + 1, atLeast);
}

/**
 * Goes on under the generation of a signed statement, from n = 0, whole list kept; within the caller's transaction, as
 * `fare_runtime` or the owner of the schema. The same statement twice is one.
 * @param keys public halves of offline keys; without them only the form is checked here, devices check all the same.
 */
export async function raiseGeneration(
  client: ClientBase,
  statement: string,
  keys?: PinnedKeys,
): Promise<RaiseOutcome> {
  const opened = keys ? openDenyGeneration(statement, keys) : readDenyGeneration(statement);
  if (!opened.ok)
    return { ok: false, reason: 'DENY_STATEMENT_INVALID', detail: describeProblems(opened.problems) };
  const { generation } = opened.value;
  const { rows } = await client.query<{ generation: number; generation_proof: string | null }>(
    'SELECT generation, generation_proof FROM fare.deny_list FOR UPDATE',
  );
  const known = rows[0];
  if (known?.generation_proof === statement) return { ok: true, generation };
  if (known === undefined || known.generation >= generation) {
    const detail = `the list is at generation ${known?.generation}, the statement is for ${generation}`;
    return { ok: false, reason: 'DENY_GENERATION_NOT_ABOVE', detail };
  }
  await client.query('UPDATE fare.deny_list SET generation = $1, n = 0, generation_proof = $2', [
    generation,
    statement,
  ]);
  await client.query(`INSERT INTO fare.audit_leaf (kind, ref, bytes) VALUES ('deny-generation', $1, $2)`, [
    String(generation),
    statement,
  ]);
  return { ok: true, generation };
}
