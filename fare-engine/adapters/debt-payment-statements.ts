/** Statements of debts that are paid at the payment provider's page. */

/** Takes what the page asks for. $1 most rows. */
export const CLAIM_REQUESTS = `
DELETE FROM fare.debt_request WHERE (kind, subject) IN (SELECT kind, subject FROM fare.debt_request ORDER BY at_ms LIMIT $1)
RETURNING kind, subject, language, at_ms::float8 AS "atMs"`;

/** Charges that the cards of a reference owe, the oldest first; what a bank is being asked for is not among them. $1 reference. */
export const OWED_BY_REFERENCE = `
SELECT d.payment_id FROM fare.cards_of_reference($1) AS c JOIN fare.bank_debt d USING (token_id)
JOIN fare.bank_payment p USING (payment_id) ORDER BY p.made_at_ms, p.payment_id LIMIT 50`;

/** Whether a bank is being asked for a charge of one of these cards. $1 reference. */
export const ASKED_BY_REFERENCE = `
SELECT FROM fare.cards_of_reference($1) AS c JOIN fare.bank_payment p USING (token_id)
CROSS JOIN LATERAL (SELECT e.kind FROM fare.bank_event e WHERE e.payment_id = p.payment_id ORDER BY e.n DESC LIMIT 1) AS last
WHERE p.kind = 'charge' AND last.kind IN ('asked', 'resumed', 'approved') LIMIT 1`;

const FILE = `
SELECT json_build_object('debtPaymentId', d.debt_payment_id, 'reference', d.reference, 'language', d.language,
    'amountMinor', d.amount_minor::text, 'currency', d.currency, 'madeAtMs', d.made_at_ms) AS payment,
  (SELECT coalesce(json_agg(json_build_object('paymentId', i.payment_id, 'amountMinor', i.amount_minor::text)
      ORDER BY i.payment_id), '[]') FROM fare.debt_payment_item i WHERE i.debt_payment_id = d.debt_payment_id) AS items,
  (SELECT coalesce(json_agg(json_build_object('n', e.n, 'kind', e.kind, 'reference', e.reference,
      'amountMinor', e.amount_minor::text, 'payUrl', e.pay_url, 'atMs', e.at_ms) ORDER BY e.n), '[]')
     FROM fare.debt_payment_event e WHERE e.debt_payment_id = d.debt_payment_id) AS events
FROM fare.debt_payment d`;

/** One payment with its history. $1 its id. */
export const LOAD_DEBT_PAYMENT = `${FILE} WHERE d.debt_payment_id = $1`;

/** The latest payment of a reference. $1 reference. */
export const LATEST_DEBT_PAYMENT = `
${FILE} WHERE d.reference = $1 ORDER BY d.made_at_ms DESC, d.debt_payment_id LIMIT 1`;

/** $1 id, $2 reference, $3 language, $4 amount, $5 currency, $6 now, $7 items (JSON). */
export const BEGIN_DEBT_PAYMENT = `
WITH made AS (
  INSERT INTO fare.debt_payment (debt_payment_id, reference, language, amount_minor, currency, made_at_ms)
  VALUES ($1, $2, $3, $4, $5, $6)),
item AS (
  INSERT INTO fare.debt_payment_item (debt_payment_id, payment_id, amount_minor)
  SELECT $1, "paymentId", "amountMinor" FROM json_to_recordset($7) AS r ("paymentId" text, "amountMinor" bigint))
INSERT INTO fare.debt_payment_work (debt_payment_id, due_ms) VALUES ($1, $6)`;

/** $1 id, $2 n, $3 kind, $4 reference, $5 amount, $6 pay address, $7 when. No row = another was first. */
export const ADD_DEBT_EVENT = `
INSERT INTO fare.debt_payment_event (debt_payment_id, n, kind, reference, amount_minor, pay_url, at_ms)
VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (debt_payment_id, n) DO NOTHING RETURNING n`;

/** $1 id, $2 when to look at it; NULL = when a call comes. */
export const SET_DEBT_WORK = `
WITH gone AS (DELETE FROM fare.debt_payment_work WHERE debt_payment_id = $1 AND $2::bigint IS NULL)
INSERT INTO fare.debt_payment_work (debt_payment_id, due_ms) SELECT $1, $2::bigint WHERE $2::bigint IS NOT NULL
ON CONFLICT (debt_payment_id) DO UPDATE SET due_ms = excluded.due_ms, tries = 0`;

/** A call, or a rider who has come back: it is looked at now. $1 id, $2 now. */
export const LOOK_AT_DEBT_PAYMENT = `
INSERT INTO fare.debt_payment_work (debt_payment_id, due_ms)
SELECT debt_payment_id, $2 FROM fare.debt_payment WHERE debt_payment_id = $1
ON CONFLICT (debt_payment_id) DO UPDATE SET due_ms = least(fare.debt_payment_work.due_ms, excluded.due_ms)`;

/** No answer came: tried again, later each time. $1 id, $2 now, $3 longest wait. */
export const PUT_OFF_DEBT_PAYMENT = `
UPDATE fare.debt_payment_work SET tries = tries + 1,
  due_ms = $2 + least($3, 1000 * 2 ^ least(tries, 20))::bigint WHERE debt_payment_id = $1`;

/** $1 now, $2 most rows. */
export const DUE_DEBT_PAYMENTS = `
SELECT debt_payment_id FROM fare.debt_payment_work WHERE due_ms <= $1 ORDER BY due_ms LIMIT $2`;
