-- 0015: keep the rest of long results apart, in pieces, which take little memory.
-- running servers: stop

CREATE TABLE result_piece (
    result_id BIGINT NOT NULL,
    number    BIGINT NOT NULL,
    piece     BYTEA  NOT NULL,
    PRIMARY KEY (result_id, number)
);
