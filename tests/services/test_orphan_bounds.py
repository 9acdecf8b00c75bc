"""Counting the results that end nothing, as they are decided and stored."""

from collections import Counter

import attrs
import pytest

from pushserver.clock import SECOND
from pushserver.errors import TooMany, Unavailable
from pushserver.model.bounds import Bounds
from pushserver.services.orphan_bounds import OrphanBounds
from pushserver.web.services import Services
from tests.clock import START
from tests.model.factories import DEVICE
from tests.services.driver import ServiceDriver

DAY = 86_400 * SECOND
ONE = Bounds(device_orphans=1)


async def test_not_stored(driver: ServiceDriver, services: Services) -> None:
    """What could not be stored is counted no more, so that it may come again."""
    orphans = services.result_intake.orphans
    orphans.bounds = attrs.evolve(orphans.bounds, device_orphans=1)
    async with driver.failing_commits():
        for _ in range(2):
            with pytest.raises(Unavailable):
                await driver.post_result()

    await driver.post_result()
    with pytest.raises(TooMany):
        await driver.post_result()


def test_taken_back_on_the_next_day() -> None:
    """What was counted on an earlier day makes no room on this one."""
    orphans = OrphanBounds(ONE, Counter())
    counted = orphans.count(DEVICE, 5, START)
    orphans.count(DEVICE, 5, START + DAY)

    orphans.take_back(counted)

    with pytest.raises(TooMany):
        orphans.count(DEVICE, 5, START + DAY)


def test_taken_back() -> None:
    """What is taken back makes room, in number and size."""
    orphans = OrphanBounds(ONE, Counter())
    size = ONE.device_orphan_size * 1024 * 1024
    for _ in range(2):
        counted = orphans.count(DEVICE, size, START)
        orphans.take_back(counted)

    orphans.count(DEVICE, size, START)
