-- 0003: say which protocol a device speaks, and what its id is there.
-- running servers: keep working

ALTER TABLE device ADD COLUMN protocol TEXT NOT NULL DEFAULT 'controlid';
ALTER TABLE device ADD COLUMN external_id TEXT;
