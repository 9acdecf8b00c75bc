"""Finds half-open connections and aborts them."""

from collections.abc import Collection

import structlog

from pushserver.storage.postgres.connection.arrays import array_literal
from pushserver.storage.postgres.connection.connection import Connection
from pushserver.storage.postgres.connection.threads import ConnectionThread

log = structlog.get_logger(__name__)

#: Seconds without an answer after which a connection may be half-open.
_STALLED_AFTER = 1.5
# A backend that is not working on the query has answered it, or never received all of
# it. A recent answer may still be on the network.
_BUSY_PIDS = (
    "SELECT pid FROM pg_stat_activity WHERE pid = ANY(CAST(? AS INTEGER[])) AND"
    " (state = 'active' AND wait_event IS DISTINCT FROM 'ClientRead'"
    " OR state_change > clock_timestamp() - INTERVAL '1 second')"
)


def abort_stalled_connections(
    connection: Connection, threads: Collection[ConnectionThread]
) -> None:
    """
    Abort those of *threads* whose queries the database is not working on.

    Abort idle connections along with them: those are probably half-open, too.
    """
    stalled_pids = {
        thread.pid for thread in threads if thread.has_waited(_STALLED_AFTER)
    }
    if not stalled_pids:
        return
    waiting_pids = [
        each.pid for each in threads if each.pid is not None and each.has_waited(0)
    ]
    busy_pids = {
        pid for (pid,) in connection.execute(_BUSY_PIDS, (array_literal(waiting_pids),))
    }
    if stalled_pids <= busy_pids:
        return
    log.warning("postgres.silent", seconds=_STALLED_AFTER)
    for thread in threads:
        if thread.pid not in busy_pids:
            thread.abort()
