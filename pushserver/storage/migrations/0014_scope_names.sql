-- 0014: give scopes names of their own; of those with one name the later get their id.
-- running servers: keep working

UPDATE scope SET name = name || ' (' || id || ')'
    WHERE EXISTS (
        SELECT 1 FROM scope AS other
        WHERE other.name = scope.name AND other.id < scope.id
    );
CREATE UNIQUE INDEX scope_name ON scope (name);
