"""Connections that carry nothing any more though both of their ends believe in them."""

from collections.abc import Collection

import structlog

from pushserver.storage.postgres.link import Link
from pushserver.storage.postgres.session import Session
from pushserver.storage.postgres.wanted import array

log = structlog.get_logger(__name__)

#: Seconds after which an answer is missed.
_LONG = 1.5
# What the database does not work on was answered, or never came to it, or not the
# whole of it. An answer that was given a moment ago may be on its way.
_BUSY = (
    "SELECT pid FROM pg_stat_activity WHERE pid = ANY(CAST(? AS INTEGER[])) AND"
    " (state = 'active' AND wait_event IS DISTINCT FROM 'ClientRead'"
    " OR state_change > clock_timestamp() - INTERVAL '1 second')"
)


def cut_silent(link: Link, sessions: Collection[Session]) -> None:
    """
    Ask on *link* who of *sessions* waits for an answer that will not come; cut those.

    And with them all that were not used just now: they may have gone the same way.
    """
    missed = {session.pid for session in sessions if session.waits(_LONG)}
    if not missed:
        return
    asked = [s.pid for s in sessions if s.pid is not None and s.waits(0)]
    busy = {pid for (pid,) in link.execute(_BUSY, (array(asked),))}
    if missed <= busy:
        return
    log.warning("postgres.silent", seconds=_LONG)
    for session in sessions:
        if session.pid not in busy:
            session.cut()
