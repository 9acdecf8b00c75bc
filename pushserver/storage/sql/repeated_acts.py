"""Acts that are repeated within a minute: the audit has one entry, which counts them.

Whoever may do hardly anything may still sign in again and again: that is not to fill
the disk, and nothing of it is to be lost.
"""

from collections.abc import Hashable

import attrs

from pushserver.clock import SECOND
from pushserver.model.audit import AuditAction, AuditEntry, TargetKind
from pushserver.model.network import network_of
from pushserver.storage.sql.connection import PostgresDialect, SqlConnection

#: For so long repetitions count to the first.
_WINDOW = 60 * SECOND
#: So many acts are told apart; of more, the oldest are forgotten.
_MAX_ACTS = 4096
#: What leaves no row of its own, or takes the place of the one before. Anything else
#: is bounded by what it makes, or ends.
_REPEATABLE = frozenset(
    {
        AuditAction.SESSION_CREATE,
        AuditAction.SESSION_REFRESH,
        AuditAction.SESSION_END,
        AuditAction.COMMAND_SHOW,
        AuditAction.RESULT_SHOW,
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
class RepeatedActs:
    """Remembers what was done in the last minute, at this server."""

    _firsts: dict[Hashable, AuditEntry] = attrs.field(factory=dict, init=False)

    def find_first(self, entry: AuditEntry) -> AuditEntry | None:
        """Return the entry that *entry*, which is stamped, repeats; or remember it."""
        if entry.action not in _REPEATABLE:
            return None
        key = _what_repeats(entry)
        first = self._firsts.get(key, entry)
        if first is not entry and abs(entry.at - first.at) < _WINDOW:
            return first
        self._firsts.pop(key, None)
        self._firsts[key] = entry
        if len(self._firsts) > _MAX_ACTS:
            del self._firsts[next(iter(self._firsts))]
        return None


def _what_repeats(entry: AuditEntry) -> Hashable:
    """Return what is the same whenever an act is repeated."""
    # Each login makes a session of its own.
    is_of_session = entry.target_kind is TargetKind.SESSION
    return (
        entry.scope_id,
        entry.actor,
        network_of(entry.actor.address),
        entry.action,
        None if is_of_session else entry.target_id,
        entry.device_id,
        tuple(sorted((entry.detail or {}).items())),
    )


def count_repetition(connection: SqlConnection, first: AuditEntry) -> bool:
    """Count one more to the *first* entry; False if it was not written, or is gone."""
    is_postgres = isinstance(connection, PostgresDialect)
    sql = _COUNT_POSTGRES if is_postgres else _COUNT_SQLITE
    return connection.execute(sql, (first.id,)).rowcount == 1
