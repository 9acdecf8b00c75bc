"""Many short bodies: none holds the loop up, and little is made of them at a time."""

import asyncio
import gc
import json
from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack, contextmanager
from typing import Any

import pytest

from pushserver.fair_turns import CALLER
from pushserver.model.order import Order
from pushserver.services import off_loop, result_reading
from pushserver.web import json_body
from pushserver.web.api import command_parsing
from pushserver.web.body_budget import MAX_DECODED, MAX_UNCOUNTED, BodyBudget
from tests.clock import ManualClock
from tests.each_case import each_case
from tests.web.local_server import (
    DEVICE,
    TOKEN,
    TOKEN_ID,
    LocalServer,
    running_server,
    wait_until,
    waiting_for,
)

MANY = 30
API = f"Authorization: Bearer {TOKEN}\r\nContent-Type: application/json\r\n"
COMMANDS = json.dumps([{"endpoint": "load_objects"}] * 3)
RESULT = json.dumps({"response": [{"error": ""}] * 1000})
#: What is asked, what decodes it, and where that is called.
CASES: list[tuple[str, str, Any, str]] = [
    (
        f"POST /api/v1/devices/{DEVICE}/commands HTTP/1.1\r\n{API}",
        COMMANDS,
        command_parsing,
        "parse_json_commands",
    ),
    (f"POST /api/v1/operations HTTP/1.1\r\n{API}", "{}", json_body, "decode_json"),
    (
        f"PATCH /api/v1/devices/{DEVICE}/shadow HTTP/1.1\r\n{API}",
        '{"general":{"language":"en_US"}}',
        json_body,
        "decode_json",
    ),
    (
        f"POST /result?deviceId={DEVICE}&uuid=u1 HTTP/1.1\r\n",
        RESULT,
        result_reading,
        "locate_result",
    ),
]


@contextmanager
def turns_of(
    monkeypatch: pytest.MonkeyPatch, module: Any, name: str
) -> Iterator[list[int]]:
    """Give the turns of the event loop in which the function is called in the block."""
    turn, turns, loop = 0, list[int](), asyncio.get_running_loop()
    function: Callable[..., object] = getattr(module, name)

    async def count() -> None:
        nonlocal turn
        while True:
            turn += 1
            await asyncio.sleep(0)

    def record(*args: object) -> object:
        turns.append(turn)
        return function(*args)

    counting = loop.create_task(count())
    with monkeypatch.context() as patch:
        patch.setattr(module, name, record)
        yield turns
    counting.cancel()


@each_case("case", CASES)
async def test_bodies_that_end_together(
    server: LocalServer,
    monkeypatch: pytest.MonkeyPatch,
    case: tuple[str, str, Any, str],
) -> None:
    """
    Of many bodies whose last byte comes in the same instant, a turn of the loop decodes
    two at most if each takes a while; all are answered.
    """
    head, body, module, name = case
    await server.api("PUT", f"/devices/{DEVICE}", {})
    monkeypatch.setattr(off_loop, "_PIECE", 0)
    request = f"{head}Host: x\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode()
    async with AsyncExitStack() as stack, asyncio.timeout(30):
        opened = [
            await stack.enter_async_context(server.connect()) for _ in range(MANY)
        ]
        for _, writer in opened:
            writer.write(request[:-1])
        receiving = server.services.request_starts
        await wait_until(lambda: not receiving._waiting)
        with turns_of(monkeypatch, module, name) as turns:
            for _, writer in opened:
                writer.write(request[-1:])
            for reader, _ in opened:
                assert b"HTTP/1.1 5" not in await reader.readline()

    assert MANY <= len(turns)
    assert 2 >= max(turns.count(turn) for turn in turns)


async def test_refused_calls_leave_nothing(database: str, clock: ManualClock) -> None:
    """
    Of a call that is refused nothing stays in memory, also before garbage is collected.
    """
    wrong = [{"endpoint": "load_objects"}] * 50 + [{"endpoint": ""}]
    beyond = [{"endpoint": "load_objects"}] * 50
    async with running_server(database, clock, device_queue=1) as server:
        await server.api("PUT", f"/devices/{DEVICE}", {})
        gc.collect()
        gc.disable()
        try:
            path = f"/devices/{DEVICE}/commands"
            answers = [await server.api("POST", path, each) for each in (wrong, beyond)]
            left = [each for each in gc.get_objects() if isinstance(each, Order)]
        finally:
            gc.enable()

    assert [422, 429] == [each.status for each in answers]
    assert [] == left


async def test_places(server: LocalServer) -> None:
    """
    So many calls of a token work on short bodies at a time; another token's are not
    held up by them, nor are those whose body is one command's.
    """
    budget = server.services.body_budget
    async with asyncio.TaskGroup() as group:
        working = [group.create_task(_work(budget)) for _ in range(MAX_DECODED + 1)]
        await wait_until(lambda: len(budget._places) == 1)
        other = await server.create_token("commands:write")
        path, padding = f"/devices/{DEVICE}/commands", "x" * MAX_UNCOUNTED
        long = [{"endpoint": "load_objects", "metadata": padding}]
        await server.api("PUT", f"/devices/{DEVICE}", {})
        assert 201 == (await server.api("POST", path, long, token=other)).status
        assert 201 == (await server.api("POST", path, {"endpoint": "reboot"})).status
        waiting = group.create_task(server.api("POST", path, long))
        await wait_until(lambda: waiting_for(budget._places[TOKEN_ID]) == 2)
        for each in working:
            each.cancel()

    assert 201 == waiting.result().status


async def _work(budget: BodyBudget) -> None:
    """Work for ever on a body."""
    CALLER.set(TOKEN_ID)
    await budget.take_place(MAX_UNCOUNTED + 1)
    await asyncio.Event().wait()


async def test_who_waits_works_not(server: LocalServer) -> None:
    """
    A call that waits for its outcome has no place: as many wait as may.
    """
    metadata = {"endpoint": "load_objects", "metadata": "x" * MAX_UNCOUNTED}
    await server.api("PUT", f"/devices/{DEVICE}", {})
    path = f"/devices/{DEVICE}/commands"
    prefer = {"Prefer": "wait=60"}
    bounds = server.services.wait_bounds
    async with asyncio.TaskGroup() as group:
        calls = [
            group.create_task(server.api("POST", path, metadata, headers=prefer))
            for _ in range(MAX_DECODED + 5)
        ]
        await wait_until(lambda: bounds.waiting_count == MAX_DECODED + 5)
        for each in calls:
            each.cancel()
