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
CREATE UNIQUE INDEX scope_name ON scope (name);

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
    key_enforced BIGINT NOT NULL DEFAULT 0 CHECK (key_enforced IN (0, 1)),
    protocol     TEXT   NOT NULL DEFAULT 'controlid',
    external_id  TEXT,                         -- its id there; NULL: device_id itself
    used_key_hash   TEXT,                      -- the key that it came with last
    announced    BIGINT NOT NULL DEFAULT 0 CHECK (announced IN (0, 1)), -- before it polled
    keyless_since   BIGINT,                    -- its first poll without a key
    keyless_address TEXT,
    adopted_by      BIGINT,                    -- a token's id
    adopted_by_name TEXT
);
CREATE INDEX device_quarantined ON device (device_id) WHERE state = 'quarantined';

-- Apart from `device`, because it changes with every poll and is written in bulk.
CREATE TABLE device_seen (
    device_id             BIGINT PRIMARY KEY,
    last_seen_at          BIGINT NOT NULL,
    address               TEXT,
    poll_period           BIGINT,                  -- between idle polls, as seen
    polled_without_key    BIGINT NOT NULL DEFAULT 0 CHECK (polled_without_key IN (0, 1)),
    unknown_request_count BIGINT NOT NULL DEFAULT 0 -- neither a poll nor a result
);

-- The last requests of quarantined devices, and calls that no face knows.
CREATE TABLE unknown_request (
    id        BIGINT PRIMARY KEY,
    device_id BIGINT NOT NULL,
    at        BIGINT NOT NULL,
    method    TEXT   NOT NULL,
    path      TEXT   NOT NULL,                     -- with its query
    address   TEXT,
    body      BYTEA                                -- the first 4 kB
);
CREATE INDEX unknown_request_device ON unknown_request (device_id, id);

CREATE TABLE command (
    id               BIGINT PRIMARY KEY,
    scope_id         BIGINT NOT NULL,
    device_id        BIGINT NOT NULL,
    verb             TEXT   NOT NULL CHECK (verb IN ('GET', 'POST')),
    endpoint         TEXT   NOT NULL,
    body             TEXT,                         -- JSON, to the byte as it was given
    content_type     TEXT   NOT NULL,
    query_string     TEXT,
    metadata         TEXT,                         -- JSON
    priority         BIGINT NOT NULL CHECK (priority BETWEEN -100 AND 100),
    guarantee        TEXT   NOT NULL CHECK (guarantee IN ('atLeastOnce', 'atMostOnce')),
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
    transition_count BIGINT NOT NULL,              -- how many transitions it made
    sent_at          BIGINT,
    delivered_at     BIGINT,
    finished_at      BIGINT,
    operation_id     BIGINT,
    step             BIGINT,                       -- which of the operation's, from 0
    resource         TEXT,                         -- what the step is called there
    result_id        BIGINT,                       -- the result that ended it
    service_id       TEXT,                         -- the service it writes or reads
    held             BIGINT NOT NULL DEFAULT 0 CHECK (held IN (0, 1)), -- not handed out
    withdrawn        BIGINT NOT NULL DEFAULT 0 CHECK (withdrawn IN (0, 1)), -- after an attempt
    supersede_key    TEXT,                         -- a newer one with it takes its place
    replaced_by      BIGINT,                       -- the command that did
    created_by       BIGINT,                       -- a token's id; NULL: not recorded
    created_by_name  TEXT,                         -- what it was called then
    canceled_by      BIGINT,
    canceled_by_name TEXT,
    created_from     TEXT,                         -- the program's address
    request_id       TEXT,
    blob             TEXT,                         -- the hash of the blob that is its body
    body_deleted_at  BIGINT,                       -- body and blob are gone since
    traceparent      TEXT,                         -- of the request, as W3C writes it
    tracestate       TEXT
);
CREATE INDEX command_blob ON command (blob) WHERE blob IS NOT NULL;
CREATE INDEX command_device ON command (device_id, id);
CREATE INDEX command_scope ON command (scope_id, id);
CREATE INDEX command_state ON command (scope_id, state, id);
CREATE INDEX command_endpoint ON command (scope_id, endpoint, id);
CREATE INDEX command_creator ON command (created_by, id);
CREATE INDEX command_held ON command (scope_id, id) WHERE held = 1;
CREATE INDEX command_supersede ON command (scope_id, supersede_key, id)
    WHERE supersede_key IS NOT NULL;
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
    -- NULL, and ended: no answer, and none is expected since its device was deleted.
    outcome      TEXT CHECK (outcome IN (
        'successful', 'failed', 'unreadable', 'noAnswer', 'notWritten', 'closed')),
    busy_until   BIGINT                        -- its answer or result travels till then
);
CREATE INDEX delivery_command ON delivery (command_id, id);
-- A result without uuid asks for these; nearly all devices make one for each poll.
CREATE INDEX delivery_without_uuid ON delivery (device_id, id) WHERE uuid IS NULL;
-- Whose result may still come. Those in flight are in memory, and left out: most are
-- answered, so an index of all would be written for nothing.
CREATE INDEX delivery_unanswered ON delivery (device_id, uuid, id)
    WHERE ended_at IS NOT NULL
    AND coalesce(outcome, '') NOT IN ('successful', 'failed');
