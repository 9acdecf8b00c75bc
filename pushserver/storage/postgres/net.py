"""What others did, looked for once a second: whoever was to tell it may have died."""

import attrs

from pushserver.clock import SECOND
from pushserver.model.ids import MAX_INT64, first_id_at, node_of
from pushserver.model.news import News
from pushserver.storage.postgres.link import Link

#: A command is in the database so long after its id was made, at the latest.
_OVERLAP = 5 * SECOND
_WAITING = "SELECT id, device_id FROM command WHERE id >= ? AND state = 'PENDING'"
_LIVE = (
    "SELECT DISTINCT device_id FROM command"
    " WHERE state IN ('PENDING', 'SENT', 'DELIVERED')"
)
_NEWEST = (
    "SELECT id,"
    " coalesce((SELECT max(id) FROM event WHERE scope_id = scope.id), 0),"
    " coalesce((SELECT max(id) FROM result WHERE scope_id = scope.id), 0)"
    " FROM scope"
)

#: The newest of each scope, by its id: event and result.
Newest = dict[int, tuple[int, int]]


@attrs.define(eq=False)
class Net:
    """
    Finds commands, events and results of others that nobody told of.

    It may find what was told, too, and finds each twice at the most.
    """

    _seen: frozenset[int] = frozenset()
    _newest: Newest = attrs.field(factory=dict, init=False)
    _fresh: frozenset[int] = attrs.field(default=frozenset(), init=False)
    is_behind: bool = attrs.field(default=False, init=False)

    def doubt(self) -> None:
        """Have every scope told the next time: somebody could not read to the end."""
        self.is_behind = True

    def spread(self, link: Link, now: int) -> News:
        """Begin to look at *now*; return all devices for which there is something."""
        self._seen = frozenset(self._commands(link, now))
        self._newest = _newest(link)
        return News(
            waiting={row[0] for row in link.execute(_LIVE)},
            results=self._newest.keys(),
            events=self._newest.keys(),
        )

    def look(self, link: Link, now: int, node: int) -> News:
        """Return what is new at *now*; what *node*, this server, did is no news."""
        commands = self._commands(link, now)
        waiting = {
            device_id
            for command_id, device_id in commands.items()
            if command_id not in self._seen and node_of(command_id) != node
        }
        self._seen = frozenset(commands)
        scopes = self._look_at_scopes(link)
        return News(waiting=waiting, results=scopes, events=scopes)

    def _look_at_scopes(self, link: Link) -> frozenset[int]:
        """Return where something came, now or at the last look."""
        newest = _newest(link)
        moved = {
            scope for scope, ids in newest.items() if self._newest.get(scope) != ids
        }
        told = frozenset(newest) if self.is_behind else self._fresh | moved
        self._newest, self._fresh, self.is_behind = newest, frozenset(moved), False
        return told

    @staticmethod
    def _commands(link: Link, now: int) -> dict[int, int]:
        since = first_id_at(now - _OVERLAP)
        return dict(link.execute(_WAITING, (min(since, MAX_INT64),)).fetchall())


def _newest(link: Link) -> Newest:
    return {scope: (event, result) for scope, event, result in link.execute(_NEWEST)}
