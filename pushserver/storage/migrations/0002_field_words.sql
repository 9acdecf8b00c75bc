-- 0002: call tables and columns what they are, and say which servers may go on.
-- running servers: stop
--
-- Servers of schema 1 do not look at the schema, so `pushserver migrate` refuses while
-- they run.

ALTER TABLE upgrade_part RENAME TO device_upgrade;
ALTER TABLE device_upgrade RENAME COLUMN missing TO apply_unanswered;
ALTER TABLE device_upgrade RENAME COLUMN tries TO retries_used;
ALTER TABLE upgrade RENAME COLUMN downloads TO download_steps;
ALTER TABLE upgrade RENAME COLUMN applies TO apply_steps;
ALTER TABLE upgrade RENAME COLUMN retries TO max_retries;

ALTER TABLE stray_request RENAME TO unknown_request;
DROP INDEX stray_request_device;
CREATE INDEX unknown_request_device ON unknown_request (device_id, id);
ALTER TABLE device_seen RENAME COLUMN period TO poll_period;
ALTER TABLE device_seen RENAME COLUMN polled_plain TO polled_without_key;
ALTER TABLE device_seen RENAME COLUMN stray_count TO unknown_request_count;

ALTER TABLE command RENAME COLUMN delivery TO guarantee;
ALTER TABLE command RENAME COLUMN turns TO transition_count;
ALTER TABLE step RENAME COLUMN delivery TO guarantee;

ALTER TABLE operation RENAME COLUMN steps TO step_count;
ALTER TABLE operation RENAME COLUMN queued TO queued_steps;
ALTER TABLE operation RENAME COLUMN done TO done_steps;
ALTER TABLE operation RENAME COLUMN failed TO failed_steps;
ALTER TABLE operation RENAME COLUMN unknown TO unknown_steps;
ALTER TABLE task RENAME COLUMN steps TO step_count;
ALTER TABLE task RENAME COLUMN forgiven TO ignored_failures;

ALTER TABLE shadow RENAME COLUMN version TO desired_version;
ALTER TABLE shadow RENAME COLUMN command_id TO write_command_id;
ALTER TABLE shadow RENAME COLUMN sent TO sent_values;
ALTER TABLE shadow RENAME COLUMN carried TO sent_texts;
ALTER TABLE shadow RENAME COLUMN outcome TO write_outcome;
ALTER TABLE shadow RENAME COLUMN error TO write_error;
ALTER TABLE shadow RENAME COLUMN lapsed TO write_expired;
ALTER TABLE shadow RENAME COLUMN due TO needs_reconcile;
ALTER TABLE shadow RENAME COLUMN planned TO awaits_step;
ALTER TABLE shadow RENAME COLUMN read_id TO read_command_id;
ALTER TABLE shadow RENAME COLUMN asked TO read_keys;
DROP INDEX shadow_due;
DROP INDEX shadow_lapsed;
CREATE INDEX shadow_needs_reconcile ON shadow (device_id) WHERE needs_reconcile = 1;
CREATE INDEX shadow_write_expired ON shadow (device_id) WHERE write_expired = 1;

ALTER TABLE webhook RENAME COLUMN next_at TO next_attempt_at;
ALTER TABLE idempotency_key RENAME COLUMN answer TO response_body;

-- SQLite alone: until now only `PRAGMA user_version` said which schema a file has.
CREATE TABLE schema_version (
    version       BIGINT NOT NULL,
    oldest_server BIGINT NOT NULL
);

-- PostgreSQL alone
ALTER TABLE schema_version ADD COLUMN oldest_server BIGINT NOT NULL DEFAULT 1;
ALTER TABLE schema_version ALTER COLUMN oldest_server DROP DEFAULT;

ALTER TABLE lane RENAME COLUMN live TO live_count;
ALTER TABLE lane RENAME COLUMN unsure TO blocked_until;
ALTER TABLE lane RENAME COLUMN trail TO changelog;

-- Here indexes and checks keep their names when what they belong to gets another one.
ALTER TABLE device_upgrade RENAME CONSTRAINT upgrade_part_pkey TO device_upgrade_pkey;
ALTER TABLE device_upgrade
    RENAME CONSTRAINT upgrade_part_state_check TO device_upgrade_state_check;
ALTER TABLE device_upgrade RENAME CONSTRAINT upgrade_part_missing_check
    TO device_upgrade_apply_unanswered_check;
ALTER TABLE unknown_request
    RENAME CONSTRAINT stray_request_pkey TO unknown_request_pkey;
ALTER TABLE device_seen RENAME CONSTRAINT device_seen_polled_plain_check
    TO device_seen_polled_without_key_check;
ALTER TABLE command RENAME CONSTRAINT command_delivery_check TO command_guarantee_check;
ALTER TABLE shadow RENAME CONSTRAINT shadow_outcome_check TO shadow_write_outcome_check;
ALTER TABLE shadow RENAME CONSTRAINT shadow_lapsed_check TO shadow_write_expired_check;
ALTER TABLE shadow RENAME CONSTRAINT shadow_due_check TO shadow_needs_reconcile_check;
ALTER TABLE shadow RENAME CONSTRAINT shadow_planned_check TO shadow_awaits_step_check;

DROP TRIGGER device_made ON device;
DROP TRIGGER device_changed ON device;
DROP TRIGGER device_deleted ON device;
DROP FUNCTION tell_devices();
CREATE FUNCTION notify_devices() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    -- No more at once than PostgreSQL carries.
    PERFORM pg_notify('pushserver', format('{"devices":[%s]}',
        string_agg(device_id::text, ',')))
        FROM (SELECT device_id, row_number() OVER () / 350 AS piece FROM changed)
        AS pieces GROUP BY piece;
    RETURN NULL;
END $$;
CREATE TRIGGER device_made AFTER INSERT ON device REFERENCING NEW TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION notify_devices();
CREATE TRIGGER device_changed AFTER UPDATE ON device REFERENCING NEW TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION notify_devices();
CREATE TRIGGER device_deleted AFTER DELETE ON device REFERENCING OLD TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION notify_devices();

ALTER FUNCTION tell_all() RENAME TO notify_kind;
ALTER TRIGGER token_told ON token RENAME TO token_notify;
ALTER TRIGGER subscription_told ON subscription RENAME TO subscription_notify;
ALTER TRIGGER interest_told ON interest RENAME TO interest_notify;