CREATE INDEX delivery_open_ended ON delivery (device_id, id)
    WHERE outcome IN ('unreadable', 'noAnswer');

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
    body             BYTEA  NOT NULL,          -- as it was posted, never inflated;
                                               -- the first MiB, since schema 15
    command_endpoint TEXT,                     -- NULL: an orphan, or from before schema 5
    rejection        TEXT,                     -- why the server refused it
    parsed           TEXT,                     -- what it says, and where in body || mended;
                                               -- NULL: from before schema 8, not read yet
    mended           BYTEA,                    -- what it says, and stands nowhere in body;
                                               -- the first MiB
    body_deleted_at  BIGINT                    -- body and mended are empty since
);
CREATE INDEX result_device ON result (device_id, id);
CREATE INDEX result_scope ON result (scope_id, id);
CREATE INDEX result_orphan ON result (scope_id, id) WHERE command_id IS NULL;
CREATE INDEX result_device_orphan ON result (device_id, id) WHERE command_id IS NULL;
CREATE INDEX result_unread ON result (id) WHERE parsed IS NULL;

-- Long bodies, of which a database takes one piece after the other.
CREATE TABLE piece (
    owner_id BIGINT NOT NULL,                  -- a result's id, or a blob's
    number   BIGINT NOT NULL,                  -- from 1: a result's first is in its row;
                                               -- from -1 down: of what was mended
    piece    BYTEA  NOT NULL,
    PRIMARY KEY (owner_id, number)
);

-- Bytes that commands and steps refer to by their hash; in pieces, all of them.
CREATE TABLE blob (
    id         BIGINT PRIMARY KEY,
    scope_id   BIGINT NOT NULL,
    sha256     TEXT   NOT NULL,
    size       BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    used_at    BIGINT NOT NULL,                -- it was uploaded, or named, last then
    UNIQUE (scope_id, sha256)
);
CREATE INDEX blob_used ON blob (used_at);

