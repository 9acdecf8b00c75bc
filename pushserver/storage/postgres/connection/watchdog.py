"""Connections that carry nothing any more though both of their ends believe in them."""

from collections.abc import Collection

import structlog

from pushserver.storage.postgres.commit.lane_locking import array_literal
from pushserver.storage.postgres.connection.connection import Connection
from pushserver.storage.postgres.connection.threads import ConnectionThread

log = structlog.get_logger(__name__)

#: Seconds after which an answer is missed.
_STALLED_AFTER = 1.5
# What the database does not work on was answered, or never came to it, or not the
# whole of it. An answer that was given a moment ago may be on its way.
_BUSY_PIDS = (
    "SELECT pid FROM pg_stat_activity WHERE pid = ANY(CAST(? AS INTEGER[])) AND"
    " (state = 'active' AND wait_event IS DISTINCT FROM 'ClientRead'"
    " OR state_change > clock_timestamp() - INTERVAL '1 second')"
)


def abort_stalled_connections(
    connection: Connection, threads: Collection[ConnectionThread]
) -> None:
    """
    Ask on *connection* who of *threads* waits for an answer that will not come; cut
    those.

    And with them all that were not used just now: they may have gone the same way.
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
