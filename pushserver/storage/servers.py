"""The servers that are at work over one store."""

import attrs


@attrs.frozen
class ServerInfo:
    """
    A server: its node number, its release, and from where it reaches the database.

    `since` is when it connected, by the wall clock of the database (microseconds UTC).
    `version` is None of a release that does not tell, `address` of the database's own
    machine.
    """

    node: int
    version: str | None
    address: str | None
    since: int
    is_leader: bool
