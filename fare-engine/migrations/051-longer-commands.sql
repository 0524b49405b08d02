-- A signature carries its evidence, up to 40,000 letters (command-kinds.ts): the queue refused what the schema of the command
-- takes. Whatever it takes stays below the 65,535 bytes of an entry of the audit log.
ALTER TABLE command_inbox DROP CONSTRAINT command_inbox_payload_check,
  ADD CONSTRAINT command_inbox_payload_check CHECK (octet_length(payload::text) <= 49152);
