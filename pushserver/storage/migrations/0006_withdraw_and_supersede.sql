-- 0006: commands are withdrawn.
-- running servers: stop

ALTER TABLE command ADD COLUMN withdrawn BIGINT NOT NULL DEFAULT 0
    CHECK (withdrawn IN (0, 1));
