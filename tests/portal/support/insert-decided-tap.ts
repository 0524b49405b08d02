/** Puts one decided tap into the fare engine's real tables, as its owner would. */
import type pg from 'pg';
import { EPOCH } from './fake-views.ts';

export interface DecidedTap {
  readonly seq: number;
  readonly concession?: boolean;
  /** Milliseconds after the morning's start at which it was decided. */
  readonly decidedAfterMs?: number;
  readonly deviceId?: string;
  readonly routeId?: string;
}

const RECEIVED_MS = Date.UTC(2025, 9, 14, 4, 12, 33);
const HASH = 'ab'.repeat(32);

/** Inserts tap, decision and posting in one go; returns the tap's id. */
export async function insertDecidedTap(admin: pg.Client, tap: DecidedTap): Promise<string> {
  const deviceId = tap.deviceId ?? 'val-102';
  const tapId = `${deviceId}.${EPOCH}.${tap.seq}`;
  const receivedMs = RECEIVED_MS + (tap.decidedAfterMs ?? 0);
  const free = tap.concession === true;
  const steps = [
    {
      kind: 'base',
      ruleId: 'leg-1',
      act: 'te-vk-2024',
      article: 'п. 1',
      beforeMinor: '0',
      afterMinor: '1200',
      params: { medium: 'social_card' },
    },
    ...(free
      ? [
          {
            kind: 'concession',
            ruleId: 'pensioner',
            act: 'cmu-354',
            article: 'п. 1',
            beforeMinor: '1200',
            afterMinor: '0',
            params: { concession: 'pensioner' },
          },
        ]
      : []),
  ];
  await admin.query(
    `INSERT INTO fare.tariff_activation (package_hash, version_id, names, valid_from_ms, known_from_ms)
     VALUES ($1, 'v', '{"uk":"Тариф","en":"Tariff","de":"Tarif","pl":"Taryfa"}', 0, 0) ON CONFLICT DO NOTHING`,
    [HASH],
  );
  await admin.query(
    `INSERT INTO fare.tap (tap_id, device_id, epoch, seq, record_sha256, token_id, medium_kind, direction, companions,
       fare_day, fare_at_ms, uncertainty_ms, belief_vehicle_id, belief_route_id, stop_id, flags, received_at_ms)
     VALUES ($1, $2, $3, $4, '\\x00', $5, 'social', 'in', 0, '2025-10-14', $6, 100, 'T5-1', $7, 'tsentr', '{LATE}', $6)`,
    [tapId, deviceId, EPOCH, tap.seq, `k1.${'ab'.repeat(16)}`, receivedMs, tap.routeId ?? 'T5'],
  );
  await admin.query(
    `INSERT INTO fare.decision (tap_id, revision, account_id, account_version, fare_day, kind, package_hash, fare_media_id,
       rider_category_id, vehicle_id, carrier_id, route_id, currency, gross_minor, rider_minor, transfer_minor,
       concession_minor, pass_minor, cap_minor, loss_minor, concession_id, funding_id, claim_ride, steps, line_sha256,
       posted_revision, decided_at_ms)
     VALUES ($1, 1, 'acc-secret', 1, '2025-10-14', 'ride', $2, 'social_card', $3, 'T5-1', 'tet', $4, 'UAH', 1200, $5, 0,
       $6, 0, 0, 0, $7, $8, $9, $10, '\\x00', 1, $11)`,
    [
      tapId,
      HASH,
      free ? 'pensioner' : 'full',
      tap.routeId ?? 'T5',
      free ? 0 : 1200,
      free ? 1200 : 0,
      free ? 'pensioner' : null,
      free ? 'city-budget-law' : null,
      free,
      JSON.stringify(steps),
      receivedMs + 400,
    ],
  );
  await admin.query(
    `INSERT INTO fare.posting (posting_id, debit_account, credit_account, amount_minor, currency, tap_id, revision, posted_at_ms, fare_day)
     VALUES ($1, $2, 'revenue:tet', 1200, 'UAH', $3, 1, $4, '2025-10-14')`,
    [`${tapId}#1.0`, free ? 'budget:city-budget-law' : 'rider:acc-secret', tapId, receivedMs + 400],
  );
  return tapId;
}
