"""Garbage is collected before there is much of it."""

from weakref import ref

import pytest

from pushserver.workers.young_garbage import YoungGarbage

pytestmark = pytest.mark.usefixtures("no_collector")


class Knot:
    """Refers to itself, so that only a collection frees it."""

    def __init__(self) -> None:
        self.itself = self


async def test_collects() -> None:
    """What is garbage at once is gone after one round."""
    knot = ref(Knot())
    before = knot()
    del before
    await YoungGarbage().collect()

    assert knot() is None


async def test_collects_again() -> None:
    """What was in use during a round, and is not any more, is gone soon after."""
    young_garbage, knot = YoungGarbage(), Knot()
    await young_garbage.collect()
    left = ref(knot)
    del knot
    for _ in range(3):
        await young_garbage.collect()

    assert left() is None


async def test_leaves_old_alone() -> None:
    """What stayed for a while is looked at no more: it would take its time."""
    young_garbage, knot = YoungGarbage(), Knot()
    for _ in range(6):
        await young_garbage.collect()
    left = ref(knot)
    del knot
    for _ in range(6):
        await young_garbage.collect()

    assert left() is not None
