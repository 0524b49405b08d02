/**
 * Times of taps worked out anew from the facts, for the auditor: what `tap_time` says is a projection that the fare
 * engine may change, so an export does not believe it.
 */

import { OperatorError } from '#platform/errors.ts';
import { accountsOfKin, kinTable } from './adapters/kin-statements.ts';
import { FOREVER } from './adapters/place-statements.ts';
import { type Queryable, rowsOf } from './database-reader.ts';
import type { Close, PricedTap } from './facts/facts.ts';
import { type TimeRules, timeOf } from './facts/tap-time.ts';
import type { TapInHand } from './work-clock.ts';

/**
 * Ids of the syncs that were the nearest one on a side of a tap at some time since the tap was received: beyond those no
 * sync has a say, now or at a close. From the tap outwards, up to the first that was known when the tap came; of the
 * others, whatever was received before everything nearer. No number bounds them: the answer depends on the facts alone.
 */
const nearest = (side: string, outward: string, reach: (place: string) => string): string => `
  SELECT record_id FROM (
    SELECT n.record_id, greatest(n.received_at_ms, t.received_at_ms) AS known_ms,
      min(greatest(n.received_at_ms, t.received_at_ms)) OVER (
        ORDER BY ${outward} ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS nearer_known_ms
    FROM fare.clock_sync n WHERE n.device_id = u.device_id AND ${side} AND ${reach(`
      SELECT n.* FROM fare.clock_sync n WHERE n.device_id = u.device_id AND ${side}
        AND n.received_at_ms <= t.received_at_ms ORDER BY ${outward} LIMIT 1`)}) AS seen
  WHERE nearer_known_ms IS NULL OR known_ms < nearer_known_ms`;

/** For a row `u` with its boot and journal, received at `t.received_at_ms`. */
export const NEAREST_SYNCS = [
  nearest(
    'n.boot_id = u.boot_id AND n.sync_mono_ms >= u.mono_ms',
    'n.sync_mono_ms, n.rtt_ms, n.server_ms, n.record_id',
    (found) => `n.sync_mono_ms <= coalesce((SELECT sync_mono_ms FROM (${found}) AS f), ${FOREVER})`,
  ),
  nearest(
    'n.epoch = u.epoch AND n.seq < u.seq',
    'n.seq DESC',
    (found) => `n.seq >= coalesce((SELECT seq FROM (${found}) AS f), 0)`,
  ),
  nearest(
    'n.epoch = u.epoch AND n.seq > u.seq',
    'n.seq',
    (found) => `n.seq <= coalesce((SELECT seq FROM (${found}) AS f), ${FOREVER})`,
  ),
].join('\n  UNION\n');

/** A row of `fare.clock_sync n`, as JSON. */
export const SYNC_COLUMNS = `json_build_object('recordId', n.record_id, 'deviceId', n.device_id, 'epoch', n.epoch, 'seq', n.seq,
  'bootId', n.boot_id, 'monoMs', n.mono_ms, 'syncMonoMs', n.sync_mono_ms, 'serverMs', n.server_ms, 'rttMs', n.rtt_ms,
  'receivedAtMs', n.received_at_ms)`;

/** A row of `fare.clock_correction c`, as JSON. */
export const CORRECTION_COLUMNS = `json_build_object('correctionId', c.correction_id,
  'deviceId', c.device_id, 'validFromMs', c.valid_from_ms, 'validUntilMs', c.valid_until_ms, 'epoch', c.epoch,
  'fromSeq', c.from_seq, 'toSeq', c.to_seq, 'offsetMs', c.offset_ms, 'trueAtMs', c.true_at_ms,
  'uncertaintyMs', c.uncertainty_ms, 'knownFromMs', c.known_from_ms)`;

/** The taps with everything that may be said of their time. $1 = their ids. */
export const LOAD_TAPS = `
  SELECT json_build_object('tapId', t.tap_id, 'tokenId', t.token_id, 'deviceId', t.device_id, 'epoch', t.epoch,
      'seq', t.seq, 'fareDay', t.fare_day, 'fareAtMs', t.fare_at_ms, 'uncertaintyMs', t.uncertainty_ms,
      'receivedAtMs', t.received_at_ms, 'evidence', u.evidence, 'driftPpm', u.drift_ppm,
      'syncs', coalesce((SELECT json_agg(${SYNC_COLUMNS}) FROM fare.clock_sync n
          WHERE n.record_id IN (${NEAREST_SYNCS})), '[]'::json),
      'corrections', coalesce((SELECT json_agg(${CORRECTION_COLUMNS})
        FROM fare.clock_correction c WHERE c.device_id = t.device_id AND c.valid_from_ms <= t.fare_at_ms
          AND c.valid_until_ms > t.fare_at_ms), '[]'::json)) AS tap,
    CASE WHEN m.tap_id IS NULL THEN NULL ELSE json_build_object('fareDay', m.fare_day, 'fareAtMs', m.fare_at_ms,
      'uncertaintyMs', m.uncertainty_ms, 'flags', m.flags, 'knownFromMs', m.known_from_ms) END AS before,
    coalesce((WITH RECURSIVE ${kinTable('kin', 'SELECT t.token_id')}
        SELECT json_agg(DISTINCT w.account_id) FROM (${accountsOfKin('kin')}) AS w),
      '[]'::json) AS "linkedAccounts"
  FROM fare.tap t
  LEFT JOIN fare.unsure_tap u ON u.tap_id = t.tap_id
  LEFT JOIN fare.tap_time m ON m.tap_id = t.tap_id
  WHERE t.tap_id = ANY ($1::text[])`;

/** Those of some taps whose time is not simply that of their own records. */
const QUESTIONABLE = `
  SELECT tap_id FROM fare.unsure_tap WHERE tap_id = ANY ($1::text[])
  UNION SELECT tap_id FROM fare.tap_time WHERE tap_id = ANY ($1::text[])
  UNION SELECT t.tap_id FROM fare.tap t JOIN fare.clock_correction c ON c.device_id = t.device_id
     AND c.valid_from_ms <= t.fare_at_ms AND t.fare_at_ms < c.valid_until_ms
   WHERE t.tap_id = ANY ($1::text[])`;

/**
 * Compares the times that taps are about to be exported with to what the facts say.
 * @throws OperatorError TIMES_UNPROVEN: something waits to be looked at, or somebody changed the projection.
 */
export async function proveTimes(
  client: Queryable,
  taps: readonly PricedTap[],
  closes: readonly Close[],
  rules: TimeRules,
): Promise<void> {
  const exported = new Map(taps.map((tap) => [tap.tapId, tap]));
  const ids = await rowsOf<{ tap_id: string }>(client, QUESTIONABLE, [[...exported.keys()]]);
  const found = await rowsOf<TapInHand>(client, LOAD_TAPS, [ids.map((row) => row.tap_id)]);
  for (const { tap } of found) {
    const said = exported.get(tap.tapId) as PricedTap;
    const time = timeOf(tap, closes, rules) ?? { ...tap, knownFromMs: tap.receivedAtMs };
    const same =
      time.fareAtMs === said.fareAtMs &&
      time.uncertaintyMs === said.uncertaintyMs &&
      time.knownFromMs === said.receivedAtMs;
    if (same) continue;
    throw new OperatorError({
      code: 'TIMES_UNPROVEN',
      happened: `Tap ${tap.tapId} stands at another time than the evidence of its clock says.`,
      kept: 'Nothing was exported or computed.',
      todo: 'Wait until the fare engine has nothing in its queues, then export again; if it stays so, tap_time was changed by hand.',
    });
  }
}
