-- 0017: remember the last check of a SQLite file over a restart.
-- running servers: keep working

CREATE TABLE integrity_check (
    checked_at BIGINT PRIMARY KEY,
    faults     TEXT   NOT NULL
);
