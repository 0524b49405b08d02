/** Findings and reviews in the database: which are there, and the new ones of a turn of commands. */
import type pg from 'pg';
import type { FindingFact, ReviewFact } from '../anomalies/finding-commands.ts';

/** Which of these findings are stored. */
export async function storedFindings(
  client: pg.PoolClient,
  findingIds: readonly string[],
): Promise<Set<string>> {
  if (findingIds.length === 0) return new Set();
  const { rows } = await client.query<{ finding_id: string }>(
    'SELECT finding_id FROM fare.anomaly_finding WHERE finding_id = ANY ($1::text[])',
    [findingIds],
  );
  return new Set(rows.map((row) => row.finding_id));
}

const INSERT_FINDINGS = `
  WITH said AS MATERIALIZED (
    SELECT * FROM json_to_recordset($1) AS r ("findingId" text, "aboutId" text, "ruleId" text, "paramsSha256" text,
      "fromDay" date, "untilDay" date, "tapIds" text[], taps int, "deviceId" text, "vehicleId" text, "routeId" text,
      "carrierId" text, "concessionId" text, severity text, "scorePermille" bigint, evidence jsonb, "saidBy" text,
      "knownFromMs" bigint)),
  found AS (
    INSERT INTO fare.anomaly_finding (finding_id, about_id, rule_id, params_sha256, from_day, until_day, taps, device_id,
      vehicle_id, route_id, carrier_id, concession_id, severity, score_permille, evidence, said_by, known_from_ms)
    SELECT "findingId", "aboutId", "ruleId", decode("paramsSha256", 'hex'), "fromDay", "untilDay", taps, "deviceId",
      "vehicleId", "routeId", "carrierId", "concessionId", severity, "scorePermille", evidence, "saidBy", "knownFromMs"
    FROM said)
  INSERT INTO fare.anomaly_tap (finding_id, tap_id)
  SELECT DISTINCT "findingId", tap_id FROM said, unnest("tapIds") AS tap_id`;

const INSERT_REVIEWS = `
  INSERT INTO fare.anomaly_review (review_id, finding_id, verdict, reason, said_by, known_from_ms)
  SELECT "reviewId", "findingId", verdict, reason, "saidBy", "knownFromMs"
  FROM json_to_recordset($1) AS r ("reviewId" uuid, "findingId" text, verdict text, reason text, "saidBy" text,
    "knownFromMs" bigint)`;

/** Stores what a turn of commands said of anomalies, within its transaction. */
export async function writeAnomalies(
  client: pg.PoolClient,
  { findings, reviews }: { findings: readonly FindingFact[]; reviews: readonly ReviewFact[] },
): Promise<void> {
  if (findings.length > 0) await client.query(INSERT_FINDINGS, [JSON.stringify(findings)]);
  if (reviews.length > 0) await client.query(INSERT_REVIEWS, [JSON.stringify(reviews)]);
}
