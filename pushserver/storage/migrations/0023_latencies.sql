-- 0023: keep for a day how long commands, commits and the event loop took.
-- running servers: keep working

CREATE TABLE latency (
    at      BIGINT NOT NULL,                       -- the end of about a minute
    server  BIGINT NOT NULL,                       -- the process that measured it
    kind    TEXT   NOT NULL,
    buckets TEXT   NOT NULL,                       -- JSON: how many in which bucket
    PRIMARY KEY (at, server, kind)
);