-- Tracked work on one device: steps that become commands, one after the other.
CREATE TABLE operation (
    id            BIGINT PRIMARY KEY,
    scope_id      BIGINT NOT NULL,
    device_id     BIGINT NOT NULL,
    task_id       BIGINT,                          -- the task whose part it is
    created_at    BIGINT NOT NULL,
    created_by    BIGINT NOT NULL,                 -- a token's id
    resource      TEXT   NOT NULL,
    action        TEXT   NOT NULL,
    app_id        TEXT   NOT NULL,
    properties    TEXT,                            -- a JSON object of strings
    on_failure    TEXT   NOT NULL CHECK (on_failure IN ('stop', 'continue')),
    step_count    BIGINT NOT NULL,                 -- how many; so are the next four
    queued_steps  BIGINT NOT NULL,                 -- became commands
    done_steps    BIGINT NOT NULL,                 -- are over
    failed_steps  BIGINT NOT NULL,                 -- of those, without success
    unknown_steps BIGINT NOT NULL,                 -- of those, without an answer
    progress      BIGINT NOT NULL CHECK (progress BETWEEN 0 AND 100),
    status        TEXT   NOT NULL CHECK (status IN (
        'RUNNING', 'COMPLETED', 'FAILED', 'STALE')),
    canceled      BIGINT NOT NULL CHECK (canceled IN (0, 1)),
    retried       BIGINT NOT NULL CHECK (retried IN (0, 1)), -- another took its place
    started_at    BIGINT,
    ended_at      BIGINT,
    modified_at   BIGINT NOT NULL,
    version       BIGINT NOT NULL,                 -- grows with every change
    created_by_name  TEXT,
    canceled_by      BIGINT,
    canceled_by_name TEXT,
    request_id       TEXT,                         -- what made it; its commands have it, too
    traceparent      TEXT,
    tracestate       TEXT
);
CREATE INDEX operation_scope ON operation (scope_id, id);
CREATE INDEX operation_status ON operation (scope_id, status, id);
CREATE INDEX operation_device ON operation (device_id, id);
CREATE INDEX operation_without_steps ON operation (scope_id)
    WHERE status = 'RUNNING' AND step_count = 0;
CREATE INDEX operation_creator ON operation (created_by, id);
CREATE INDEX operation_task ON operation (task_id, retried, status, id)
    WHERE task_id IS NOT NULL;
CREATE INDEX operation_part ON operation (task_id, id) WHERE task_id IS NOT NULL;
-- What ends with its device.
CREATE INDEX operation_running ON operation (device_id, id) WHERE status = 'RUNNING';
-- Whose next step is to be made a command, and who of a task has not begun.
CREATE INDEX operation_due ON operation (id)
    WHERE status = 'RUNNING' AND queued_steps = done_steps AND done_steps > 0
    AND done_steps < step_count;
CREATE INDEX operation_waiting ON operation (task_id, id)
    WHERE status = 'RUNNING' AND queued_steps = 0 AND task_id IS NOT NULL;

-- The commands to be; a task's are kept once, for all of its operations.
CREATE TABLE step (
    owner_id         BIGINT NOT NULL,              -- an operation's id, or a task's
    number           BIGINT NOT NULL,              -- from 0
    resource         TEXT,
    verb             TEXT   NOT NULL,
    endpoint         TEXT   NOT NULL,
    body             TEXT,
    content_type     TEXT   NOT NULL,
    query_string     TEXT,
    metadata         TEXT,
    priority         BIGINT NOT NULL,
    guarantee        TEXT,                         -- NULL: as the catalogue has it
    max_attempts     BIGINT,
    response_timeout BIGINT,
    expires_in       BIGINT,
    not_before       BIGINT,
    service_id       TEXT,                         -- the service it writes
    blob             TEXT,                         -- the hash of the blob that is its body
    body_deleted_at  BIGINT,
    PRIMARY KEY (owner_id, number)
);
CREATE INDEX step_blob ON step (blob) WHERE blob IS NOT NULL;

-- Progress of an operation, as the server or somebody else tells it.
CREATE TABLE notification (
    id           BIGINT PRIMARY KEY,
    operation_id BIGINT NOT NULL,
    scope_id     BIGINT NOT NULL,
    created_at   BIGINT NOT NULL,
    created_by   BIGINT NOT NULL,              -- a token's id
    sent_at      BIGINT NOT NULL,
    status       TEXT   NOT NULL,
    resource     TEXT,
    progress     BIGINT NOT NULL,
    message      TEXT
);
CREATE INDEX notification_sent ON notification (operation_id, sent_at, id);
CREATE INDEX notification_resource ON notification
    (operation_id, resource, sent_at, id);
