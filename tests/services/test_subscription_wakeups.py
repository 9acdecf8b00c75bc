"""Whose workers a commit wakes, and how much is compared for that."""

from collections import UserDict
from collections.abc import ItemsView, Mapping, Sequence

import pytest

from pushserver.model.change_notice import ChangeNotice
from pushserver.model.event import Event, EventType
from pushserver.model.scope import DEFAULT_SCOPE_ID
from pushserver.services.subscription_registry import MAX_MATCHED
from pushserver.web.services import Services
from tests.services.test_subscriptions import PingCounter, create_subscription

MANY = 1000


class CountedTags(UserDict[str, Sequence[str]]):
    """Tags of a filter that count how often they are compared."""

    times = 0

    def items(self) -> ItemsView[str, Sequence[str]]:
        """Count, and return them."""
        self.times += 1
        return super().items()


def status_events(device_ids: Mapping[int, int]) -> list[Event]:
    """Return so many events of each device."""
    return [
        Event(
            id=number,
            scope_id=DEFAULT_SCOPE_ID,
            type=EventType.COMMAND_STATUS,
            at=0,
            device_id=device_id,
            data=b"{}",
        )
        for device_id, count in device_ids.items()
        for number in range(count)
    ]


@pytest.mark.parametrize(
    ("device_ids", "compared", "wakes"),
    [
        ({7: MANY}, 1, False),
        (dict.fromkeys(range(MAX_MATCHED), 2), MAX_MATCHED, False),
        (dict.fromkeys(range(MAX_MATCHED + 1), 1), 0, True),
    ],
)
async def test_little_is_compared(
    services: Services,
    device_ids: Mapping[int, int],
    compared: int,
    *,
    wakes: bool,
) -> None:
    """
    However many events a commit has, each subscription is compared with a few devices;
    with more it is woken, and looks for itself.
    """
    one = await create_subscription(services.subscriptions, tags={"site": ["north"]})
    registry = services.subscription_registry
    worker = registry.workers[one.id] = PingCounter()
    tags = one.tags = CountedTags(site=["north"])
    events = status_events(device_ids)
    registry.on_events(ChangeNotice(events={DEFAULT_SCOPE_ID}, new_events=events))

    assert (compared, wakes) == (tags.times, worker.times > 0)
