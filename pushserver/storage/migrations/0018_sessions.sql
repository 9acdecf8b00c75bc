-- 0018: keep what logins gave for tokens.
-- running servers: keep working

CREATE TABLE session (
    id            BIGINT PRIMARY KEY,
    hash          TEXT   NOT NULL UNIQUE,      -- SHA-256 of what programs send, hex
    token_hash    TEXT   NOT NULL,             -- that of the token
    refresh_hash  TEXT   NOT NULL,
    created_at    BIGINT NOT NULL,
    refreshed_at  BIGINT NOT NULL,
    expires_at    BIGINT NOT NULL,
    refresh_until BIGINT NOT NULL
);
CREATE INDEX session_token ON session (token_hash, id);
CREATE INDEX session_end ON session (refresh_until);
