-- Every record that is durably held, for whoever compares it with the devices' journals. A key under which a record
-- was accepted counts as accepted, also when other bytes came under the same key later.

CREATE VIEW published_held AS
SELECT device_id, epoch, seq, encode(hash, 'hex') AS hash, true AS accepted FROM record
UNION ALL
SELECT DISTINCT ON (q.device_id, q.epoch, q.seq) q.device_id, q.epoch, q.seq, encode(q.hash, 'hex'), false
FROM quarantine AS q
WHERE q.authentic AND q.seq IS NOT NULL
  AND NOT EXISTS (SELECT FROM record AS r
                  WHERE r.device_id = q.device_id AND r.epoch = q.epoch AND r.seq = q.seq);

GRANT SELECT ON published_held TO auditor_runtime;
