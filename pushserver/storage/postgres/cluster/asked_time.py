"""A server that joins others asks what time it is, and their leader answers.

The database's clock would not do: it may have jumped a moment ago, and nobody have
stored that yet.
"""

from collections.abc import Iterable
from contextlib import closing

from pushserver.clock import SECOND, SystemClock
from pushserver.errors import Unavailable
from pushserver.model.clock_start import ClockAnchor
from pushserver.storage.postgres.cluster.server_locks import count_others
from pushserver.storage.postgres.connection.connection import Connection

#: The channels of questions, to which servers listen, and of answers.
QUESTIONS, _ANSWERS = "pushserver_asked_time", "pushserver_time"
#: Seconds to wait for an answer: by so much it may be late, and the time behind.
_PATIENCE = 0.5
#: The database ends the session of a server that is silent after eight seconds, and the
#: next leader is there after one more.
_MAX_QUESTIONS = 40
_NOTIFY = "SELECT pg_notify(?, ?)"


def ask_others(connection: Connection, clock: SystemClock) -> ClockAnchor | None:
    """
    Return what time it is for the servers at work; None: there are none.

    Raises:
        Unavailable: there are some, and none of them says it.
    """
    for _ in range(_MAX_QUESTIONS):
        if not count_others(connection):
            return None
        if (anchor := ask_leader(connection, clock)) is not None:
            return anchor
    raise Unavailable("No server that works over it says what time it is.")


def ask_leader(connection: Connection, clock: SystemClock) -> ClockAnchor | None:
    """
    Return what time it is for the leader; None: it does not say so in time.

    An answer to an earlier question may be too old.
    """
    asked_at = clock.since_boot()
    question = f"{connection.pid} {asked_at}"
    connection.execute_all(f"LISTEN {_ANSWERS}")
    try:
        connection.execute(_NOTIFY, (QUESTIONS, question))
        with closing(connection.raw.notifies(timeout=_PATIENCE)) as answers:
            for answer in answers:
                asked, _, instant = answer.payload.rpartition(" ")
                now = clock.since_boot()
                # This machine may have stood still since, with the answer there.
                if asked == question and now - asked_at <= _PATIENCE * SECOND:
                    return ClockAnchor(now, int(instant))
    finally:
        connection.execute_all(f"UNLISTEN {_ANSWERS}")
    return None


def say_time(connection: Connection, questions: Iterable[str], now: int) -> None:
    """Answer *questions*: it is *now*."""
    for question in questions:
        connection.execute(_NOTIFY, (_ANSWERS, f"{question} {now}"))
