/** What is known of a denied medium under all its tokens, for people who ask: the facts, newest first, and what the published list says. */
import type { DenyEntry } from '#contracts/deny-list.ts';
import { kinTable } from './adapters/kin-statements.ts';
import { type Queryable, rowsOf } from './database-reader.ts';

export interface DenialAnswer {
  /** The list that validators follow. */
  readonly list: { readonly generation: number; readonly n: number; readonly entries: number };
  /** The medium's entry in it; null when it has none, or no medium was asked for. */
  readonly published: DenyEntry | null;
  readonly facts: readonly object[];
}

/** Facts shown at most. */
const FACTS_MAX = 20;

/** Reads as `auditor_runtime`. */
export async function showDenials(database: Queryable, tokenId: string | null): Promise<DenialAnswer> {
  const [answer] = await rowsOf<DenialAnswer>(
    database,
    `WITH RECURSIVE ${kinTable('kin', 'SELECT $1::text WHERE $1 IS NOT NULL', 'medium')}
     SELECT
      (SELECT json_build_object('generation', generation, 'n', n, 'entries', entries) FROM fare.deny_list) AS list,
      (SELECT entry FROM fare.deny_published WHERE token_id = $1) AS published,
      coalesce((SELECT json_agg(fact) FROM (
        SELECT action, reason, scope, valid_from_ms AS "validFromMs", valid_until_ms AS "validUntilMs",
               known_from_ms AS "knownFromMs"
          FROM (
            SELECT entry_id::text, token_id, action, reason, scope, valid_from_ms, valid_until_ms, known_from_ms
              FROM fare.deny_entry
            UNION ALL
            SELECT ref, token_id, 'deny', reason, 'all', valid_from_ms, NULL, known_from_ms FROM fare.card_denial) AS e
         WHERE token_id IN (SELECT token_id FROM kin) ORDER BY known_from_ms DESC, entry_id DESC LIMIT $2) AS fact), '[]')
        AS facts`,
    [tokenId, FACTS_MAX],
  );
  return answer as DenialAnswer;
}
