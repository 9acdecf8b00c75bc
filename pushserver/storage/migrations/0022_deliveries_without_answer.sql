-- 0022: find deliveries by uuid without an index that each one is written to.
-- running servers: keep working

DROP INDEX delivery_uuid;
CREATE INDEX delivery_without_uuid ON delivery (device_id, id) WHERE uuid IS NULL;
CREATE INDEX delivery_unanswered ON delivery (device_id, uuid, id)
    WHERE ended_at IS NOT NULL
    AND coalesce(outcome, '') NOT IN ('successful', 'failed');
