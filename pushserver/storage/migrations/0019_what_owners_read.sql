-- 0019: say of each subscription what whoever made it may read.
-- running servers: keep working

ALTER TABLE subscription ADD COLUMN may_read TEXT;
