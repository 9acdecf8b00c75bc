-- 0020: keep bytes once that many commands carry, and long bodies of all kinds alike.
-- running servers: stop

ALTER TABLE result_piece RENAME TO piece;
ALTER TABLE piece RENAME COLUMN result_id TO owner_id;

-- PostgreSQL alone
ALTER TABLE piece RENAME CONSTRAINT result_piece_pkey TO piece_pkey;

-- Every store
CREATE TABLE blob (
    id         BIGINT PRIMARY KEY,
    scope_id   BIGINT NOT NULL,
    sha256     TEXT   NOT NULL,
    size       BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    used_at    BIGINT NOT NULL,
    UNIQUE (scope_id, sha256)
);
CREATE INDEX blob_used ON blob (used_at);
ALTER TABLE command ADD COLUMN blob TEXT;
CREATE INDEX command_blob ON command (blob) WHERE blob IS NOT NULL;
ALTER TABLE step ADD COLUMN blob TEXT;
CREATE INDEX step_blob ON step (blob) WHERE blob IS NOT NULL;
