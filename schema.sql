-- The schema of every store: SQLite and PostgreSQL read this one file.
--
-- Instants and durations are microseconds (UTC since 1970), ids are int64 that grow with
-- time, JSON is TEXT, states are their names. Whoever reads: `command` is what programs
-- ordered, `delivery` each handing-out of a command to its device, `result` each body
-- that a device posted, as it came. A `scope` is a tenant; whatever has a scope_id is
-- seen and changed by that tenant's tokens alone.

CREATE TABLE scope (
    id         BIGINT PRIMARY KEY,               -- the first one is 1
    name       TEXT   NOT NULL,
    created_at BIGINT NOT NULL
);

CREATE TABLE device (
    device_id    BIGINT PRIMARY KEY,             -- adopted by one scope at a time
    scope_id     BIGINT NOT NULL,
    state        TEXT   NOT NULL CHECK (state IN ('adopted', 'quarantined')),
    name         TEXT,
    tags         TEXT   NOT NULL DEFAULT '{}', -- a JSON object of strings
    hold         BIGINT,                       -- how long its polls are held
    created_at   BIGINT NOT NULL,
    key_hash     TEXT,                         -- SHA-256, hex; the newest key
    old_key_hash TEXT,                         -- still valid while the key is rotated
    key_enforced BIGINT NOT NULL DEFAULT 0 CHECK (key_enforced IN (0, 1))
);
CREATE INDEX device_quarantined ON device (device_id) WHERE state = 'quarantined';

-- Apart from `device`, because it changes with every poll and is written in bulk.
CREATE TABLE device_seen (
    device_id    BIGINT PRIMARY KEY,
    last_seen_at BIGINT NOT NULL,
    address      TEXT,
    period       BIGINT,                       -- between idle polls, as seen
    polled_plain BIGINT NOT NULL DEFAULT 0 CHECK (polled_plain IN (0, 1)),
    stray_count  BIGINT NOT NULL DEFAULT 0     -- requests that are no poll and no result
);

-- The last requests of quarantined devices, and calls that no face knows.
CREATE TABLE stray_request (
    id           BIGINT PRIMARY KEY,
    device_id    BIGINT NOT NULL,
    at           BIGINT NOT NULL,
    method       TEXT   NOT NULL,
    path         TEXT   NOT NULL,              -- with its query
    address      TEXT,
    body         BYTEA                         -- the first 4 kB
);
CREATE INDEX stray_request_device ON stray_request (device_id, id);

CREATE TABLE command (
    id               BIGINT PRIMARY KEY,
    scope_id         BIGINT NOT NULL,
    device_id        BIGINT NOT NULL,
    verb             TEXT   NOT NULL CHECK (verb IN ('GET', 'POST')),
    endpoint         TEXT   NOT NULL,
    body             TEXT,                     -- JSON, to the byte as it was given
    content_type     TEXT   NOT NULL,
    query_string     TEXT,
    metadata         TEXT,                     -- JSON
    priority         BIGINT NOT NULL CHECK (priority BETWEEN -100 AND 100),
    delivery         TEXT   NOT NULL CHECK (delivery IN ('atLeastOnce', 'atMostOnce')),
    max_attempts     BIGINT NOT NULL,
    response_timeout BIGINT NOT NULL,
    slow             BIGINT NOT NULL CHECK (slow IN (0, 1)),
    created_at       BIGINT NOT NULL,
    not_before       BIGINT,
    expires_at       BIGINT NOT NULL,
    state            TEXT   NOT NULL CHECK (state IN (
        'PENDING', 'SENT', 'DELIVERED', 'SUCCESSFUL', 'FAILED', 'TIMEOUT', 'EXPIRED',
        'CANCELED')),
    attempts         BIGINT NOT NULL,
    sent_at          BIGINT,
    delivered_at     BIGINT,
    finished_at      BIGINT,
    operation_id     BIGINT,
    result_id        BIGINT                    -- the result that ended it
);
CREATE INDEX command_device ON command (device_id, id);
CREATE INDEX command_scope ON command (scope_id, id);
CREATE INDEX command_state ON command (scope_id, state, id);
CREATE INDEX command_endpoint ON command (scope_id, endpoint, id);
CREATE INDEX command_operation ON command (operation_id, id)
    WHERE operation_id IS NOT NULL;

CREATE TABLE delivery (
    id           BIGINT PRIMARY KEY,
    command_id   BIGINT NOT NULL,
    device_id    BIGINT NOT NULL,
    uuid         TEXT,                         -- made by the device for its poll
    address      TEXT,
    sent_at      BIGINT NOT NULL,
    delivered_at BIGINT,
    ended_at     BIGINT,
    outcome      TEXT CHECK (outcome IN (
        'successful', 'failed', 'noAnswer', 'notWritten', 'closed'))
);
CREATE INDEX delivery_command ON delivery (command_id, id);
CREATE INDEX delivery_uuid ON delivery (device_id, uuid, id);
CREATE INDEX delivery_no_answer ON delivery (device_id, id) WHERE outcome = 'noAnswer';

CREATE TABLE result (
    id               BIGINT PRIMARY KEY,
    scope_id         BIGINT NOT NULL,          -- its command's, or its device's
    device_id        BIGINT NOT NULL,
    command_id       BIGINT,                   -- NULL: an orphan
    delivery_id      BIGINT,
    matched_by       TEXT CHECK (matched_by IN ('uuid', 'inFlight', 'lastGivenUp')),
    uuid             TEXT,
    endpoint         TEXT,
    received_at      BIGINT NOT NULL,
    content_type     TEXT,
    content_encoding TEXT,
    complete         BIGINT NOT NULL CHECK (complete IN (0, 1)),
    body             BYTEA  NOT NULL           -- as it was posted, never inflated
);
CREATE INDEX result_device ON result (device_id, id);
CREATE INDEX result_scope ON result (scope_id, id);
CREATE INDEX result_orphan ON result (scope_id, id) WHERE command_id IS NULL;

CREATE TABLE idempotency_key (
    token_id    BIGINT NOT NULL,
    path        TEXT   NOT NULL,
    value       TEXT   NOT NULL,
    fingerprint TEXT   NOT NULL,
    answer      BYTEA  NOT NULL,
    created_at  BIGINT NOT NULL,
    PRIMARY KEY (token_id, path, value)
);
CREATE INDEX idempotency_key_age ON idempotency_key (created_at);

CREATE TABLE token (
    id          BIGINT PRIMARY KEY,
    scope_id    BIGINT NOT NULL,
    hash        TEXT   NOT NULL UNIQUE,        -- SHA-256 of the token, hex
    name        TEXT   NOT NULL,
    permissions TEXT   NOT NULL,               -- separated by spaces
    created_at  BIGINT NOT NULL,
    revoked_at  BIGINT
);
