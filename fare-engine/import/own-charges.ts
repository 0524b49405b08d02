/** What is charged here in some fare days, medium by medium. Reads only; a server's cursor, so that a month fits. */
import { onOneSnapshot, type ReaderPool, rowsOf } from '../database-reader.ts';
import type { Charge } from './compare-charges.ts';

const ROWS_AT_ONCE = 5000;

interface OwnRow {
  readonly tokenId: string;
  readonly atMs: number;
  readonly amountMinor: string;
  readonly tapId: string;
}

/**
 * Calls `onMedium` for each token with rides in `[fromMs, untilMs)`, in order of tokens. Touches that were no ride and cost
 * nothing are left out, as are rides that were withdrawn.
 */
export function readOwnCharges(
  pool: ReaderPool,
  { fromMs, untilMs }: { readonly fromMs: number; readonly untilMs: number },
  onMedium: (tokenId: string, charges: readonly Charge[]) => Promise<void>,
): Promise<void> {
  if (!Number.isSafeInteger(fromMs) || !Number.isSafeInteger(untilMs)) throw new RangeError('not instants');
  return onOneSnapshot(pool, async (client) => {
    // A cursor takes no parameters; both are numbers. A fare day is never more than a day off its rides' own date.
    await client.query(
      `DECLARE own_charge CURSOR FOR
       SELECT t.token_id AS "tokenId", t.fare_at_ms::float8 AS "atMs", d.rider_minor::text AS "amountMinor",
         d.tap_id AS "tapId"
       FROM fare.timed_tap t JOIN fare.latest_decision d ON d.tap_id = t.tap_id
       WHERE t.fare_day BETWEEN to_timestamp(${fromMs / 1000})::date - 2 AND to_timestamp(${untilMs / 1000})::date + 2
         AND t.fare_at_ms >= ${fromMs} AND t.fare_at_ms < ${untilMs}
         AND (d.kind IN ('ride', 'transfer') OR d.rider_minor > 0)
       ORDER BY t.token_id, t.fare_at_ms, d.tap_id`,
    );
    let tokenId: string | undefined;
    let charges: Charge[] = [];
    for (;;) {
      const rows = await rowsOf<OwnRow>(client, `FETCH ${ROWS_AT_ONCE} FROM own_charge`);
      for (const row of rows) {
        if (row.tokenId !== tokenId) {
          if (tokenId !== undefined) await onMedium(tokenId, charges);
          tokenId = row.tokenId;
          charges = [];
        }
        charges.push({ atMs: row.atMs, amountMinor: BigInt(row.amountMinor), ref: row.tapId });
      }
      if (rows.length === 0) break;
    }
    if (tokenId !== undefined) await onMedium(tokenId, charges);
  });
}
