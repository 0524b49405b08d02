/**
 * A debt's denial stands by itself: where another denial of the card ends by its date, or begins later only, the debt's takes its
 * place.
 */
import type pg from 'pg';
import { inTransaction } from '#platform/postgres.ts';
import { DENIALS_ENDED, DENY_CARD } from './bank-statements.ts';
import { BANK_OFFICE, lockBooks, owesOf, uuidOf } from './postgres-bank.ts';

/** They are looked for so often, by the city's clock. */
const EVERY_MS = 60_000;
const CARDS_MAX = 200;

/** Makes the look: at most once a minute, or at once where the last one did not come to the end. */
export function createEndedDenials(
  pool: pg.Pool,
  nowMs: () => number,
  cardsMax = CARDS_MAX,
): () => Promise<void> {
  let lookedMs = Number.NEGATIVE_INFINITY;
  let after = '';
  return async () => {
    const now = nowMs();
    if (after === '' && now - lookedMs < EVERY_MS) return;
    lookedMs = now;
    const { rows } = await pool.query<{ token_id: string }>(DENIALS_ENDED, [now, cardsMax, after]);
    const tokens = rows.map((row) => row.token_id);
    after = (tokens.length < cardsMax ? undefined : tokens.at(-1)) ?? '';
    if (tokens.length === 0) return;
    await inTransaction(pool, async (client) => {
      await lockBooks(client);
      for (const tokenId of tokens)
        if (await owesOf(client, tokenId))
          await client.query(DENY_CARD, [
            uuidOf(`${tokenId} ended ${now}`),
            tokenId,
            now,
            BANK_OFFICE,
            'debt',
          ]);
    });
  };
}
