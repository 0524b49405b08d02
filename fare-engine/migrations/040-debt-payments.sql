-- Debts of bank cards that their riders pay at the payment provider's page, found by a reference.

-- Fifteen signs of a token's reference (contracts/debt-reference.ts); the sixteenth checks them and says nothing more.
CREATE FUNCTION debt_reference(token_id text) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE RETURN
  translate(left(encode(sha256(convert_to(E'kvytok debt v1\n' || token_id, 'UTF8')), 'hex'), 15),
    '0123456789abcdef', '2345679ACEHKMPTX');
CREATE INDEX bank_payment_reference ON bank_payment (debt_reference(token_id));

CREATE TABLE debt_payment (
  debt_payment_id text COLLATE "C" PRIMARY KEY CHECK (debt_payment_id ~ '^dp-[0-9a-f]{32}$'),
  -- The first fifteen signs of the reference that was typed.
  reference text COLLATE "C" NOT NULL CHECK (reference ~ '^[2345679ACEHKMPTX]{15}$'),
  language text NOT NULL CHECK (language IN ('uk', 'en', 'de', 'pl')),
  amount_minor bigint NOT NULL CHECK (amount_minor > 0),
  currency text NOT NULL CHECK (currency ~ '^[A-Z]{3}$'),
  made_at_ms bigint NOT NULL
);
CREATE INDEX debt_payment_reference ON debt_payment (reference, made_at_ms);
COMMENT ON TABLE debt_payment IS 'fact: a rider has begun to pay debts at the payment provider';

CREATE TABLE debt_payment_item (
  debt_payment_id text COLLATE "C" NOT NULL REFERENCES debt_payment,
  payment_id text COLLATE "C" NOT NULL REFERENCES bank_payment,
  amount_minor bigint NOT NULL CHECK (amount_minor > 0),
  PRIMARY KEY (debt_payment_id, payment_id)
);
CREATE INDEX debt_payment_item_of ON debt_payment_item (payment_id);
COMMENT ON TABLE debt_payment_item IS 'fact: which debts a payment at the provider is for';

-- What happened to it, gapless from 1: whoever adds an event has seen all before it.
CREATE TABLE debt_payment_event (
  debt_payment_id text COLLATE "C" NOT NULL REFERENCES debt_payment,
  n int NOT NULL CHECK (n > 0),
  kind text NOT NULL CHECK (kind IN ('asked', 'opened', 'paid', 'over', 'refund-asked', 'refunded', 'refund-declined',
    'refused', 'failed', 'cancelled', 'expired')),
  -- The provider's.
  reference text COLLATE "C",
  amount_minor bigint CHECK (amount_minor > 0),
  pay_url text,
  at_ms bigint NOT NULL,
  PRIMARY KEY (debt_payment_id, n)
);
CREATE INDEX debt_payment_event_reference ON debt_payment_event (reference) WHERE reference IS NOT NULL;
CREATE INDEX debt_payment_event_money ON debt_payment_event (at_ms) WHERE kind IN ('over', 'refunded');
COMMENT ON TABLE debt_payment_event IS 'fact: what became of a payment at the provider';

CREATE TABLE debt_payment_work (
  debt_payment_id text COLLATE "C" PRIMARY KEY REFERENCES debt_payment,
  due_ms bigint NOT NULL,
  tries int NOT NULL DEFAULT 0
);
CREATE INDEX debt_payment_work_due ON debt_payment_work (due_ms);
COMMENT ON TABLE debt_payment_work IS 'queue: payments at the provider with something left to do';

-- Calls of the provider, as it signed them: one that comes again is known by its id.
CREATE TABLE payment_call (
  call_id text COLLATE "C" PRIMARY KEY,
  debt_payment_id text COLLATE "C" NOT NULL,
  state text NOT NULL,
  amount_minor bigint NOT NULL,
  currency text NOT NULL,
  at_ms bigint NOT NULL
);
COMMENT ON TABLE payment_call IS 'fact: what the payment provider called to say';

