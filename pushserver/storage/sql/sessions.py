"""Sessions of tokens."""

from collections.abc import Collection, Iterable, Sequence

import msgspec

from pushserver.model.audit import AuditEntry
from pushserver.model.session import Session
from pushserver.storage.session_rows import SESSIONS
from pushserver.storage.sql.access import SqlAccess
from pushserver.storage.sql.audit import write_audit
from pushserver.storage.sql.bulk import insert
from pushserver.storage.sql.connection import PostgresDialect, SqlConnection
from pushserver.storage.sql.fetch import fetch_all
from pushserver.storage.sql.write_jobs import WriteJob

_SELECT = f"SELECT {SESSIONS.column_list} FROM session WHERE hash = ?"
_SELECT_SOME = (
    f"SELECT {SESSIONS.column_list} FROM session"
    " WHERE hash IN (SELECT value FROM json_each(?))"
)
_SELECT_SOME_POSTGRES = (
    f"SELECT {SESSIONS.column_list} FROM session"
    " WHERE hash IN (SELECT json_array_elements_text(CAST(? AS JSON)))"
)
_INSERT = insert(SESSIONS)
_DELETE_OLDEST = (
    "DELETE FROM session WHERE token_hash = ? AND id <= (SELECT id FROM session"
    " WHERE token_hash = ? ORDER BY id DESC LIMIT 1 OFFSET ?)"
)
#: A refresh changes the hash: of two at once, the second finds nothing to delete.
_DELETE = "DELETE FROM session WHERE id = ? AND hash = ?"
_PURGE = (
    "DELETE FROM session WHERE id IN (SELECT id FROM session WHERE refresh_until <= ?"
    " ORDER BY refresh_until LIMIT ?)"
)


class SqlSessions(SqlAccess):
    """Implements `SessionStore`."""

    async def find_session(self, session_hash: str) -> Session | None:
        found = await fetch_all(
            self.hot_reader, SESSIONS.read, _SELECT, (session_hash,)
        )
        return found[0] if found else None

    async def find_sessions(self, session_hashes: Collection[str]) -> Sequence[Session]:
        return await self.hot_reader.run(lambda c: _find_some(c, session_hashes))

    async def add_session(
        self, session: Session, *, keep: int, audit: Sequence[AuditEntry]
    ) -> None:
        def work(connection: SqlConnection) -> None:
            _INSERT.write(connection, [session])
            token_hash = session.token_hash
            connection.execute(_DELETE_OLDEST, (token_hash, token_hash, keep))
            write_audit(connection, audit)

        await self.write(work, audit)

    async def replace_session(
        self, old: Session, new: Session, *, audit: Sequence[AuditEntry]
    ) -> bool:
        def work(connection: SqlConnection) -> bool:
            if not _delete(connection, old):
                return False
            _INSERT.write(connection, [new])
            write_audit(connection, audit)
            return True

        return await self.write(work, audit)

    async def end_session(
        self, session: Session, *, audit: Sequence[AuditEntry]
    ) -> bool:
        def work(connection: SqlConnection) -> bool:
            is_there = _delete(connection, session)
            if is_there:
                write_audit(connection, audit)
            return is_there

        return await self.write(work, audit)

    async def purge_sessions(self, before: int, *, limit: int) -> int:
        return await self.write(lambda c: c.execute(_PURGE, (before, limit)).rowcount)


def note_ended(connection: SqlConnection, jobs: Iterable[WriteJob]) -> None:
    """Note which of *jobs* were asked for in sessions that are over by now."""
    asked = [job for job in jobs if job.session_hash is not None]
    if asked:
        hashes = {str(job.session_hash) for job in asked}
        stored = {session.hash for session in _find_some(connection, hashes)}
        for job in asked:
            job.is_over = job.session_hash not in stored


def _find_some(
    connection: SqlConnection, session_hashes: Iterable[str]
) -> list[Session]:
    is_postgres = isinstance(connection, PostgresDialect)
    sql = _SELECT_SOME_POSTGRES if is_postgres else _SELECT_SOME
    listed = msgspec.json.encode([*session_hashes]).decode()
    return list(map(SESSIONS.read, connection.execute(sql, (listed,))))


def _delete(connection: SqlConnection, session: Session) -> bool:
    return connection.execute(_DELETE, (session.id, session.hash)).rowcount == 1
