-- Bank cards: what their taps brought for the bank, what was asked of the acquirer for them, and what came back.

-- What a bank card proved, and the data of its later authorisation, sealed for the acquirer: no card number can be read here.
CREATE TABLE bank_tap (
  tap_id text COLLATE "C" PRIMARY KEY,
  token_id text COLLATE "C" NOT NULL,
  fare_day date NOT NULL,
  par text COLLATE "C",
  par_proven boolean NOT NULL,
  oda text NOT NULL,
  authorisation text NOT NULL,
  acquirer_key_id text NOT NULL,
  fare_at_ms bigint NOT NULL,
  received_at_ms bigint NOT NULL
);
CREATE INDEX bank_tap_token ON bank_tap (token_id, fare_at_ms);
COMMENT ON TABLE bank_tap IS 'fact: what a bank card proved at a tap, and its sealed data for the authorisation';

-- Days of bank tokens of which something may be owed or given back. Several rows for one day do no harm. look_ms: when to
-- look at it; NULL = when the day is closed.
CREATE TABLE bank_queue (
  queue_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  token_id text COLLATE "C" NOT NULL,
  fare_day date NOT NULL,
  look_ms bigint DEFAULT -9000000000000000
);
CREATE INDEX bank_queue_token ON bank_queue (token_id);
CREATE INDEX bank_queue_look ON bank_queue (look_ms) WHERE look_ms IS NOT NULL;
CREATE INDEX bank_queue_day ON bank_queue (fare_day) WHERE look_ms IS NULL;
COMMENT ON TABLE bank_queue IS 'queue: fare days of bank cards that may owe something';

-- One request to a card's bank: a nominal authorisation, a charge for the rides of some days, a refund.
CREATE TABLE bank_payment (
  payment_id text COLLATE "C" PRIMARY KEY CHECK (payment_id ~ '^bp-[0-9a-f]{32}$'),
  kind text NOT NULL CHECK (kind IN ('nominal', 'charge', 'refund')),
  token_id text COLLATE "C" NOT NULL,
  amount_minor bigint NOT NULL CHECK (amount_minor >= 0),
  currency text NOT NULL CHECK (currency ~ '^[A-Z]{3}$'),
  -- Whose sealed data go along.
  tap_id text COLLATE "C" NOT NULL REFERENCES bank_tap,
  -- The charge that a refund gives back, in part or whole.
  refunds text COLLATE "C" REFERENCES bank_payment,
  made_at_ms bigint NOT NULL,
  CHECK ((kind = 'refund') = (refunds IS NOT NULL)),
  CHECK (kind = 'nominal' OR amount_minor > 0)
);
CREATE INDEX bank_payment_token ON bank_payment (token_id, made_at_ms);
COMMENT ON TABLE bank_payment IS 'fact: what is asked of a card''s bank';

-- What a payment is made of: amounts of fare days, above zero owed, below zero given back.
CREATE TABLE bank_item (
  payment_id text COLLATE "C" NOT NULL REFERENCES bank_payment,
  token_id text COLLATE "C" NOT NULL,
  fare_day date NOT NULL,
  account_id text COLLATE "C" NOT NULL,
  amount_minor bigint NOT NULL CHECK (amount_minor <> 0),
  PRIMARY KEY (payment_id, fare_day, account_id)
);
CREATE INDEX bank_item_day ON bank_item (token_id, fare_day);
COMMENT ON TABLE bank_item IS 'fact: what a payment is made of';

-- What happened to a payment, gapless from 1: whoever adds an event has seen all before it.
CREATE TABLE bank_event (
  payment_id text COLLATE "C" NOT NULL REFERENCES bank_payment,
  n int NOT NULL CHECK (n > 0),
  kind text NOT NULL CHECK (kind IN ('asked', 'approved', 'declined', 'cleared', 'refunded', 'held', 'released',
    'paid', 'charged-back', 'written-off', 'withdrawn')),
  -- Key of the request, or of a debt's payment at the provider.
  key text COLLATE "C",
  -- The bank's code, or a chargeback's reason.
  code text,
  -- Under which the acquirer or the provider knows it.
  reference text COLLATE "C",
  amount_minor bigint CHECK (amount_minor > 0),
  at_ms bigint NOT NULL,
  PRIMARY KEY (payment_id, n)
);
CREATE INDEX bank_event_reference ON bank_event (reference) WHERE reference IS NOT NULL;
COMMENT ON TABLE bank_event IS 'fact: what became of a payment';

-- Payments on which something is to be done, and from when.
CREATE TABLE bank_work (
  payment_id text COLLATE "C" PRIMARY KEY REFERENCES bank_payment,
  due_ms bigint NOT NULL,
  tries int NOT NULL DEFAULT 0
);
CREATE INDEX bank_work_due ON bank_work (due_ms);
COMMENT ON TABLE bank_work IS 'queue: payments with something left to do';

-- Adjustments of closed days alone come here: whatever else changes does so before its day is closed.
CREATE FUNCTION queue_bank_adjustment() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO fare.bank_queue (token_id, fare_day, look_ms)
    SELECT b.token_id, NEW.fare_day, NULL FROM fare.bank_tap b WHERE b.tap_id = NEW.tap_id;
  RETURN NULL;
END $$;
CREATE TRIGGER bank_adjustment AFTER INSERT ON decision FOR EACH ROW
  WHEN (NEW.adjusts_close IS NOT NULL OR NEW.kind = 'withdrawn') EXECUTE FUNCTION queue_bank_adjustment();

-- A tap whose time was settled anew may stand on another day.
CREATE FUNCTION queue_bank_time() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE before date := CASE WHEN TG_OP = 'UPDATE' THEN OLD.fare_day END;
BEGIN
  INSERT INTO fare.bank_queue (token_id, fare_day, look_ms)
    SELECT DISTINCT b.token_id, d.fare_day, NULL::bigint FROM fare.bank_tap b
     CROSS JOIN LATERAL (VALUES (NEW.fare_day), (b.fare_day), (before)) AS d (fare_day)
     WHERE b.tap_id = NEW.tap_id AND d.fare_day IS NOT NULL;
  RETURN NULL;
END $$;
CREATE TRIGGER bank_time AFTER INSERT OR UPDATE ON tap_time FOR EACH ROW EXECUTE FUNCTION queue_bank_time();

GRANT SELECT, INSERT ON bank_tap, bank_payment, bank_item, bank_event TO fare_runtime;
GRANT SELECT ON bank_tap, bank_payment, bank_item, bank_event TO auditor_runtime;
GRANT SELECT, INSERT, UPDATE, DELETE ON bank_queue, bank_work TO fare_runtime;
