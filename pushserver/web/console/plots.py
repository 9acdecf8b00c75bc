"""How long commands took, as plots that need no script."""

import math
from collections.abc import Callable, Sequence

import attrs

from pushserver.metrics.latency import LatencyKind
from pushserver.model.scope import DEFAULT_SCOPE_ID
from pushserver.model.token import Permission
from pushserver.services.latency_history import LatencySummary, Period
from pushserver.web.console.page import SignedInCall

KINDS = (LatencyKind.ENQUEUE_TO_DEVICE, LatencyKind.DEVICE_TO_RESULT)
#: The size of a plot, in units of its own.
WIDTH, HEIGHT = 480, 120
#: The least and the most that is shown, as powers of ten of seconds.
_LEAST, _MOST = -3, 5
_DOT = 3


@attrs.frozen
class Line:
    """One percentile over time: as points of SVG, and where it is alone."""

    name: str
    points: str
    dots: Sequence[tuple[float, float]]


@attrs.frozen
class Plot:
    """The percentiles of one kind over a period; `ticks` are heights with seconds."""

    summary: LatencySummary
    period: Period
    lines: Sequence[Line]
    ticks: Sequence[tuple[float, float]]


async def latency_plots(call: SignedInCall) -> Sequence[Plot]:
    """Return the plots that whoever looks may see: they are of every scope."""
    if call.scope_id != DEFAULT_SCOPE_ID or not call.may(Permission.METRICS_READ):
        return ()
    plots, now = [], call.services.clock.now()
    for period in Period:
        found = await call.services.latency_history.read(period)
        plots += [_plot(each, period, now) for each in found if each.kind in KINDS]
    return sorted(plots, key=lambda plot: KINDS.index(plot.summary.kind))


def _plot(summary: LatencySummary, period: Period, now: int) -> Plot:
    """Draw a summary; the heights are of powers of ten."""
    values = [v for p in summary.points for v in (p.p50, p.p99)]
    low = _power(min(values, default=0), math.floor)
    high = max(low + 1, _power(max(values, default=0), math.ceil))
    since = now - period.length

    def place(at: int, value: float) -> tuple[float, float]:
        x = (min(max(at, since), now) - since) / period.length * WIDTH
        share = (math.log10(max(value, 10**low)) - low) / (high - low)
        return round(x, 1), round(HEIGHT * (1 - min(share, 1)), 1)

    lines = [
        _line(name, [place(p.at, getattr(p, name)) for p in summary.points])
        for name in ("p99", "p50")
    ]
    ticks = [(place(now, 10.0**n)[1], 10.0**n) for n in range(low, high + 1)]
    return Plot(summary, period, lines, ticks)


def _line(name: str, places: Sequence[tuple[float, float]]) -> Line:
    points = " ".join(f"{x},{y}" for x, y in places)
    return Line(name, points, places if len(places) <= _DOT else ())


def _power(value: float, rounded: Callable[[float], int]) -> int:
    exponent = rounded(math.log10(value)) if value > 0 else _LEAST
    return min(max(exponent, _LEAST), _MOST)
