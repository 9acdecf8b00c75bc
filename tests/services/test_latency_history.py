"""How long things took, as all servers over a store tell it."""

import pytest

from pushserver.metrics.latency import LatencyKind
from pushserver.services.latency_history import (
    LatencyHistory,
    LatencySummary,
    Period,
)
from pushserver.web.services import Services
from tests.clock import ManualClock

HOUR = 3600


async def of_devices(services: Services, period: Period) -> LatencySummary:
    """Return how long commands took to their devices."""
    summaries = await services.latency_history.read(period)
    assert list(LatencyKind) == [each.kind for each in summaries]
    return summaries[0]


async def test_two_servers_add_up(services: Services, clock: ManualClock) -> None:
    """
    Whatever a server measured is counted once, together with what others did.
    """
    other = LatencyHistory(services.store, clock, services.metrics)
    services.metrics.to_device.observe(0.15)
    await services.latency_history.save()
    clock.tick(seconds=1)
    await services.latency_history.save()
    await other.save()
    found = await of_devices(services, Period.HOUR)

    assert 2 == found.count
    assert found.p50 == pytest.approx(0.125)
    assert [2] == [point.count for point in found.points]


async def test_points_are_apart(services: Services, clock: ManualClock) -> None:
    """
    An hour has a point a minute, a day one each quarter of an hour; older is left out.
    """
    for seconds in (0, 20 * HOUR, 3 * HOUR, 60, 60):
        clock.tick(seconds=seconds)
        services.metrics.to_device.observe(1.0)
        await services.latency_history.save()
    hour = await of_devices(services, Period.HOUR)
    clock.tick(seconds=2 * HOUR)
    day = await of_devices(services, Period.DAY)

    assert (3, 3) == (hour.count, len(hour.points))
    assert 4 == day.count
    assert 4 >= len(day.points) >= 2
    assert [] == [point for point in day.points if point.at % (900_000_000)]


async def test_old_records_go(services: Services, clock: ManualClock) -> None:
    """
    What no period shows any more is deleted.
    """
    services.metrics.loop_lag.observe(0.001)
    saved = await services.latency_history.save()
    clock.tick(seconds=24 * HOUR)
    kept = await services.latency_history.purge()
    clock.tick(seconds=2 * HOUR)

    assert (saved, 0) == (await services.latency_history.purge(), kept)
