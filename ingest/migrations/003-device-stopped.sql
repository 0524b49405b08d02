-- A device that said itself that it stops is off; one whose last will was published has vanished.

ALTER TABLE device_status ADD COLUMN stopped boolean NOT NULL DEFAULT false;

CREATE OR REPLACE VIEW published_device AS
SELECT known.device_id,
       coalesce(s.online, false) AS online,
       greatest(s.at_ms, h.at_ms, l.last_record_at_ms, q.last_record_at_ms) AS last_seen_ms,
       h.health,
       coalesce(l.records, 0) + coalesce(q.records, 0) AS records,
       coalesce(l.gaps, 0) AS gaps,
       coalesce(l.unlinked, 0) AS unlinked,
       coalesce(f.forks, 0) AS forks,
       greatest(l.last_record_at_ms, q.last_record_at_ms) AS last_record_at_ms,
       coalesce(s.stopped AND NOT s.online, false) AS stopped
FROM (SELECT DISTINCT device_id FROM device_key) AS known
LEFT JOIN device_status AS s USING (device_id)
LEFT JOIN device_health AS h USING (device_id)
LEFT JOIN link_device AS l USING (device_id)
LEFT JOIN (SELECT device_id, sum(records)::bigint AS records, max(received_at_ms) AS last_record_at_ms
           FROM link_queue GROUP BY device_id) AS q USING (device_id)
LEFT JOIN (SELECT device_id, count(*) AS forks FROM link_fork GROUP BY device_id) AS f USING (device_id);
