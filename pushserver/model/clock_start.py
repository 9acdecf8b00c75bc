"""Where server time goes on when a server starts, and whether that is known.

Within one run of the machine it is known: the time since the machine was started says
how much passed, whatever the wall clock shows. After another start only the wall clock
can tell, and it is believed if it is kept right by somebody and does not contradict
what is stored. Within one run, time never goes back, not even as little as clocks drift
apart: restart after restart, that would add up, and a door would open late.

A server that joins others goes by what time they say it is. The wall clock may have
jumped a moment ago, and they not have seen it yet.
"""

import attrs

from pushserver.clock import FIRST_INSTANT, JUMP_TOLERANCE

#: Two clocks drift apart by less than one microsecond in so many.
_DRIFT = 5_000


@attrs.frozen
class ClockAnchor:
    """It was `instant` when a machine had been running for `since_boot`."""

    since_boot: int
    instant: int


@attrs.frozen(kw_only=True)
class ClockReading:
    """
    What the clocks say at a start: `wall`, and `since_boot`, in microseconds.

    `is_trusted`: somebody keeps the wall clock right. `others` have just said what time
    it is; None: no other server works over the store.
    """

    wall: int
    since_boot: int
    is_trusted: bool
    others: ClockAnchor | None = None


@attrs.frozen
class ClockStart:
    """
    Where server time goes on, and by how much wall time is ahead of it.

    `is_new_period`: the machine was started anew. `is_in_doubt`: nobody knows how much
    time has passed, so `instant` is the last one that is known.
    """

    instant: int
    correction: int
    is_new_period: bool = False
    is_in_doubt: bool = False


def resume_clock(
    reading: ClockReading,
    anchor: ClockAnchor | None,
    correction: int | None,
    latest: int,
) -> ClockStart:
    """
    Return where server time goes on.

    *anchor* is of this run of the machine. *correction* is the last one that is stored,
    None at the very first start; *latest* is the latest instant that is stored.
    """
    if (others := reading.others) is not None:
        # A jump of the wall is their leader's to correct, once for all.
        passed = reading.since_boot - others.since_boot
        return ClockStart(others.instant + passed, correction or 0)
    claimed = reading.wall - (correction or 0)
    if anchor is not None and reading.since_boot >= anchor.since_boot:
        passed = reading.since_boot - anchor.since_boot
        expected = anchor.instant + passed
        ahead, drift = claimed - expected, passed // _DRIFT
        if -JUMP_TOLERANCE <= ahead <= JUMP_TOLERANCE + drift:
            # What is left is so little that names stay as they are.
            return ClockStart(expected + min(max(ahead, 0), drift), correction or 0)
        return ClockStart(expected, reading.wall - expected)
    if correction is None:
        instant = max(claimed, latest, FIRST_INSTANT)
        return ClockStart(instant, reading.wall - instant, is_new_period=True)
    is_known = reading.is_trusted and claimed >= latest
    instant = claimed if is_known else latest
    return ClockStart(
        instant,
        reading.wall - instant,
        is_new_period=True,
        is_in_doubt=not is_known,
    )