-- What the page and the provider's calls ask of the bank desk. `pay`: subject is a reference; `look`: a reference, or a payment.
CREATE TABLE debt_request (
  kind text NOT NULL CHECK (kind IN ('pay', 'look')),
  subject text COLLATE "C" NOT NULL,
  language text NOT NULL CHECK (language IN ('uk', 'en', 'de', 'pl')),
  at_ms bigint NOT NULL,
  PRIMARY KEY (kind, subject)
);
COMMENT ON TABLE debt_request IS 'queue: what the debt page asks for';

-- The portal gets three questions and no table: it reads of one reference, asks the desk to look or to begin a payment, and hands
-- in calls whose signature it has checked. No list of debts is to be had of it.

-- Cards of the account behind a reference.
CREATE FUNCTION cards_of_reference(of_reference text) RETURNS TABLE (token_id text) LANGUAGE sql STABLE
SET search_path = fare, pg_temp AS $$
  WITH own AS (SELECT DISTINCT p.token_id FROM bank_payment p WHERE debt_reference(p.token_id) = left(of_reference, 15))
  SELECT own.token_id FROM own
  UNION
  SELECT o.token_id FROM own JOIN medium_par m ON m.token_id = own.token_id JOIN medium_par o ON o.par = m.par
$$;

-- All that the page says of a reference; NULL = nothing is known under it. Rides: sixty at most.
CREATE FUNCTION debt_page(of_reference text) RETURNS json LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = fare, pg_temp AS $$
  WITH card AS MATERIALIZED (SELECT c.token_id FROM cards_of_reference(of_reference) AS c),
  debt AS MATERIALIZED (
    SELECT p.payment_id, p.token_id, p.currency, s.owed_minor, s.state, s.since_ms
      FROM card JOIN bank_debt b USING (token_id) JOIN bank_payment p USING (payment_id)
     CROSS JOIN LATERAL (
       SELECT CASE WHEN bool_or(e.kind = 'cleared')
                   THEN coalesce(sum(coalesce(e.amount_minor, p.amount_minor)) FILTER (WHERE e.kind = 'charged-back'), 0)
                   ELSE p.amount_minor END
              - coalesce(sum(e.amount_minor) FILTER (WHERE e.kind IN ('paid', 'lowered')), 0) AS owed_minor,
              (array_agg(e.kind ORDER BY e.n DESC))[1] AS state,
              min(e.at_ms) FILTER (WHERE e.kind IN ('declined', 'charged-back')) AS since_ms
         FROM bank_event e WHERE e.payment_id = p.payment_id) AS s
     WHERE p.kind = 'charge'),
  day AS (SELECT i.payment_id, i.token_id, i.fare_day, sum(i.amount_minor) AS amount_minor
            FROM debt JOIN bank_item i USING (payment_id) GROUP BY 1, 2, 3),
  ride AS (
    SELECT x.tap_id FROM (SELECT DISTINCT token_id, fare_day FROM day) AS d
     CROSS JOIN LATERAL (SELECT t.tap_id FROM timed_tap t WHERE t.token_id = d.token_id AND t.fare_day = d.fare_day
        AND t.medium_kind = 'bank' OFFSET 0) AS x
     CROSS JOIN LATERAL (SELECT c.kind FROM decision c WHERE c.tap_id = x.tap_id ORDER BY c.revision DESC LIMIT 1) AS c
     -- A touch that repeats a ride costs nothing and explains nothing.
     WHERE c.kind <> 'same-ride' LIMIT 60),
  paying AS (
    SELECT * FROM debt_payment d WHERE d.reference = left(of_reference, 15) ORDER BY d.made_at_ms DESC, d.debt_payment_id LIMIT 1)
  SELECT json_build_object(
    'debts', coalesce((SELECT json_agg(json_build_object('amountMinor', d.owed_minor::text, 'currency', d.currency,
        'state', d.state, 'sinceMs', d.since_ms,
        'days', (SELECT json_agg(json_build_object('fareDay', y.fare_day, 'amountMinor', y.amount_minor::text)
                   ORDER BY y.fare_day) FROM day y WHERE y.payment_id = d.payment_id))
        ORDER BY d.since_ms, d.payment_id) FROM debt d), '[]'),
    'rides', coalesce((SELECT json_agg(json_build_object('tap', to_json(t), 'explanation', to_json(e))
        ORDER BY t.fare_at_ms, t.tap_id)
        FROM ride CROSS JOIN LATERAL (SELECT * FROM published_tap t WHERE t.tap_id = ride.tap_id OFFSET 0) AS t
        LEFT JOIN LATERAL (SELECT * FROM published_explanation e WHERE e.tap_id = ride.tap_id
          ORDER BY e.revision DESC LIMIT 1) AS e ON true), '[]'),
    'asking', EXISTS (SELECT FROM card JOIN bank_payment p USING (token_id)
       CROSS JOIN LATERAL (SELECT e.kind FROM bank_event e WHERE e.payment_id = p.payment_id ORDER BY e.n DESC LIMIT 1) AS last
       WHERE p.kind = 'charge' AND last.kind IN ('asked', 'resumed')),
    'denied', (SELECT w.reason FROM card CROSS JOIN LATERAL (SELECT action, reason FROM deny_entry y
        WHERE y.token_id = card.token_id ORDER BY y.known_from_ms DESC, y.entry_id DESC LIMIT 1) AS w
        WHERE w.action = 'deny' ORDER BY w.reason IN ('debt', 'unconfirmed') LIMIT 1),
    'onValidators', EXISTS (SELECT FROM card JOIN deny_published USING (token_id)),
    'payment', (SELECT json_build_object('amountMinor', g.amount_minor::text, 'currency', g.currency, 'events',
        coalesce((SELECT json_agg(json_build_object('kind', e.kind, 'payUrl', e.pay_url, 'atMs', e.at_ms,
          'amountMinor', e.amount_minor::text) ORDER BY e.n)
          FROM debt_payment_event e WHERE e.debt_payment_id = g.debt_payment_id), '[]')) FROM paying g))
  WHERE EXISTS (SELECT FROM card)