CREATE INDEX notification_status ON notification (operation_id, status, sent_at, id);
CREATE INDEX notification_progress ON notification
    (operation_id, progress, sent_at, id);
CREATE INDEX notification_id ON notification (operation_id, id);

-- The same operation on many devices.
CREATE TABLE task (
    id               BIGINT PRIMARY KEY,
    scope_id         BIGINT NOT NULL,
    name             TEXT,
    created_at       BIGINT NOT NULL,
    created_by       BIGINT NOT NULL,              -- a token's id
    expires_in       BIGINT NOT NULL,              -- how long devices are waited for
    expires_at       BIGINT NOT NULL,
    state            TEXT   NOT NULL CHECK (state IN (
        'PREPARING', 'RUNNING', 'PAUSED', 'CANCELED', 'COMPLETED')),
    resource         TEXT   NOT NULL,
    action           TEXT   NOT NULL,
    app_id           TEXT   NOT NULL,
    properties       TEXT,
    on_failure       TEXT   NOT NULL CHECK (on_failure IN ('stop', 'continue')),
    step_count       BIGINT NOT NULL,
    concurrency      BIGINT,
    stop_after       TEXT,                         -- '5' or '5%' failures
    ignored_failures BIGINT NOT NULL,              -- failures at the last resume
    ended_at         BIGINT,
    created_by_name  TEXT,
    canceled_by      BIGINT,
    canceled_by_name TEXT
);
CREATE INDEX task_scope ON task (scope_id, id);
CREATE INDEX task_creator ON task (created_by, id);
CREATE INDEX task_active ON task (id) WHERE ended_at IS NULL;

-- What makes a task an upgrade: its first step reads the version, then so many steps
-- download, so many apply, and the last one reads the version again.
CREATE TABLE upgrade (
    task_id         BIGINT PRIMARY KEY,
    scope_id        BIGINT NOT NULL,
    target_version  TEXT   NOT NULL,
    version_pointer TEXT   NOT NULL,               -- a JSON Pointer into the response
    download_steps  BIGINT NOT NULL,
    apply_steps     BIGINT NOT NULL,
    max_retries     BIGINT NOT NULL,               -- in all, for each device
    apply_timeout   BIGINT NOT NULL
);
CREATE INDEX upgrade_scope ON upgrade (scope_id, task_id);

-- How far an operation of an upgrade is; it has no row before its first step.
CREATE TABLE device_upgrade (
    operation_id     BIGINT PRIMARY KEY,
    state            TEXT   NOT NULL CHECK (state IN (
        'idle', 'downloading', 'downloaded', 'updating')),
    source_version   TEXT,
    current_version  TEXT,
    apply_unanswered BIGINT NOT NULL CHECK (apply_unanswered IN (0, 1)),
    retries_used     BIGINT NOT NULL,              -- of the retries
    updating_at      BIGINT,
    error_code       TEXT,
    error            TEXT
);

