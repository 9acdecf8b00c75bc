"""The advisory locks of servers: one for each node number, one for the leader."""

from collections.abc import Sequence

from pushserver.errors import Unavailable
from pushserver.storage.postgres.connection.connection import (
    READER_APPLICATION,
    Connection,
)
from pushserver.storage.servers import ServerInfo
from pushserver.storage.sql.connection import SqlConnection

#: The first keys of two-key advisory locks; a device's lock has one key.
_NODE_LOCK, _LEADER_LOCK = 1, 2
MAX_NODES = 1024
# It starts at a random number: another server may just have lost a low one.
_LOCK_FREE_NODE = (
    "SELECT (n + ?1) % ?2 FROM generate_series(0, ?2 - 1) AS n"
    f" WHERE pg_try_advisory_lock({_NODE_LOCK}, CAST((n + ?1) % ?2 AS INTEGER)) LIMIT 1"
)
_TRY_LEADER_LOCK = f"SELECT pg_try_advisory_lock({_LEADER_LOCK}, 0)"
_COUNT_OTHERS = (
    "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND objsubid = 2"
    f" AND classid = {_NODE_LOCK} AND granted AND pid <> pg_backend_pid() AND"
    " database ="
    " (SELECT oid FROM pg_database WHERE datname = current_database())"
)
_SERVERS = (
    "SELECT node.objid, application_name, host(client_addr),"
    " CAST(extract(epoch FROM backend_start) * 1000000 AS BIGINT),"
    " EXISTS (SELECT 1 FROM pg_locks AS leader WHERE leader.pid = node.pid"
    " AND leader.locktype = 'advisory' AND leader.objsubid = 2 AND leader.granted"
    f" AND leader.classid = {_LEADER_LOCK} AND leader.database = node.database)"
    " FROM pg_locks AS node JOIN pg_stat_activity AS a ON a.pid = node.pid"
    " WHERE node.locktype = 'advisory' AND node.objsubid = 2 AND node.granted"
    f" AND node.classid = {_NODE_LOCK} AND datname = current_database()"
    " ORDER BY node.objid"
)


def lock_free_node(connection: Connection, first_node: int) -> int:
    """
    Lock and return the first free node number from *first_node* on.

    Raises:
        Unavailable: all numbers are taken.
    """
    row = connection.execute(_LOCK_FREE_NODE, (first_node, MAX_NODES)).fetchone()
    if row is None:
        raise Unavailable("There are too many servers over this database.")
    return int(row[0])


def try_leader_lock(connection: Connection) -> bool:
    """Try to take the leader's lock; tell whether it was free."""
    return bool((connection.execute(_TRY_LEADER_LOCK).fetchone() or (False,))[0])


def count_others(connection: Connection) -> int:
    """Return how many other servers there are."""
    return int((connection.execute(_COUNT_OTHERS).fetchone() or (0,))[0])


def list_servers(connection: SqlConnection) -> Sequence[ServerInfo]:
    """Return the servers that hold a node's lock."""
    rows = connection.execute(_SERVERS).fetchall()
    return [
        ServerInfo(int(node), _version_in(name), address, since, is_leader)
        for node, name, address, since, is_leader in rows
    ]


def _version_in(application_name: str) -> str | None:
    return application_name.removeprefix(READER_APPLICATION).strip() or None


def release_locks(connection: Connection) -> None:
    """Release the locks of this server."""
    connection.execute("SELECT pg_advisory_unlock_all()")
