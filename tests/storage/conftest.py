"""Fixtures: each store in turn, empty."""

from collections.abc import AsyncIterator

import pytest

from pushserver.model.task import Task
from pushserver.storage.base import Store
from tests.clock import ManualClock
from tests.storage.peers import Ear, Pair
from tests.storage.peers import opened as shared
from tests.storage.places import BACKENDS, Place, opened
from tests.storage.tracked import steps_of, task


@pytest.fixture(name="place")
def _place(backend: str, database: str) -> Place:
    """Return where each store in turn keeps its data."""
    return BACKENDS[backend](database)


@pytest.fixture(name="store")
async def _store(place: Place, clock: ManualClock) -> AsyncIterator[Store]:
    """Return each store in turn, empty; a test that takes it is a test of all."""
    async with opened(place, clock) as store:
        yield store


@pytest.fixture(name="whole")
async def _whole(store: Store) -> Task:
    """Return a task of two steps, without operations."""
    made = task(steps=2)
    await store.tasks.add_task(made, steps_of(made.id, 2))
    return made


@pytest.fixture(name="pair")
async def _pair(database: str) -> AsyncIterator[Pair]:
    """Return two servers' stores over one database; the first one leads."""
    async with shared(database) as a, shared(database) as b:
        ear = Ear()
        b.follow(ear.hear)
        yield Pair(a, b, ear)
