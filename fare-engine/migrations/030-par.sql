-- The account behind a bank card (EMV payment account reference): plastic and phone have numbers, and so tokens, of their
-- own, and one PAR. Only what the card's signature covers or its bank has said stands here.
CREATE TABLE medium_par (
  token_id text COLLATE "C" NOT NULL,
  par text COLLATE "C" NOT NULL,
  -- When it was said; a row for each time that is earlier than those known before it.
  known_from_ms bigint NOT NULL,
  PRIMARY KEY (token_id, par, known_from_ms)
);
CREATE INDEX medium_par_par ON medium_par (par);
COMMENT ON TABLE medium_par IS 'fact: a token stands for the bank account of this reference';

-- Tokens of one account are one family. Who says it of a second one waits for who says it of the first: neither is missed.
CREATE FUNCTION tie_pars() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM pg_advisory_xact_lock(hashtextextended(par, 28)) FROM (SELECT DISTINCT par FROM inserted ORDER BY par) AS p;
  PERFORM fare.tie_tokens(i.token_id, o.token_id)
     FROM inserted i JOIN fare.medium_par o ON o.par = i.par AND o.token_id <> i.token_id ORDER BY i.token_id, o.token_id;
  INSERT INTO fare.succession_queue (token_id)
    SELECT DISTINCT i.token_id FROM inserted i JOIN fare.medium_par o ON o.par = i.par AND o.token_id <> i.token_id;
  RETURN NULL;
END $$;
CREATE TRIGGER medium_par_tied AFTER INSERT ON medium_par
  REFERENCING NEW TABLE AS inserted FOR EACH STATEMENT EXECUTE FUNCTION tie_pars();

GRANT SELECT, INSERT ON medium_par TO fare_runtime;
GRANT SELECT ON medium_par TO auditor_runtime;
