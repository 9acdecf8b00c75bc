-- 0008: store with a result what it says, so that it is read once.
-- running servers: keep working
--
-- What they store is read by servers of this schema, in the background.

ALTER TABLE result ADD COLUMN parsed TEXT;
ALTER TABLE result ADD COLUMN mended BYTEA;
CREATE INDEX result_unread ON result (id) WHERE parsed IS NULL;
