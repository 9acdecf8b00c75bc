"""Scans once a second for changes whose server died before it sent the notice."""

import attrs

from pushserver.clock import SECOND
from pushserver.model.change_notice import ChangeNotice
from pushserver.model.ids import MAX_INT64, first_id_at, node_of
from pushserver.storage.postgres.connection.connection import Connection
from pushserver.storage.sql.conditions import IS_LIVE, IS_WAITING

#: The most time between making a command's id and committing it.
_OVERLAP = 5 * SECOND
_PENDING_SINCE = f"SELECT id, device_id FROM command WHERE id >= ? AND {IS_WAITING}"
_LIVE_DEVICES = f"SELECT DISTINCT device_id FROM command WHERE {IS_LIVE}"
_NEWEST_IDS = (
    "SELECT id,"
    " coalesce((SELECT max(id) FROM event WHERE scope_id = scope.id), 0),"
    " coalesce((SELECT max(id) FROM result WHERE scope_id = scope.id), 0)"
    " FROM scope"
)

#: The ids of the newest event and result, by scope id.
NewestIds = dict[int, tuple[int, int]]


@attrs.define(eq=False)
class MissedChangeSweep:
    """
    Finds commands, events and results of other servers whose notice was lost.

    It also reports changes whose notice did arrive; each change at most twice.
    """

    _seen_commands: frozenset[int] = frozenset()
    _newest_ids: NewestIds = attrs.field(factory=dict, init=False)
    _changed_scopes: frozenset[int] = attrs.field(default=frozenset(), init=False)
    needs_full_notice: bool = attrs.field(default=False, init=False)

    def request_full_notice(self) -> None:
        """Report every scope at the next scan: a reader could not read to the end."""
        self.needs_full_notice = True

    def start(self, connection: Connection, now: int) -> ChangeNotice:
        """Start scanning at *now*; return all devices with live commands."""
        self._seen_commands = frozenset(self._recent_pending(connection, now))
        self._newest_ids = _select_newest_ids(connection)
        return ChangeNotice(
            waiting={row[0] for row in connection.execute(_LIVE_DEVICES)},
            results=self._newest_ids.keys(),
            events=self._newest_ids.keys(),
        )

    def scan(self, connection: Connection, now: int, node: int) -> ChangeNotice:
        """Return what is new at *now*, except commands made by this server, *node*."""
        commands = self._recent_pending(connection, now)
        waiting = {
            device_id
            for command_id, device_id in commands.items()
            if command_id not in self._seen_commands and node_of(command_id) != node
        }
        self._seen_commands = frozenset(commands)
        scopes = self._scan_scopes(connection)
        return ChangeNotice(waiting=waiting, results=scopes, events=scopes)

    def _scan_scopes(self, connection: Connection) -> frozenset[int]:
        """Return the scopes that changed before this scan or the previous one."""
        newest = _select_newest_ids(connection)
        changed = {
            scope for scope, ids in newest.items() if self._newest_ids.get(scope) != ids
        }
        notified = (
            frozenset(newest)
            if self.needs_full_notice
            else self._changed_scopes | changed
        )
        self._newest_ids, self._changed_scopes, self.needs_full_notice = (
            newest,
            frozenset(changed),
            False,
        )
        return notified

    @staticmethod
    def _recent_pending(connection: Connection, now: int) -> dict[int, int]:
        first_id = first_id_at(now - _OVERLAP)
        return dict(
            connection.execute(_PENDING_SINCE, (min(first_id, MAX_INT64),)).fetchall()
        )


def _select_newest_ids(connection: Connection) -> NewestIds:
    return {
        scope: (event, result)
        for scope, event, result in connection.execute(_NEWEST_IDS)
    }
