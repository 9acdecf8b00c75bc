-- 0010: keep server time going across restarts, whatever the wall clock does.
-- running servers: keep working

CREATE TABLE clock_period (
    started_at BIGINT PRIMARY KEY,
    correction BIGINT NOT NULL
);
CREATE TABLE clock_anchor (
    boot_id      TEXT   PRIMARY KEY,
    host         TEXT   NOT NULL,
    since_boot   BIGINT NOT NULL,
    instant      BIGINT NOT NULL,
    ahead        BIGINT NOT NULL,
    synchronized BIGINT NOT NULL CHECK (synchronized IN (0, 1))
);
