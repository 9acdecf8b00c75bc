-- 0006: commands are taken back after an attempt, and take the place of others.
-- running servers: stop

ALTER TABLE command ADD COLUMN withdrawn BIGINT NOT NULL DEFAULT 0
    CHECK (withdrawn IN (0, 1));
ALTER TABLE command ADD COLUMN supersede_key TEXT;
ALTER TABLE command ADD COLUMN replaced_by BIGINT;
CREATE INDEX command_supersede ON command (scope_id, supersede_key, id)
    WHERE supersede_key IS NOT NULL;
CREATE INDEX operation_running ON operation (device_id, id) WHERE status = 'RUNNING';
