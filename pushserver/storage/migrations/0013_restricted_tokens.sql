-- 0013: let tokens expire, and concern some devices alone; say when one was last used.
-- running servers: stop

ALTER TABLE token ADD COLUMN expires_at BIGINT;
ALTER TABLE token ADD COLUMN last_used_at BIGINT;
ALTER TABLE token ADD COLUMN device_ids TEXT;
ALTER TABLE token ADD COLUMN tags TEXT;