$$;

-- Asks the desk for something; false = too much is asked already. Twice the same is one.
CREATE FUNCTION ask_debt_desk(of_kind text, of_reference text, in_language text, now_ms bigint) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = fare, pg_temp AS $$
BEGIN
  IF of_reference !~ '^[2345679ACEHKMPTX]{15}$' OR of_kind NOT IN ('pay', 'look') THEN RETURN false; END IF;
  IF (SELECT count(*) FROM (SELECT FROM debt_request LIMIT 1000) AS q) >= 1000 THEN RETURN false; END IF;
  INSERT INTO debt_request (kind, subject, language, at_ms) VALUES (of_kind, of_reference, in_language, now_ms)
    ON CONFLICT DO NOTHING;
  RETURN true;
END $$;

-- Keeps a call of the provider, once, and asks the desk to look; false = it was known.
CREATE FUNCTION hear_payment_call(of_call text, of_payment text, in_state text, of_amount bigint, of_currency text,
  now_ms bigint) RETURNS boolean LANGUAGE plpgsql SECURITY DEFINER SET search_path = fare, pg_temp AS $$
BEGIN
  INSERT INTO payment_call (call_id, debt_payment_id, state, amount_minor, currency, at_ms)
    VALUES (of_call, of_payment, in_state, of_amount, of_currency, now_ms) ON CONFLICT DO NOTHING;
  IF NOT FOUND THEN RETURN false; END IF;
  INSERT INTO debt_request (kind, subject, language, at_ms) VALUES ('look', of_payment, 'uk', now_ms)
    ON CONFLICT DO NOTHING;
  RETURN true;
END $$;

REVOKE ALL ON FUNCTION debt_page(text), ask_debt_desk(text, text, text, bigint),
  hear_payment_call(text, text, text, bigint, text, bigint), cards_of_reference(text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION debt_page(text), ask_debt_desk(text, text, text, bigint),
  hear_payment_call(text, text, text, bigint, text, bigint) TO portal_runtime;
GRANT EXECUTE ON FUNCTION cards_of_reference(text), debt_reference(text) TO fare_runtime;
GRANT SELECT, INSERT ON debt_payment, debt_payment_item, debt_payment_event TO fare_runtime;
GRANT SELECT ON payment_call TO fare_runtime;
GRANT SELECT, INSERT, UPDATE, DELETE ON debt_payment_work, debt_request TO fare_runtime;
GRANT SELECT ON debt_payment, debt_payment_item, debt_payment_event, payment_call TO auditor_runtime;
