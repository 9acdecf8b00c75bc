-- 0012: opening doors takes a permission of its own; who could, still may.
-- running servers: stop

UPDATE token SET permissions = permissions || ' commands:door'
    WHERE ' ' || permissions || ' ' LIKE '% commands:write %'
    OR ' ' || permissions || ' ' LIKE '% operations:write %';
