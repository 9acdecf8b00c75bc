-- 0007: say why a result was refused, and until when a delivery is busy.
-- running servers: keep working

ALTER TABLE result ADD COLUMN rejection TEXT;
ALTER TABLE delivery ADD COLUMN busy_until BIGINT;
