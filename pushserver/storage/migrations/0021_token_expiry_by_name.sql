-- 0021: keep on which day, as people call it, a token ends, whatever the clock shows.
-- running servers: keep working

ALTER TABLE token ADD COLUMN expires_wall BIGINT;
