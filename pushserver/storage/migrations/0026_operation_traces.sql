-- 0026: keep of which request and trace an operation is, for the commands of its steps.
-- running servers: keep working

ALTER TABLE operation ADD COLUMN request_id TEXT;
ALTER TABLE operation ADD COLUMN traceparent TEXT;
ALTER TABLE operation ADD COLUMN tracestate TEXT;
