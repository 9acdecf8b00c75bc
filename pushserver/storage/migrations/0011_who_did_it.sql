-- 0011: record who did what.
-- running servers: keep working

ALTER TABLE device ADD COLUMN adopted_by BIGINT;
ALTER TABLE device ADD COLUMN adopted_by_name TEXT;
ALTER TABLE command ADD COLUMN created_by BIGINT;
ALTER TABLE command ADD COLUMN created_by_name TEXT;
ALTER TABLE command ADD COLUMN canceled_by BIGINT;
ALTER TABLE command ADD COLUMN canceled_by_name TEXT;
ALTER TABLE command ADD COLUMN created_from TEXT;
ALTER TABLE command ADD COLUMN request_id TEXT;
CREATE INDEX command_creator ON command (created_by, id);
ALTER TABLE operation ADD COLUMN created_by_name TEXT;
ALTER TABLE operation ADD COLUMN canceled_by BIGINT;
ALTER TABLE operation ADD COLUMN canceled_by_name TEXT;
CREATE INDEX operation_creator ON operation (created_by, id);
ALTER TABLE task ADD COLUMN created_by_name TEXT;
ALTER TABLE task ADD COLUMN canceled_by BIGINT;
ALTER TABLE task ADD COLUMN canceled_by_name TEXT;
CREATE INDEX task_creator ON task (created_by, id);
ALTER TABLE shadow ADD COLUMN desired_by BIGINT;
ALTER TABLE shadow ADD COLUMN desired_by_name TEXT;
ALTER TABLE subscription ADD COLUMN created_by BIGINT;
ALTER TABLE subscription ADD COLUMN created_by_name TEXT;
ALTER TABLE token ADD COLUMN created_by BIGINT;
ALTER TABLE token ADD COLUMN created_by_name TEXT;
CREATE TABLE audit (
    id          BIGINT PRIMARY KEY,
    scope_id    BIGINT NOT NULL,
    at          BIGINT NOT NULL,
    token_id    BIGINT,
    actor_name  TEXT,
    action      TEXT   NOT NULL,
    target_kind TEXT,
    target_id   BIGINT,
    device_id   BIGINT,
    address     TEXT,
    request_id  TEXT,
    endpoint    TEXT,
    detail      TEXT
);
CREATE INDEX audit_scope ON audit (scope_id, id);
CREATE INDEX audit_action ON audit (scope_id, action, id);
CREATE INDEX audit_actor ON audit (token_id, id);
CREATE INDEX audit_target ON audit (target_id, id);
CREATE INDEX audit_device ON audit (device_id, id);
