"""Events and results are read on wherever the server was away."""

import aiohttp
import pytest

from pushserver.client import ApiError, Client
from tests.cli.tcp_proxy import TcpProxy
from tests.client.conftest import answer_one
from tests.program import Program


async def test_events_go_on(shared: Program, device_id: str) -> None:
    """
    A stream that breaks goes on after its last event: none is left out, none comes
    twice; another reader goes on after the id of an event.
    """
    cable = TcpProxy(shared.url)
    await cable.start()
    url = f"http://127.0.0.1:{cable.port}"
    async with (
        Client(url, shared.token) as client,
        Client(shared.url, shared.token) as direct,
    ):
        start = await direct.commands.enqueue(device_id, {"endpoint": "reboot"})
        events = client.events(deviceId=device_id, last_event_id="0")
        first = await anext(events)
        await cable.stop()
        await direct.commands.cancel(start["id"])
        await cable.start()
        second = await anext(events)
        again = await anext(
            direct.events(deviceId=device_id, last_event_id=first["id"])
        )
    await cable.stop()

    assert first["type"] == "command.status"
    assert second["type"] == "command.status"
    assert (start["id"], "PENDING") == (
        first["data"]["commandId"],
        first["data"]["state"],
    )
    assert "CANCELED" == second["data"]["state"]
    assert second == again


async def test_events_that_are_refused(shared: Program) -> None:
    """
    A stream that the server refuses is an error, not a wait.
    """
    async with Client(shared.url, "pst_wrong") as client:
        with pytest.raises(ApiError) as refused:
            await anext(client.events())

    assert 401 == refused.value.status


async def test_results_go_on(
    shared: Program, device_id: str, http: aiohttp.ClientSession
) -> None:
    """
    Pages of results come as devices post them; another reader begins at a cursor.
    """
    ids = []
    async with Client(shared.url, shared.token) as client:
        pages = client.results.follow(deviceId=device_id)
        seen = []
        for _ in range(2):
            command = await client.commands.enqueue(
                device_id, {"endpoint": "load_objects"}
            )
            ids.append(command["id"])
            await answer_one(shared.url, device_id, http)
            seen.append(await anext(pages))
        later = [
            each["commandId"]
            async for each in client.results.iterate(
                deviceId=device_id, cursor=seen[0]["nextCursor"]
            )
        ]
        every = [r async for r in client.results.iterate(deviceId=device_id)]

    assert ids == [page["items"][0]["commandId"] for page in seen]
    assert ids[1:] == later
    assert ids == [each["commandId"] for each in every]
