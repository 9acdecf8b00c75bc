"""Keeps server time going across restarts, and corrects what instants are called."""

from collections.abc import Sequence

import attrs

from pushserver.clock import CORRECTIONS, SECOND, ClockPeriod, SystemClock
from pushserver.model.clock_start import (
    ClockAnchor,
    ClockReading,
    ClockStart,
    resume_clock,
)
from pushserver.model.guarantee import DeliveryGuarantee
from pushserver.model.ids import first_instant_after
from pushserver.model.scope import DEFAULT_SCOPE_ID
from pushserver.storage.clock import ServerClock
from pushserver.storage.sql.conditions import IS_WAITING
from pushserver.storage.sql.connection import SqlConnection
from pushserver.storage.sql.largest_id import largest_id

#: A wall clock that is kept right is that close to the database's.
_MAX_SKEW = 60 * SECOND
#: Anchors of machines that were started anew, or are gone, are kept for so long.
_ANCHOR_RETENTION = 90 * 86_400 * SECOND
#: A server that is at work renews its anchor at least so often.
_MAX_ANCHOR_AGE = 180 * SECOND

_PERIODS = "SELECT started_at, correction FROM clock_period ORDER BY started_at"
_ANCHOR = "SELECT since_boot, instant FROM clock_anchor WHERE boot_id = ?"
_LATEST_ANCHOR = "SELECT max(instant) FROM clock_anchor"
_SERVERS = (
    "SELECT host, ahead, synchronized FROM clock_anchor WHERE instant > ?"
    " ORDER BY host, boot_id"
)
_SAVE_ANCHOR = (
    "INSERT INTO clock_anchor (boot_id, host, since_boot, instant, ahead,"
    " synchronized) VALUES (?, ?, ?, ?, ?, ?)"
    " ON CONFLICT (boot_id) DO UPDATE SET host = excluded.host,"
    " since_boot = excluded.since_boot, instant = excluded.instant,"
    " ahead = excluded.ahead, synchronized = excluded.synchronized"
)
_DELETE_OLD_ANCHORS = "DELETE FROM clock_anchor WHERE instant < ?"
_ADD_PERIOD = (
    "INSERT INTO clock_period (started_at, correction) VALUES (?, ?)"
    " ON CONFLICT (started_at) DO UPDATE SET correction = excluded.correction"
)
_CORRECT_PERIOD = (
    "UPDATE clock_period SET correction = ?"
    " WHERE started_at = (SELECT max(started_at) FROM clock_period)"
)
# The pause before an upgrade is verified again is no instant that somebody chose.
_MOVE_COMMANDS = (
    "UPDATE command SET not_before = not_before - ?1, expires_at = expires_at - ?1"
    f" WHERE {IS_WAITING} AND not_before > ?2 AND NOT EXISTS (SELECT 1 FROM"
    " device_upgrade WHERE device_upgrade.operation_id = command.operation_id"
    " AND device_upgrade.state = 'updating')"
)
_MOVE_STEPS = "UPDATE step SET not_before = not_before - ?1 WHERE not_before > ?2"
_MOVE_TASKS = (
    "UPDATE task SET expires_at = expires_at - ?1 WHERE ended_at IS NULL"
    " AND expires_at - expires_in > ?2"
)
_EXPIRE_IN_DOUBT = (
    f"UPDATE command SET expires_at = ?1 WHERE {IS_WAITING} AND expires_at > ?1"
    f" AND guarantee = '{DeliveryGuarantee.AT_MOST_ONCE.value}'"
    " AND coalesce(not_before, 0) <= ?1"
)


@attrs.frozen
class StartedClock:
    """
    How server time went on.

    The wall clock has jumped by `jump` (0 also if nobody knows); so many commands are
    `expired` because of doubt.
    """

    start: ClockStart
    jump: int
    expired: int


def read_periods(connection: SqlConnection) -> Sequence[ClockPeriod]:
    """Return the corrections that are stored, oldest first."""
    return [ClockPeriod(*row) for row in connection.execute(_PERIODS).fetchall()]