-- What is desired of each service of a device, and what is known of it.
CREATE TABLE shadow (
    device_id        BIGINT NOT NULL,
    service_id       TEXT   NOT NULL,
    scope_id         BIGINT NOT NULL,
    desired          TEXT   NOT NULL,              -- a JSON object, as it was given
    reported         TEXT   NOT NULL,              -- a JSON object of strings
    desired_version  BIGINT NOT NULL,              -- the device's counter at the last change
    desired_at       BIGINT,
    reported_at      BIGINT,
    write_command_id BIGINT,                       -- writes it, or wrote it last
    sent_values      TEXT   NOT NULL,              -- of what is desired, what that carries
    sent_texts       TEXT   NOT NULL,              -- the same as the device is told it
    sent_version     BIGINT NOT NULL,
    write_outcome    TEXT CHECK (write_outcome IN ('delivered', 'failed')),
    verified         BIGINT NOT NULL CHECK (verified IN (0, 1)), -- read after the write
    write_error      TEXT,                         -- JSON
    write_expired    BIGINT NOT NULL CHECK (write_expired IN (0, 1)), -- never handed out
    needs_reconcile  BIGINT NOT NULL CHECK (needs_reconcile IN (0, 1)),
    awaits_step      BIGINT NOT NULL CHECK (awaits_step IN (0, 1)), -- a step will write it
    read_command_id  BIGINT,                       -- reads it, or read it last
    read_keys        TEXT   NOT NULL,              -- a JSON array: for what that asks
    desired_by       BIGINT,                       -- the token that desired it last
    desired_by_name  TEXT,
    PRIMARY KEY (device_id, service_id)
);
CREATE INDEX shadow_needs_reconcile ON shadow (device_id) WHERE needs_reconcile = 1;
CREATE INDEX shadow_write_expired ON shadow (device_id) WHERE write_expired = 1;

-- What happened, in order, as far as anybody wants to hear of it.
CREATE TABLE event (
    id        BIGINT PRIMARY KEY,
    scope_id  BIGINT NOT NULL,
    type      TEXT   NOT NULL,
    device_id BIGINT,
    at        BIGINT NOT NULL,
    data      BYTEA  NOT NULL                  -- JSON
);
CREATE INDEX event_scope ON event (scope_id, id);

-- What streams want to hear of, for ten minutes after they left: then they may go on
-- where they were, also on another server.
CREATE TABLE interest (
    scope_id BIGINT NOT NULL,
    type     TEXT   NOT NULL,
    since    BIGINT NOT NULL,                  -- all such events were written from then on
    until    BIGINT NOT NULL,
    PRIMARY KEY (scope_id, type)
);

-- Applications' URLs, and what they want to hear of.
CREATE TABLE subscription (
    id               BIGINT PRIMARY KEY,
    scope_id         BIGINT NOT NULL,
    created_at       BIGINT NOT NULL,
    url              TEXT   NOT NULL,
    events           TEXT   NOT NULL,          -- types, separated by spaces
    format           TEXT   NOT NULL CHECK (format IN (
        'native', 'iotda', 'oceanconnect')),
    secret           TEXT   NOT NULL,
    app_id           TEXT   NOT NULL,
    cursor           BIGINT NOT NULL,          -- the last event that was looked at
    device_ids       TEXT,                     -- a JSON array; NULL: any
    tags             TEXT,                     -- a JSON object; NULL: any
    ordered          BIGINT NOT NULL CHECK (ordered IN (0, 1)),
    headers          TEXT   NOT NULL,          -- a JSON object of strings
    description      TEXT,
    include_result   BIGINT NOT NULL CHECK (include_result IN (0, 1)),
    profile          TEXT   NOT NULL CHECK (profile IN ('standard', 'huawei')),
    resource_name    TEXT,
    old_secret       TEXT,                     -- signs, too, while it is replaced
    old_secret_until BIGINT,
    health           TEXT   NOT NULL CHECK (health IN ('active', 'paused', 'disabled')),
    failures         BIGINT NOT NULL,          -- in a row
    failing_since    BIGINT,
    dropped          BIGINT NOT NULL,          -- events that fell off its backlog
    last_success_at  BIGINT,
    last_failure_at  BIGINT,
    last_error       TEXT,
    created_by       BIGINT,
    created_by_name  TEXT,
    may_read         TEXT                      -- permissions; NULL: not known, all
);
CREATE INDEX subscription_scope ON subscription (scope_id, id);

