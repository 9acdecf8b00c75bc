-- 0025: keep to which trace the request belonged that enqueued a command.
-- running servers: keep working

ALTER TABLE command ADD COLUMN traceparent TEXT;
ALTER TABLE command ADD COLUMN tracestate TEXT;
