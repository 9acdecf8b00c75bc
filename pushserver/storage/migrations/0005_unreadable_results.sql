-- 0005: tell deliveries that were answered unreadably from those that were not answered.
-- running servers: stop
--
-- Servers of schema 3 do not know the outcome, and take what cannot be read for a success.

ALTER TABLE result ADD COLUMN command_endpoint TEXT;

-- SQLite alone: it changes no check, so the table is made anew.
CREATE TABLE new_delivery (
    id           BIGINT PRIMARY KEY,
    command_id   BIGINT NOT NULL,
    device_id    BIGINT NOT NULL,
    uuid         TEXT,
    address      TEXT,
    sent_at      BIGINT NOT NULL,
    delivered_at BIGINT,
    ended_at     BIGINT,
    outcome      TEXT CHECK (outcome IN (
        'successful', 'failed', 'unreadable', 'noAnswer', 'notWritten', 'closed'))
);
INSERT INTO new_delivery SELECT * FROM delivery;
DROP TABLE delivery;
ALTER TABLE new_delivery RENAME TO delivery;
CREATE INDEX delivery_command ON delivery (command_id, id);
CREATE INDEX delivery_uuid ON delivery (device_id, uuid, id);

-- PostgreSQL alone
ALTER TABLE delivery DROP CONSTRAINT delivery_outcome_check;
ALTER TABLE delivery ADD CONSTRAINT delivery_outcome_check CHECK (outcome IN (
    'successful', 'failed', 'unreadable', 'noAnswer', 'notWritten', 'closed'));
DROP INDEX delivery_no_answer;

-- Every store
CREATE INDEX delivery_open_ended ON delivery (device_id, id)
    WHERE outcome IN ('unreadable', 'noAnswer');