-- Telling one subscription of one event, and each try at it.
CREATE TABLE webhook (
    subscription_id BIGINT NOT NULL,
    event_id        BIGINT NOT NULL,
    device_id       BIGINT NOT NULL,               -- -1: of none
    state           TEXT   NOT NULL CHECK (state IN ('pending', 'delivered', 'dead')),
    next_attempt_at BIGINT,                        -- when it is tried again
    attempts        TEXT   NOT NULL,               -- a JSON array
    PRIMARY KEY (subscription_id, event_id)
);
CREATE INDEX webhook_due ON webhook (subscription_id, next_attempt_at, event_id)
    WHERE state = 'pending';
-- For those who are told in order: with all that their conditions ask for.
CREATE INDEX webhook_pending ON webhook
    (subscription_id, event_id, next_attempt_at, device_id) WHERE state = 'pending';
CREATE INDEX webhook_device ON webhook
    (subscription_id, device_id, event_id, next_attempt_at, state)
    WHERE state = 'pending';
CREATE INDEX webhook_dead ON webhook (subscription_id, event_id) WHERE state = 'dead';
CREATE INDEX webhook_all_dead ON webhook (event_id) WHERE state = 'dead';
CREATE INDEX webhook_event ON webhook (event_id, state);

CREATE TABLE idempotency_key (
    token_id      BIGINT NOT NULL,
    path          TEXT   NOT NULL,
    value         TEXT   NOT NULL,
    fingerprint   TEXT   NOT NULL,
    response_body BYTEA  NOT NULL,
    created_at    BIGINT NOT NULL,
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
    revoked_at  BIGINT,
    created_by  BIGINT,                        -- the token that made it
    created_by_name TEXT,
    expires_at  BIGINT,
    last_used_at BIGINT,                       -- to the minute
    device_ids  TEXT,                          -- a JSON array; NULL: any device
    tags        TEXT,                          -- a JSON object; NULL: any tags
    expires_wall BIGINT                        -- what people called expires_at, UTC
);

-- What a login gave for a token; it ends with that, or before.
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

-- Instants are server time, which never jumps. From `started_at` on, people call them by
-- adding the `correction`; before the first period by the first one's.
CREATE TABLE clock_period (
    started_at BIGINT PRIMARY KEY,
    correction BIGINT NOT NULL
);

-- It was `instant` when a machine had run for so long; then server time can go on from
-- there, whatever its wall clock says.
CREATE TABLE clock_anchor (
    boot_id      TEXT   PRIMARY KEY,           -- another each time it is started
    host         TEXT   NOT NULL,
    since_boot   BIGINT NOT NULL,
    instant      BIGINT NOT NULL,
    ahead        BIGINT NOT NULL,              -- its wall clock, of the database's
    synchronized BIGINT NOT NULL CHECK (synchronized IN (0, 1)) -- by NTP
);

-- When a SQLite file was checked last, and what was wrong with it: one row.
CREATE TABLE integrity_check (
    checked_at BIGINT PRIMARY KEY,
    faults     TEXT   NOT NULL                 -- a JSON array of strings
);

-- How long commands, commits and the event loop took, for a day.
CREATE TABLE latency (
    at      BIGINT NOT NULL,                   -- the end of about a minute
    server  BIGINT NOT NULL,                   -- the process that measured it
    kind    TEXT   NOT NULL,
    buckets TEXT   NOT NULL,                   -- JSON: how many in which bucket
    PRIMARY KEY (at, server, kind)
);

-- Who did what, when and from where: a year long, whatever became of it. Commands stand
-- here once they are purged; until then, they tell it themselves.
CREATE TABLE audit (
    id          BIGINT PRIMARY KEY,
    scope_id    BIGINT NOT NULL,
    at          BIGINT NOT NULL,
    token_id    BIGINT,                        -- NULL: the server did it
    actor_name  TEXT,                          -- what the token was called then
    action      TEXT   NOT NULL,
    target_kind TEXT,
    target_id   BIGINT,
    device_id   BIGINT,                        -- which device it concerns
    address     TEXT,
    request_id  TEXT,
    endpoint    TEXT,                          -- of a command
    detail      TEXT                           -- a JSON object
);
CREATE INDEX audit_scope ON audit (scope_id, id);
CREATE INDEX audit_action ON audit (scope_id, action, id);
CREATE INDEX audit_actor ON audit (token_id, id);
CREATE INDEX audit_target ON audit (target_id, id);
CREATE INDEX audit_device ON audit (device_id, id);

