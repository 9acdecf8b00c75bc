-- 0016: let operations without steps that run be counted quickly.
-- running servers: keep working

CREATE INDEX operation_without_steps ON operation (scope_id)
    WHERE status = 'RUNNING' AND step_count = 0;
