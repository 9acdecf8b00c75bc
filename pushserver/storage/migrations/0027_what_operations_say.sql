-- 0027: send what operations say to subscriptions whose makers may read operations.
-- running servers: keep working

UPDATE subscription SET may_read = may_read || ' operations:read'
    WHERE created_by = 0  -- the token of the settings, which may read everything
    OR created_by IN (SELECT id FROM token
        WHERE ' ' || permissions || ' ' LIKE '% admin %'
        OR ' ' || permissions || ' ' LIKE '% operations:read %');