-- Which schema this is, and the oldest one whose servers may work over it; one row.
CREATE TABLE schema_version (
    version       BIGINT NOT NULL,
    oldest_server BIGINT NOT NULL
);

-- PostgreSQL alone: what is live is kept in memory with SQLite, which one process has.
-- Who changes a device's live commands gives its lane a new version; who still has the
-- one that is written here need not read them again.
CREATE TABLE lane (
    device_id     BIGINT PRIMARY KEY,
    version       BIGINT NOT NULL,
    live_count    BIGINT,           -- that wait or are in flight; NULL: unknown
    blocked_until BIGINT,           -- for an endpoint held back; NULL: unknown
    changelog     TEXT   NOT NULL DEFAULT ''       -- commands changed, by version
);
CREATE INDEX command_live ON command (device_id, id)
    WHERE state IN ('PENDING', 'SENT', 'DELIVERED');
CREATE INDEX command_expiry ON command (expires_at) WHERE state = 'PENDING';
CREATE INDEX command_timeout ON command
    ((coalesce(delivered_at, sent_at) + response_timeout))
    WHERE state IN ('SENT', 'DELIVERED');

-- Each server keeps devices, tokens and subscriptions in memory: who changes one tells
-- all of them, in the very transaction. (What devices and commands do is told apart.)
CREATE FUNCTION notify_devices() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    -- No more at once than PostgreSQL carries.
    PERFORM pg_notify('pushserver', format('{"devices":[%s]}',
        string_agg(device_id::text, ',')))
        FROM (SELECT device_id, row_number() OVER () / 350 AS piece FROM changed)
        AS pieces GROUP BY piece;
    RETURN NULL;
END $$;
CREATE FUNCTION notify_kind() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    PERFORM pg_notify('pushserver', format('{"%s":true}', TG_ARGV[0]));
    RETURN NULL;
END $$;
CREATE TRIGGER device_made AFTER INSERT ON device REFERENCING NEW TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION notify_devices();
CREATE TRIGGER device_changed AFTER UPDATE ON device REFERENCING NEW TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION notify_devices();
CREATE TRIGGER device_deleted AFTER DELETE ON device REFERENCING OLD TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION notify_devices();
CREATE TRIGGER token_notify AFTER INSERT OR UPDATE OR DELETE ON token
    FOR EACH ROW EXECUTE FUNCTION notify_kind('tokens');
CREATE TRIGGER subscription_notify AFTER INSERT OR DELETE ON subscription
    FOR EACH ROW EXECUTE FUNCTION notify_kind('subscriptions');
CREATE TRIGGER interest_notify AFTER INSERT ON interest
    FOR EACH ROW EXECUTE FUNCTION notify_kind('subscriptions');
-- How it does is written all the time, and matters to the one server that delivers.
CREATE TRIGGER subscription_changed AFTER UPDATE ON subscription FOR EACH ROW WHEN (
    (OLD.url, OLD.events, OLD.format, OLD.secret, OLD.app_id, OLD.device_ids, OLD.tags,
    OLD.ordered, OLD.headers, OLD.description, OLD.include_result, OLD.profile,
    OLD.resource_name, OLD.old_secret, OLD.old_secret_until, OLD.health) IS DISTINCT FROM
    (NEW.url, NEW.events, NEW.format, NEW.secret, NEW.app_id, NEW.device_ids, NEW.tags,
    NEW.ordered, NEW.headers, NEW.description, NEW.include_result, NEW.profile,
    NEW.resource_name, NEW.old_secret, NEW.old_secret_until, NEW.health))
    EXECUTE FUNCTION notify_kind('subscriptions');
