"""Calls whose answer was lost are sent again, where that does no harm."""

import re
from collections.abc import Mapping
from types import MappingProxyType

import pytest

from pushserver.client import ApiError, Client, Unreachable
from pushserver.client.answers import ApiResponse
from pushserver.client.resending import Resender
from tests.client.losing_proxy import LosingProxy
from tests.program import Program

_KEY = re.compile(rb"Idempotency-Key: (\w+)", re.IGNORECASE)


async def test_a_door_is_opened_once(shared: Program, device_id: str) -> None:
    """
    An enqueue that lost its answer is sent again under the same key: one command.
    """
    proxy = LosingProxy(shared.url, losses=2)
    async with (
        proxy.listening(),
        Client(proxy.url, shared.token) as client,
        Client(shared.url, shared.token) as direct,
    ):
        command = await client.commands.enqueue(device_id, {"endpoint": "reboot"})
        stored = (await direct.commands.list(deviceId=device_id))["items"]

    assert [command["id"]] == [each["id"] for each in stored]
    assert 3 == len(proxy.calls)
    assert 1 == len({_KEY.findall(call)[0] for call in proxy.calls})


async def test_keys_are_not_lost(shared: Program, device_id: str) -> None:
    """
    Keys for many devices, whose answer is no JSON, are the ones that were made first.
    """
    async with (
        LosingProxy(shared.url, losses=1).listening() as proxy,
        Client(shared.url, shared.token) as direct,
        Client(proxy.url, shared.token) as client,
    ):
        await direct.devices.put(device_id)
        table = await client.devices.create_keys({"deviceIds": [device_id]})

    assert device_id in table.decode()
    assert 1 == len({_KEY.findall(call)[0] for call in proxy.calls})


async def test_every_call_has_a_key_of_its_own(shared: Program, device_id: str) -> None:
    """
    Two calls that say the same are two commands.
    """
    async with Client(shared.url, shared.token) as client:
        for _ in range(2):
            await client.commands.enqueue(device_id, {"endpoint": "reboot"})

        assert 2 == len((await client.commands.list(deviceId=device_id))["items"])


async def test_reads_come_again(shared: Program) -> None:
    """
    A read that lost its answer is sent again.
    """
    async with LosingProxy(shared.url, losses=1).listening() as proxy:
        async with Client(proxy.url, shared.token) as client:
            await client.status()

        assert 2 == len(proxy.calls)


async def test_what_has_no_key_is_sent_once(shared: Program, device_id: str) -> None:
    """
    A call without a key that lost its answer fails, and says that it may have arrived.
    """
    async with (
        LosingProxy(shared.url, losses=1).listening() as proxy,
        Client(proxy.url, shared.token) as client,
    ):
        with pytest.raises(Unreachable) as lost:
            await client.devices.patch(device_id, name="Door")

    assert lost.value.may_have_arrived
    assert 1 == len(proxy.calls)


async def test_nothing_comes_twice_if_so_said(shared: Program, device_id: str) -> None:
    """
    With `retry_for=0` nothing is sent again, and nothing has a key.
    """
    async with (
        LosingProxy(shared.url, losses=1).listening() as proxy,
        Client(proxy.url, shared.token, retry_for=0) as client,
    ):
        with pytest.raises(Unreachable):
            await client.commands.enqueue(device_id, {"endpoint": "reboot"})

    assert [[]] == [_KEY.findall(call) for call in proxy.calls]


async def test_a_wrong_address_is_said_at_once() -> None:
    """
    Where no connection is made, a call is tried once, and cannot have arrived.
    """
    async with Client("http://127.0.0.1:1", "pst_x", retry_for=3600) as client:
        with pytest.raises(Unreachable) as away:
            await client.devices.list()

    assert not away.value.may_have_arrived


def _answer(
    status: int, body: bytes = b"{}", headers: Mapping[str, str] = MappingProxyType({})
) -> ApiResponse:
    return ApiResponse(status, headers, body)


@pytest.mark.parametrize(
    ("away", "seconds"),
    [
        (_answer(503), 60),
        (_answer(502, b"<html>"), 60),
        (_answer(409, b'{"type": "urn:pushserver:problem:idempotency-running"}'), 60),
    ],
)
async def test_a_server_that_is_back_answers(away: ApiResponse, seconds: float) -> None:
    """
    While the server or its proxy says that it is away, or at work, the call waits.
    """
    answers = [away, away, _answer(201)]

    async def send() -> ApiResponse:
        return answers.pop(0)

    assert 201 == (await Resender(seconds)(send)).status


@pytest.mark.parametrize(
    ("refusal", "retry_after"),
    [
        (_answer(503, headers={"Retry-After": "120"}), 120),
        (_answer(429, headers={"Retry-After": "1"}), 1),
        (_answer(500), None),
        (_answer(409), None),
        (_answer(301, headers={"Location": "https://push.example.com/"}), None),
    ],
)
async def test_a_refusal_is_raised_at_once(
    refusal: ApiResponse, retry_after: float | None
) -> None:
    """
    What a moment does not cure is raised; it says when another try is worth it.
    """
    answers = [refusal]

    async def send() -> ApiResponse:
        return answers.pop()

    with pytest.raises(ApiError) as refused:
        await Resender(60)(send)

    assert (refusal.status, retry_after) == (
        refused.value.status,
        refused.value.retry_after,
    )