def add_first_period(connection: SqlConnection) -> None:
    """Take the wall clock for right if the store knows nothing of clocks yet."""
    if not read_periods(connection):
        connection.execute(_ADD_PERIOD, (0, 0))
    CORRECTIONS.replace(read_periods(connection))


def start_clock(
    connection: SqlConnection, clock: SystemClock, others: ClockAnchor | None = None
) -> StartedClock:
    """
    Let server time go on where the store left it; within a transaction.

    *others* have just said what time it is, if there are other servers. If nobody knows
    how much has passed, commands that are given at most once expire.
    """
    periods = read_periods(connection)
    since_boot, wall = clock.since_boot(), clock.wall()
    row = connection.execute(_ANCHOR, (clock.machine.boot_id,)).fetchone()
    latest = _latest_instant(connection, periods)
    start = resume_clock(
        ClockReading(
            wall=wall,
            since_boot=since_boot,
            is_trusted=_is_trusted(clock, wall),
            others=others,
        ),
        None if row is None else ClockAnchor(*row),
        periods[-1].correction if periods else None,
        latest,
    )
    if not periods and latest > first_instant_after(DEFAULT_SCOPE_ID):
        # History from before clocks were corrected is called as it was.
        periods = [ClockPeriod(0, 0)]
        connection.execute(_ADD_PERIOD, attrs.astuple(periods[0]))
    clock.start_at(start.instant, since_boot)
    before = periods[-1].correction if periods else start.correction
    expired = _store_start(connection, start, periods)
    return StartedClock(start, start.correction - before, expired)


def _is_trusted(clock: SystemClock, wall: int) -> bool:
    machine = clock.machine
    is_close = abs(machine.wall() // 1000 - wall) < _MAX_SKEW
    return is_close and machine.is_synchronized()


def _latest_instant(connection: SqlConnection, periods: Sequence[ClockPeriod]) -> int:
    (anchored,) = connection.execute(_LATEST_ANCHOR).fetchone()
    started = periods[-1].started_at if periods else 0
    return max(started, anchored or 0, first_instant_after(largest_id(connection)))


def _store_start(
    connection: SqlConnection, start: ClockStart, periods: Sequence[ClockPeriod]
) -> int:
    """Store how time went on; return how many commands expire because of doubt."""
    before = periods[-1].correction if periods else 0
    if start.is_new_period:
        # The first one begins with server time itself.
        started_at = start.instant if periods else 0
        connection.execute(_ADD_PERIOD, (started_at, start.correction))
    if start.correction != before:
        store_correction(connection, start.correction, before, start.instant)
    expired = 0
    if start.is_in_doubt:
        expired = connection.execute(_EXPIRE_IN_DOUBT, (start.instant,)).rowcount
    CORRECTIONS.replace(read_periods(connection))
    return expired


def store_correction(
    connection: SqlConnection, correction: int, before: int, now: int
) -> None:
    """Store the present *correction*; what is scheduled by name moves along."""
    connection.execute(_CORRECT_PERIOD, (correction,))
    for sql in (_MOVE_COMMANDS, _MOVE_STEPS, _MOVE_TASKS):
        connection.execute(sql, (correction - before, now))


def save_anchor(connection: SqlConnection, clock: SystemClock) -> Sequence[ServerClock]:
    """Store what time it is here; return what the servers at work have stored."""
    machine, since_boot, now = clock.machine, clock.since_boot(), clock.now()
    ahead = machine.wall() // 1000 - clock.wall()
    is_synchronized = int(machine.is_synchronized())
    connection.execute(
        _SAVE_ANCHOR,
        (machine.boot_id, machine.host, since_boot, now, ahead, is_synchronized),
    )
    connection.execute(_DELETE_OLD_ANCHORS, (now - _ANCHOR_RETENTION,))
    servers = connection.execute(_SERVERS, (now - _MAX_ANCHOR_AGE,)).fetchall()
    return [ServerClock(host, ahead, bool(known)) for host, ahead, known in servers]
