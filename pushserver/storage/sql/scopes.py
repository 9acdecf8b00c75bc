"""Scopes and their tokens."""

from collections.abc import Mapping, Sequence

from pushserver.errors import NotFound
from pushserver.model.audit import AuditEntry
from pushserver.model.scope import DEFAULT_SCOPE_ID, DEFAULT_SCOPE_NAME, Scope
from pushserver.model.token import Token
from pushserver.storage.scope_rows import SCOPES, TOKENS
from pushserver.storage.scopes import Revocation
from pushserver.storage.sql.access import SqlAccess
from pushserver.storage.sql.audit import write_audit
from pushserver.storage.sql.bulk import insert
from pushserver.storage.sql.connection import SqlConnection
from pushserver.storage.sql.fetch import fetch_all

_SELECT_SCOPES = f"SELECT {SCOPES.column_list} FROM scope ORDER BY id"
_INSERT_SCOPE = insert(SCOPES)
_INSERT_NEW_SCOPE = insert(SCOPES, " ON CONFLICT (name) DO NOTHING")
_LOCK_SCOPE = "UPDATE scope SET name = name WHERE id = ?"
#: Where something of a scope may be, beside its tokens.
TABLES_OF_SCOPE = (
    "device",
    "command",
    "operation",
    "task",
    "result",
    "subscription",
)
_SELECT_TOKENS = (
    f"SELECT {TOKENS.column_list} FROM token WHERE revoked_at IS NULL ORDER BY id"
)
_SELECT_TOKENS_OF_SCOPE = (
    f"SELECT {TOKENS.column_list} FROM token"
    " WHERE scope_id = ? AND revoked_at IS NULL ORDER BY id"
)
_INSERT_TOKEN = insert(TOKENS)
_SELECT_VALID = "SELECT 1 FROM token WHERE scope_id = ? AND revoked_at IS NULL LIMIT 1"
#: What it was good for goes: whoever makes tokens and revokes them fills the disk else.
_REVOKE = (
    "UPDATE token SET revoked_at = ?, permissions = '', device_ids = NULL, tags = NULL"
    " WHERE id = ? AND scope_id = ? AND revoked_at IS NULL"
)
_RECORD_USE = (
    "UPDATE token SET last_used_at = ? WHERE id = ?"
    " AND (last_used_at IS NULL OR last_used_at < ?)"
)


def lock_scope(connection: SqlConnection, scope_id: int) -> bool:
    """
    Keep a scope from being deleted until the end of the transaction.

    Return whether it is there. Whatever is new in a scope, and none of its devices',
    is written under this lock.
    """
    return connection.execute(_LOCK_SCOPE, (scope_id,)).rowcount == 1


def scope_is_gone(scope_id: int) -> NotFound:
    """Return the error for something new in a scope that is not there."""
    return NotFound(f"There is no scope {scope_id} any more.")


class SqlTokens(SqlAccess):
    """Implements `TokenStore`."""

    async def all_tokens(self) -> Sequence[Token]:
        return await fetch_all(self.list_reader, TOKENS.read, _SELECT_TOKENS, ())

    async def add_token(self, token: Token, audit: Sequence[AuditEntry] = ()) -> None:
        def work(connection: SqlConnection) -> bool:
            if not lock_scope(connection, token.scope_id):
                return False
            _INSERT_TOKEN.write(connection, [token])
            write_audit(connection, audit)
            return True

        if not await self.write(work, audit):
            raise scope_is_gone(token.scope_id)

    async def add_first_token(
        self, token: Token, audit: Sequence[AuditEntry] = ()
    ) -> bool:
        def work(connection: SqlConnection) -> bool:
            # Of several servers that start over an empty database, one is first.
            lock_scope(connection, token.scope_id)
            values = (token.scope_id,)
            if connection.execute(_SELECT_VALID, values).fetchone() is not None:
                return False
            _INSERT_TOKEN.write(connection, [token])
            write_audit(connection, audit)
            return True

        return await self.write(work, audit)

    async def record_token_uses(self, last_used_at: Mapping[int, int]) -> None:
        def work(connection: SqlConnection) -> None:
            for token_id, at in sorted(last_used_at.items()):
                connection.execute(_RECORD_USE, (at, token_id, at))

        await self.write(work)

    async def revoke_token(
        self,
        scope_id: int,
        token_id: int,
        *,
        now: int,
        keeps_admin: bool,
        audit: Sequence[AuditEntry] = (),
    ) -> Revocation:
        def work(connection: SqlConnection) -> Revocation:
            if keeps_admin and _is_last_admin(connection, scope_id, token_id):
                return Revocation.LAST_ADMIN
            values = (now, token_id, scope_id)
            if connection.execute(_REVOKE, values).rowcount != 1:
                return Revocation.NOT_FOUND
            write_audit(connection, audit)
            return Revocation.DONE

        return await self.write(work, audit)


def _is_last_admin(connection: SqlConnection, scope_id: int, token_id: int) -> bool:
    # Of two who revoke each other's token at the same time, one has to wait.
    lock_scope(connection, scope_id)
    rows = connection.execute(_SELECT_TOKENS_OF_SCOPE, (scope_id,)).fetchall()
    admins = [t.id for t in map(TOKENS.read, rows) if t.is_lasting_admin]
    return admins == [token_id]


class SqlScopes(SqlAccess):
    """Implements `ScopeStore`."""

    async def all_scopes(self) -> Sequence[Scope]:
        return await fetch_all(self.list_reader, SCOPES.read, _SELECT_SCOPES, ())

    async def add_scope(
        self, scope: Scope, token: Token, audit: Sequence[AuditEntry] = ()
    ) -> bool:
        def work(connection: SqlConnection) -> bool:
            if not _INSERT_NEW_SCOPE.execute(connection, [SCOPES.row(scope)]):
                return False
            _INSERT_TOKEN.write(connection, [token])
            write_audit(connection, audit)
            return True

        return await self.write(work, audit)

    async def delete_scope(
        self, scope_id: int, audit: Sequence[AuditEntry] = ()
    ) -> str | None:
        def work(connection: SqlConnection) -> str | None:
            lock_scope(connection, scope_id)
            for table in TABLES_OF_SCOPE:
                sql = f"SELECT 1 FROM {table} WHERE scope_id = ? LIMIT 1"
                if connection.execute(sql, (scope_id,)).fetchone() is not None:
                    return table
            connection.execute("DELETE FROM token WHERE scope_id = ?", (scope_id,))
            connection.execute("DELETE FROM scope WHERE id = ?", (scope_id,))
            write_audit(connection, audit)
            return None

        return await self.write(work, audit)


def add_first_scope(connection: SqlConnection, now: int) -> None:
    """Add the scope that exists from the start."""
    first = Scope(id=DEFAULT_SCOPE_ID, name=DEFAULT_SCOPE_NAME, created_at=now)
    _INSERT_SCOPE.write(connection, [first])
