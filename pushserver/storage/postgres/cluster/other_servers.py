"""Whether other servers use the database: one that is alone sends no notices."""

import attrs

from pushserver.storage.postgres.cluster.server_locks import count_others
from pushserver.storage.postgres.connection.connection import Connection

#: Checks in a row without another server after which this one is alone. Not the first:
#: a server that just stopped may have committed changes without sending their notice.
_CHECKS_UNTIL_ALONE = 10


@attrs.define(eq=False)
class OtherServers:
    """Counts the checks in a row that found no other server."""

    _checks_without: int = attrs.field(default=0, init=False)

    @property
    def is_alone(self) -> bool:
        """Tell whether no other server was there for a while."""
        return self._checks_without >= _CHECKS_UNTIL_ALONE

    def start(self, connection: Connection) -> None:
        """Check once; without another server, this one is alone from the start."""
        self._checks_without = 0 if count_others(connection) else _CHECKS_UNTIL_ALONE

    def check(self, connection: Connection) -> None:
        """Check whether another server is there."""
        self._checks_without = (
            0 if count_others(connection) else self._checks_without + 1
        )

    def on_notice(self) -> None:
        """Record that another server sent a notice."""
        self._checks_without = 0
