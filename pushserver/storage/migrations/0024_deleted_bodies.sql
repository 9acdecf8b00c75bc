-- 0024: tell when a body was deleted, of what is kept for longer.
-- running servers: stop

ALTER TABLE command ADD COLUMN body_deleted_at BIGINT;
ALTER TABLE result ADD COLUMN body_deleted_at BIGINT;
ALTER TABLE step ADD COLUMN body_deleted_at BIGINT;
