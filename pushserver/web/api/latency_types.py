"""The types of latencies in the API's JSON."""

from pushserver.metrics.latency import LatencyKind
from pushserver.services.latency_history import Period
from pushserver.web.api.types import In, Instant, Out


class LatencyQuery(In):
    """Over how long to look back."""

    period: Period = Period.HOUR
    """The last `hour`, with a point a minute, or `day`, with one each 15 minutes."""


class LatencyPointOut(Out):
    """What was measured from an instant until the next point."""

    at: Instant
    """From when on."""
    count: int
    """How many were measured."""
    p50: float
    """Half of them took at most so many seconds."""
    p99: float
    """99 of 100 took at most so many seconds."""


class LatencyOut(Out, kw_only=True):
    """How long one kind of thing took; the percentiles are there if there was one."""

    kind: LatencyKind
    """
    What took so long: a command from when it may be given out until its device has it;
    from then until its result; a commit; or what the event loop was late with.
    """
    count: int
    """How many were measured."""
    p50: float | None = None
    """Half of them took at most so many seconds."""
    p99: float | None = None
    """99 of 100 took at most so many seconds."""
    points: list[LatencyPointOut]
    """The same over time, oldest first; where nothing was measured, there is none."""


class LatenciesOut(Out):
    """How long things took, of each kind."""

    items: list[LatencyOut]
    """The kinds."""
