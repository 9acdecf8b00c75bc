"""What strangers send is kept within bounds of memory, disk and commits."""

import pytest

from pushserver.model.scope import DEFAULT_SCOPE_ID
from pushserver.model.unknown_request import (
    MAX_UNKNOWN_REQUESTS,
    UNKNOWN_REQUEST_OVERHEAD,
    UnknownRequest,
)
from pushserver.services.device_write_behind import MAX_REQUEST_BYTES
from pushserver.services.pending_requests import PendingRequests
from pushserver.web.services import Services
from tests.clock import START
from tests.devices import terminal

#: The size of each request here.
SIZE = 1000
KIBIBYTE = 1024


def request(number: int, device_id: int = 1) -> UnknownRequest:
    """Return an unknown request of `SIZE` bytes."""
    return UnknownRequest(
        id=number,
        device_id=device_id,
        at=START,
        method="POST",
        path="/x",
        address=None,
        body=b"x" * (SIZE - UNKNOWN_REQUEST_OVERHEAD - 2),
    )


def ids(requests: list[UnknownRequest]) -> list[int]:
    """Return the ids of *requests*."""
    return [each.id for each in requests]


@pytest.mark.parametrize(("is_adopted", "count"), [(True, 6), (False, 3)])
def test_bytes(*, is_adopted: bool, count: int) -> None:
    """
    As much as the limit is kept, half of that of strangers, and not one byte more.
    """
    pending = PendingRequests(limit=6 * SIZE)
    for number in range(count):
        assert pending.add(request(number, number), is_adopted=is_adopted)

    assert not pending.add(request(99, 99), is_adopted=is_adopted)
    assert [0] == ids(pending.take(SIZE))
    assert pending.add(request(99, 99), is_adopted=is_adopted)


def test_of_each_device() -> None:
    """
    Of one device only the last ones are kept, and those before give their room back.
    """
    pending = PendingRequests(limit=(MAX_UNKNOWN_REQUESTS + 1) * SIZE)
    for number in range(3 * MAX_UNKNOWN_REQUESTS):
        assert pending.add(request(number), is_adopted=True)

    last = list(range(2 * MAX_UNKNOWN_REQUESTS, 3 * MAX_UNKNOWN_REQUESTS))
    assert last == ids(pending.of_device(1))
    pending.discard(1)
    assert not pending


def test_back_again() -> None:
    """
    What could not be written comes before what was sent meanwhile.
    """
    pending = PendingRequests(limit=99 * SIZE)
    pending.add(request(1), is_adopted=True)
    taken = pending.take(SIZE)
    pending.add(request(2), is_adopted=True)
    pending.put_back(taken)

    assert [1, 2] == ids(pending.of_device(1))


async def test_a_batch(services: Services) -> None:
    """
    However much strangers send, one commit has little of it.
    """
    per_batch = MAX_REQUEST_BYTES // SIZE + 1
    for number in range(2 * per_batch):
        services.admission.admit(terminal(number), None, None)
        services.write_behind.add_unknown_request(request(number + 1, number))

    await services.write_behind.flush()

    written = await services.store.unknown_request_numbers()
    assert per_batch == len(written)
    await services.write_behind.flush()
    assert services.write_behind.is_flushed


async def test_counted(services: Services) -> None:
    """
    What finds no room is counted, and what adopted devices send still finds some.
    """
    room = services.write_behind.bounds.pending_requests * KIBIBYTE // 2 // SIZE
    for number in range(room + 1):
        services.admission.admit(terminal(number % 999), None, None)
        services.write_behind.add_unknown_request(request(number + 1, number % 999))
    refused = services.counts["bounds.pendingRequests"]
    await services.fleet.adopt(DEFAULT_SCOPE_ID, terminal(5000))
    services.write_behind.add_unknown_request(request(9999, 5000))

    assert (1, 1) == (refused, services.counts["bounds.pendingRequests"])
    assert [9999] == ids(services.write_behind.unknown_requests(5000))
