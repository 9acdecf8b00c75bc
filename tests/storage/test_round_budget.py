"""A round of decisions ends after some milliseconds; the rest is in the next ones."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from itertools import chain

import attrs
import pytest

from pushserver.errors import Unavailable
from pushserver.model.changes import Changes
from pushserver.model.lane import Lane
from pushserver.storage.base import Store
from pushserver.storage.commands import PriorState
from pushserver.storage.sql import round_budget
from pushserver.storage.sql.round_budget import MAX_JOBS
from tests.model.factories import command
from tests.storage.locations import failing_commits
from tests.storage.queue_actions import enqueue_commands, poll, poll_command


@attrs.frozen
class Decisions:
    """Which devices were decided on, round by round."""

    store: Store
    rounds: list[tuple[Changes, list[int]]] = attrs.field(factory=list)

    async def decide(self, device_id: int) -> int:
        """Decide on a device; return which."""

        def decide(lane: Lane, changes: Changes, _prior: PriorState) -> int:
            if not self.rounds or self.rounds[-1][0] is not changes:
                self.rounds.append((changes, []))
            self.rounds[-1][1].append(lane.device_id)
            return lane.device_id

        return await self.store.change_lane(device_id, decide)

    async def decide_on(self, devices: Sequence[int]) -> list[int]:
        """Decide on *devices* at once."""
        return await asyncio.gather(*map(self.decide, devices))

    @property
    def devices(self) -> list[list[int]]:
        """The devices of each round."""
        return [devices for _, devices in self.rounds]


@pytest.fixture(name="decisions")
def _decisions(store: Store) -> Decisions:
    return Decisions(store)


async def test_share_a_round(decisions: Decisions) -> None:
    """What is quick is decided in one round."""
    await decisions.decide_on([1, 2, 1, 3])

    assert [[1, 2, 1, 3]] == decisions.devices


async def test_long(decisions: Decisions, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    What is decided after the time of a round is in the next ones, in its order; all of
    it is done, with its own outcome.
    """
    monkeypatch.setattr(round_budget, "MAX_SECONDS", 0)
    devices = [1, 2, 1, 3, 2]

    assert devices == await decisions.decide_on(devices)
    assert [[device] for device in devices] == decisions.devices


@pytest.mark.parametrize("more", [0, 1])
async def test_many(decisions: Decisions, more: int) -> None:
    """A round has so many decisions at most."""
    devices = [device % 7 + 1 for device in range(MAX_JOBS + more)]

    assert devices == await decisions.decide_on(devices)
    assert 1 + more == len(decisions.rounds)
    assert Counter(devices) == Counter(chain(*decisions.devices))


async def test_store_away(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of rounds that fail nothing is left, and the next ones are as ever."""
    monkeypatch.setattr(round_budget, "MAX_SECONDS", 0)
    async with failing_commits(store):
        outcomes = await asyncio.gather(
            *(enqueue_commands(store, command(id=i)) for i in range(1, 4)),
            return_exceptions=True,
        )
    await enqueue_commands(store, command(id=4))

    assert [Unavailable] * 3 == [type(outcome) for outcome in outcomes]
    assert 4 == (await poll_command(store)).command.id
    assert await poll(store) is None
