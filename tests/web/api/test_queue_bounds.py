"""The queues of devices and scopes are bounded, whoever fills them."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.clock import ManualClock
from tests.web.api.operations import create_operation
from tests.web.local_server import (
    DEVICE,
    LOAD_USERS,
    LocalServer,
    Response,
    running_server,
)

PATH = f"/devices/{DEVICE}/commands"
FULL = (429, "queue-full", None)
BOUND = 3


@pytest.fixture(name="server")
async def _server(database: str, clock: ManualClock) -> AsyncIterator[LocalServer]:
    """Return a server with a small bound for each device."""
    async with running_server(database, clock, device_queue=BOUND) as server:
        yield server


async def fill(server: LocalServer, *, but: int = 0) -> list[dict[str, Any]]:
    """Fill the device's queue."""
    return [await server.enqueue() for _ in range(BOUND - but)]


def is_full(answer: Response) -> bool:
    """Tell whether it says that the queue is full, and when to try again."""
    return FULL == answer.problem and "10" == answer.headers["Retry-After"]


async def test_a_device(server: LocalServer) -> None:
    """
    As many commands as the bound wait, and not one more; it is counted, and whoever
    takes one gives room for one.
    """
    await fill(server)
    refused = await server.api("POST", PATH, dict(LOAD_USERS))
    await server.enqueue(device_id=DEVICE + 1)
    await server.poll()
    await server.enqueue()

    assert is_full(refused), refused.body
    assert is_full(await server.api("POST", PATH, dict(LOAD_USERS)))
    assert 2 == server.services.counts["bounds.deviceQueue"]


async def test_an_array(server: LocalServer) -> None:
    """
    An array that does not fit is refused whole; one that does is taken.
    """
    await fill(server, but=2)
    refused = await server.api("POST", PATH, [dict(LOAD_USERS)] * 3)
    taken = await server.api("POST", PATH, [dict(LOAD_USERS)] * 2)

    assert is_full(refused), refused.body
    assert 201 == taken.status


async def test_what_takes_a_place_needs_none(server: LocalServer) -> None:
    """
    A command that replaces one that waits is taken; with another key it is not.
    """
    await fill(server, but=1)
    await server.enqueue({**LOAD_USERS, "supersede": "a"})
    newer = await server.enqueue({**LOAD_USERS, "supersede": "a"})
    refused = await server.api("POST", PATH, {**LOAD_USERS, "supersede": "b"})

    assert 1 == len(newer["superseded"])
    assert is_full(refused), refused.body


async def test_an_array_that_replaces_itself(server: LocalServer) -> None:
    """
    Of an array those need room that wait in the end: one of each key, in place of the
    one that waited; and each that has none.
    """
    same = [{**LOAD_USERS, "supersede": "a"}] * 5
    alone = await server.api("POST", PATH, same)
    await fill(server, but=1)
    in_its_place = await server.api("POST", PATH, same)
    refused = [
        await server.api("POST", PATH, [*same, {**LOAD_USERS, "supersede": "b"}]),
        await server.api("POST", PATH, [*same, dict(LOAD_USERS)]),
    ]

    assert (201, 201) == (alone.status, in_its_place.status), in_its_place.body
    assert [True] * 2 == [is_full(each) for each in refused], refused
    assert BOUND == (await server.get_device())["queueDepth"]


async def test_an_array_in_a_full_scope(database: str, clock: ManualClock) -> None:
    """
    The same holds of the scope's bound.
    """
    same = [{**LOAD_USERS, "supersede": "a"}] * 4
    async with running_server(database, clock, scope_queue=2) as server:
        await server.enqueue(device_id=7)
        answers = [await server.api("POST", PATH, same) for _ in range(2)]
        refused = await server.api("POST", PATH, [*same, dict(LOAD_USERS)])

    assert [201, 201] == [each.status for each in answers], answers
    assert is_full(refused), refused.body


async def test_every_way_in(server: LocalServer) -> None:
    """
    A retry, an operation and the refresh of a shadow need room, too, and a key under
    which a command was taken before does not.
    """
    key = {"Idempotency-Key": "k"}
    ended = (await fill(server, but=1))[0]["id"]
    await server.api("DELETE", f"/commands/{ended}")
    await server.api("POST", PATH, dict(LOAD_USERS), headers=key)
    await server.enqueue()
    again = await server.api("POST", PATH, dict(LOAD_USERS), headers=key)
    operation = {"deviceId": str(DEVICE), "steps": [LOAD_USERS]}
    refresh = {"general": ["online"]}
    refused = [
        await server.api("POST", f"/commands/{ended}/retry"),
        await server.api("POST", "/operations", operation),
        await server.api("POST", f"/devices/{DEVICE}/shadow/refresh", refresh),
    ]

    assert 201 == again.status
    assert [True] * 3 == [is_full(each) for each in refused], refused


async def test_an_operation_goes_on(server: LocalServer) -> None:
    """
    The next step of an operation that is under way is queued without room for it.
    """
    await create_operation(server, LOAD_USERS, LOAD_USERS)
    await server.poll()
    await server.post_result()
    await fill(server)
    await server.services.next_steps.queue_due_steps()

    assert BOUND + 1 == (await server.get_device())["queueDepth"]


async def test_a_scope(database: str, clock: ManualClock) -> None:
    """
    A scope has a bound over all its devices, which another scope does not fill, and
    which a start over the same database still knows.
    """
    bounds = {"scope_queue": 2}
    async with running_server(database, clock, **bounds) as server:
        other = (await server.api("POST", "/scopes", {"name": "other"})).json()["token"]
        for device in range(2):
            await server.enqueue(device_id=device)
        refused = await server.api("POST", "/devices/7/commands", dict(LOAD_USERS))
        foreign = await server.api(
            "POST", "/devices/9/commands", dict(LOAD_USERS), token=other
        )
        counted = server.services.counts["bounds.scopeQueue"]
    async with running_server(database, clock, **bounds) as server:
        after_start = await server.api("POST", "/devices/7/commands", dict(LOAD_USERS))
        await server.poll("deviceId=1")
        await server.enqueue(device_id=7)
        full = await server.api("POST", "/devices/7/commands", dict(LOAD_USERS))

    assert [True] * 3 == [is_full(each) for each in (refused, after_start, full)]
    assert (201, 1) == (foreign.status, counted)


@pytest.mark.only_on("postgres")
async def test_what_other_servers_add(database: str, clock: ManualClock) -> None:
    """
    A server learns within seconds what another one over the same database enqueued.
    """
    bounds = {"scope_queue": 2}
    async with (
        running_server(database, clock, **bounds) as first,
        running_server(database, clock, **bounds) as second,
    ):
        await first.enqueue()
        await first.enqueue()
        await second.services.store.recount_waiting()
        refused = await second.api("POST", PATH, dict(LOAD_USERS))
        await first.api("DELETE", PATH)
        await second.services.store.recount_waiting()
        await second.enqueue()

    assert is_full(refused), refused.body
