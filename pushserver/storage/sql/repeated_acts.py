"""Acts that are repeated within a minute: the audit has one entry, which counts them.

Whoever may do hardly anything may still sign in again and again: that is not to fill
the disk, and nothing of it is to be lost.
"""

from collections.abc import Hashable, Iterable

import attrs

from pushserver.clock import SECOND
from pushserver.model.audit import AuditAction, AuditEntry, TargetKind
from pushserver.model.network import network_of
from pushserver.storage.sql.connection import PostgresDialect, SqlConnection

#: For so long repetitions count to the first.
_WINDOW = 60 * SECOND
#: So many kinds of one act on one target have an entry of their own.
MAX_KINDS = 100
#: So many acts and targets are told apart; of more, the oldest are forgotten.
_MAX_WINDOWS = 4096
#: What leaves no row of its own, or takes the place of the one before. Anything else
#: is bounded by what it makes, or ends.
_REPEATABLE = frozenset(
    {
        AuditAction.SESSION_CREATE,
        AuditAction.SESSION_REFRESH,
        AuditAction.SESSION_END,
        AuditAction.COMMAND_CANCEL,
        AuditAction.COMMAND_SHOW,
        AuditAction.RESULT_SHOW,
        AuditAction.SHADOW_CHANGE,
        AuditAction.DEVICE_CHANGE,
        AuditAction.DEVICE_KEY,
        AuditAction.SUBSCRIPTION_CHANGE,
        AuditAction.SUBSCRIPTION_ENABLE,
        AuditAction.SUBSCRIPTION_DISABLE,
        AuditAction.SUBSCRIPTION_SECRET,
        AuditAction.SUBSCRIPTION_PING,
        AuditAction.SUBSCRIPTION_REDELIVER,
    }
)
#: What makes or ends something each time. Nothing bounds how often that can be done,
#: so more than `MAX_KINDS` in a minute count to the last of them, as anything else.
_ANEW = frozenset(
    {
        AuditAction.DEVICE_KEY,
        AuditAction.SUBSCRIPTION_SECRET,
        AuditAction.SUBSCRIPTION_REDELIVER,
    }
)
_COUNT_SQLITE = (
    "UPDATE audit SET detail = json_set(coalesce(detail, '{}'), '$.times',"
    " coalesce(json_extract(detail, '$.times'), 1) + 1) WHERE id = ?"
)
_COUNT_POSTGRES = (
    "UPDATE audit SET detail = CAST(jsonb_set(CAST(coalesce(detail, '{}') AS JSONB),"
    " '{times}', to_jsonb(coalesce(CAST(CAST(detail AS JSONB)->>'times' AS BIGINT), 1)"
    " + 1)) AS TEXT) WHERE id = ?"
)


@attrs.define(eq=False)
class _Window:
    """The minute since `started_at`, and what was done first in it, of each kind."""

    started_at: int
    firsts: dict[Hashable, AuditEntry] = attrs.Factory(dict)

    def find_first(self, entry: AuditEntry) -> AuditEntry | None:
        """Return what *entry* repeats, or the last one if there are enough."""
        kind = _kind_of(entry)
        if kind in self.firsts:
            return self.firsts[kind]
        if len(self.firsts) >= MAX_KINDS:
            return next(reversed(self.firsts.values()))
        self.firsts[kind] = entry
        return None


@attrs.define(eq=False)
class RepeatedActs:
    """Remembers what was done in the last minute at this server, to whom, by whom."""

    _windows: dict[Hashable, _Window] = attrs.field(factory=dict, init=False)

    def mark(self, entries: Iterable[AuditEntry]) -> None:
        """Let each entry, which is stamped, say which earlier one it repeats."""
        for entry in entries:
            if entry.action in _REPEATABLE and not _ends_many(entry):
                first = self._window_of(entry).find_first(entry)
                entry.first = None if first is entry else first

    def _window_of(self, entry: AuditEntry) -> _Window:
        # Each login makes a session of its own.
        is_of_session = entry.target_kind is TargetKind.SESSION
        target = None if is_of_session else entry.target_id
        key = entry.scope_id, entry.actor, entry.action, target, entry.device_id
        window = self._windows.get(key)
        if window is None or abs(entry.at - window.started_at) >= _WINDOW:
            self._windows.pop(key, None)
            window = self._windows[key] = _Window(entry.at)
            if len(self._windows) > _MAX_WINDOWS:
                del self._windows[next(iter(self._windows))]
        return window


def _ends_many(entry: AuditEntry) -> bool:
    """Tell whether it is of commands of a device that were live: never the same."""
    is_cancel = entry.action is AuditAction.COMMAND_CANCEL
    return is_cancel and entry.target_kind is TargetKind.DEVICE


def _kind_of(entry: AuditEntry) -> Hashable:
    """Return what acts of one kind at one target have in common."""
    if entry.action in _ANEW:
        return entry.id
    detail = tuple(sorted((entry.detail or {}).items()))
    return network_of(entry.actor.address), detail


def count_repetition(connection: SqlConnection, first: AuditEntry) -> bool:
    """Count one more to the *first* entry; False if it was not written, or is gone."""
    is_postgres = isinstance(connection, PostgresDialect)
    sql = _COUNT_POSTGRES if is_postgres else _COUNT_SQLITE
    return connection.execute(sql, (first.id,)).rowcount == 1
