-- 0004: hold commands for a decision, after the database was restored.
-- running servers: keep working

ALTER TABLE command ADD COLUMN held BIGINT NOT NULL DEFAULT 0 CHECK (held IN (0, 1));
CREATE INDEX command_held ON command (scope_id, id) WHERE held = 1;
