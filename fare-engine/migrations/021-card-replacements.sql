-- A card in place of a lost one is a fact that is resolved by what is known: whether its station might issue, and whose
-- account the lost card stood for, are asked at every pricing, so no order of arrival matters.
CREATE TABLE medium_replacement (
  replacement_id uuid PRIMARY KEY,
  token_id text COLLATE "C" NOT NULL,
  replaces_token_id text COLLATE "C" NOT NULL,
  valid_from_ms bigint NOT NULL,
  known_from_ms bigint NOT NULL
);
CREATE INDEX medium_replacement_token ON medium_replacement (token_id);
CREATE INDEX medium_replacement_replaced ON medium_replacement (replaces_token_id);
COMMENT ON TABLE medium_replacement IS 'fact: the office says that a medium takes the place of another';

-- Whether a device was a station is what is known of it, not what was known when its record came.
ALTER TABLE card_act DROP COLUMN authorised;
CREATE INDEX card_act_replaced ON card_act (replaces_token_id) WHERE act = 'issued' AND replaces_token_id IS NOT NULL;
CREATE INDEX card_act_device ON card_act (device_id, at_ms) WHERE act IN ('issued', 'given-up');

-- Acts with what is known now of their device.
CREATE VIEW card_act_now AS
  SELECT a.*, coalesce((SELECT s.allowed FROM issuing_station s
      WHERE s.device_id = a.device_id AND s.valid_from_ms <= a.at_ms
        AND (s.valid_until_ms IS NULL OR a.at_ms < s.valid_until_ms)
      ORDER BY s.known_from_ms DESC, s.station_id DESC LIMIT 1), false) AS authorised
  FROM card_act a;

-- Replacements that have had an effect at any time: a device that never was a station joins no media. `said_ms`: a word of the
-- office on the new medium that is younger stands above it; a station spoke when it made the card, whenever that was heard.
CREATE VIEW card_replacement AS
  SELECT a.record_id AS ref, a.token_id, a.replaces_token_id, a.at_ms AS valid_from_ms, a.at_ms AS said_ms,
         a.received_at_ms AS known_from_ms, a.device_id
  FROM card_act a
  WHERE a.act = 'issued' AND a.replaces_token_id IS NOT NULL AND a.replaces_token_id <> a.token_id
    AND EXISTS (SELECT FROM issuing_station s
      WHERE s.device_id = a.device_id AND s.allowed AND s.valid_from_ms <= a.at_ms
        AND (s.valid_until_ms IS NULL OR a.at_ms < s.valid_until_ms))
  UNION ALL
  SELECT r.replacement_id::text, r.token_id, r.replaces_token_id, r.valid_from_ms, r.known_from_ms, r.known_from_ms, NULL
  FROM medium_replacement r;

-- Denials that follow from acts and replacements, as known now, beside those of the office.
CREATE VIEW card_denial AS
  SELECT a.record_id AS ref, a.token_id, 'lost' AS reason, a.at_ms AS valid_from_ms, a.received_at_ms AS known_from_ms
  FROM card_act_now a WHERE a.act = 'given-up' AND a.authorised
  UNION ALL
  SELECT a.record_id, a.replaces_token_id, 'replaced', a.at_ms, a.received_at_ms
  FROM card_act_now a
  WHERE a.act = 'issued' AND a.replaces_token_id IS NOT NULL AND a.replaces_token_id <> a.token_id AND a.authorised
  UNION ALL
  SELECT r.replacement_id::text, r.replaces_token_id, 'replaced', r.valid_from_ms, r.known_from_ms
  FROM medium_replacement r;

-- What was known before is looked at again.
INSERT INTO succession_queue (token_id)
  SELECT DISTINCT token_id FROM card_act WHERE act IN ('issued', 'given-up');

GRANT SELECT, INSERT ON medium_replacement TO fare_runtime;
GRANT SELECT ON card_act_now, card_replacement, card_denial TO fare_runtime, auditor_runtime;
GRANT SELECT ON medium_replacement TO auditor_runtime;

-- Which tokens belong together, both ways, so that a medium that nothing is known of costs one look into one index. Made from
-- facts by those who store them; what the tie means, and whether it holds, is asked of the facts.
CREATE TABLE medium_tie (
  token_id text COLLATE "C" NOT NULL,
  other_token_id text COLLATE "C" NOT NULL,
  PRIMARY KEY (token_id, other_token_id)
);
COMMENT ON TABLE medium_tie IS 'projection: tokens that a succession or a replacement joins; never fewer than the facts say';

CREATE FUNCTION tie_tokens(one text, other text) RETURNS void LANGUAGE sql AS $$
  INSERT INTO fare.medium_tie (token_id, other_token_id) VALUES (one, other), (other, one) ON CONFLICT DO NOTHING
$$;

CREATE FUNCTION tie_successions() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM fare.tie_tokens(token_id, former_token_id) FROM inserted ORDER BY token_id, former_token_id;
  RETURN NULL;
END $$;
CREATE TRIGGER medium_succession_tied AFTER INSERT ON medium_succession
  REFERENCING NEW TABLE AS inserted FOR EACH STATEMENT EXECUTE FUNCTION tie_successions();

CREATE FUNCTION tie_replacements() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM fare.tie_tokens(token_id, replaces_token_id) FROM inserted ORDER BY token_id, replaces_token_id;
  RETURN NULL;
END $$;
CREATE TRIGGER medium_replacement_tied AFTER INSERT ON medium_replacement
  REFERENCING NEW TABLE AS inserted FOR EACH STATEMENT EXECUTE FUNCTION tie_replacements();

-- Of devices that were a station at some time; the gate of facts keeps acts and words on stations apart.
CREATE FUNCTION tie_acts() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM fare.tie_tokens(r.token_id, r.replaces_token_id)
     FROM inserted i JOIN fare.card_replacement r ON r.ref = i.record_id AND r.token_id = i.token_id
    ORDER BY r.token_id, r.replaces_token_id;
  RETURN NULL;
END $$;
CREATE TRIGGER card_act_tied AFTER INSERT ON card_act
  REFERENCING NEW TABLE AS inserted FOR EACH STATEMENT EXECUTE FUNCTION tie_acts();

CREATE FUNCTION tie_acts_of_stations() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM fare.tie_tokens(a.token_id, a.replaces_token_id)
     FROM inserted s JOIN fare.card_act a ON a.device_id = s.device_id AND a.act IN ('issued', 'given-up')
      AND a.at_ms >= s.valid_from_ms AND (s.valid_until_ms IS NULL OR a.at_ms < s.valid_until_ms)
    WHERE s.allowed AND a.act = 'issued' AND a.replaces_token_id <> a.token_id
    ORDER BY a.token_id, a.replaces_token_id;
  RETURN NULL;
END $$;
CREATE TRIGGER issuing_station_tied AFTER INSERT ON issuing_station
  REFERENCING NEW TABLE AS inserted FOR EACH STATEMENT EXECUTE FUNCTION tie_acts_of_stations();

GRANT SELECT, INSERT ON medium_tie TO fare_runtime;
GRANT SELECT ON medium_tie TO auditor_runtime;
REVOKE EXECUTE ON FUNCTION tie_tokens(text, text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION tie_tokens(text, text) TO fare_runtime;

INSERT INTO medium_tie (token_id, other_token_id)
  SELECT token_id, former_token_id FROM medium_succession
  UNION SELECT former_token_id, token_id FROM medium_succession
  UNION SELECT token_id, replaces_token_id FROM card_replacement
  UNION SELECT replaces_token_id, token_id FROM card_replacement;
