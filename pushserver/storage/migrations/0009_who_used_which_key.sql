-- 0009: say which key a device came with, who announced it, and since when it came without.
-- running servers: keep working

ALTER TABLE device ADD COLUMN used_key_hash TEXT;
ALTER TABLE device ADD COLUMN announced BIGINT NOT NULL DEFAULT 0 CHECK (announced IN (0, 1));
ALTER TABLE device ADD COLUMN keyless_since BIGINT;
ALTER TABLE device ADD COLUMN keyless_address TEXT;
UPDATE device SET used_key_hash = key_hash WHERE key_enforced = 1 AND old_key_hash IS NULL;
