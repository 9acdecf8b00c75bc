"""Scopes and their tokens."""

from collections.abc import Sequence

from pushserver.model.audit import AuditEntry
from pushserver.model.scope import DEFAULT_SCOPE_ID, DEFAULT_SCOPE_NAME, Scope
from pushserver.model.token import Token
from pushserver.storage.scope_rows import SCOPES, TOKENS
from pushserver.storage.sql.access import SqlAccess
from pushserver.storage.sql.audit import write_audit
from pushserver.storage.sql.bulk import insert
from pushserver.storage.sql.connection import SqlConnection
from pushserver.storage.sql.fetch import fetch_all

_SELECT_SCOPES = f"SELECT {SCOPES.column_list} FROM scope ORDER BY id"
_INSERT_SCOPE = insert(SCOPES)
_SELECT_TOKENS = (
    f"SELECT {TOKENS.column_list} FROM token WHERE revoked_at IS NULL ORDER BY id"
)
_INSERT_TOKEN = insert(TOKENS)
_SELECT_VALID = "SELECT 1 FROM token WHERE scope_id = ? AND revoked_at IS NULL LIMIT 1"
_REVOKE = (
    "UPDATE token SET revoked_at = ?"
    " WHERE id = ? AND scope_id = ? AND revoked_at IS NULL"
)


class SqlTokens(SqlAccess):
    """Implements `TokenStore`."""

    async def all_tokens(self) -> Sequence[Token]:
        return await fetch_all(self.list_reader, TOKENS.read, _SELECT_TOKENS, ())

    async def add_token(self, token: Token, audit: Sequence[AuditEntry] = ()) -> None:
        def work(connection: SqlConnection) -> None:
            _INSERT_TOKEN.write(connection, [token])
            write_audit(connection, audit)

        await self.write(work, audit)

    async def add_first_token(
        self, token: Token, audit: Sequence[AuditEntry] = ()
    ) -> bool:
        def work(connection: SqlConnection) -> bool:
            values = (token.scope_id,)
            if connection.execute(_SELECT_VALID, values).fetchone() is not None:
                return False
            _INSERT_TOKEN.write(connection, [token])
            write_audit(connection, audit)
            return True

        return await self.write(work, audit)

    async def revoke_token(
        self,
        scope_id: int,
        token_id: int,
        *,
        now: int,
        audit: Sequence[AuditEntry] = (),
    ) -> bool:
        def work(connection: SqlConnection) -> bool:
            values = (now, token_id, scope_id)
            if connection.execute(_REVOKE, values).rowcount != 1:
                return False
            write_audit(connection, audit)
            return True

        return await self.write(work, audit)


class SqlScopes(SqlAccess):
    """Implements `ScopeStore`."""

    async def all_scopes(self) -> Sequence[Scope]:
        return await fetch_all(self.list_reader, SCOPES.read, _SELECT_SCOPES, ())

    async def add_scope(
        self, scope: Scope, token: Token, audit: Sequence[AuditEntry] = ()
    ) -> None:
        def work(connection: SqlConnection) -> None:
            _INSERT_SCOPE.write(connection, [scope])
            _INSERT_TOKEN.write(connection, [token])
            write_audit(connection, audit)

        await self.write(work, audit)


def add_first_scope(connection: SqlConnection, now: int) -> None:
    """Add the scope that exists from the start."""
    first = Scope(id=DEFAULT_SCOPE_ID, name=DEFAULT_SCOPE_NAME, created_at=now)
    _INSERT_SCOPE.write(connection, [first])
