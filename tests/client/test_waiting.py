"""Waiting for what is over sometime, whatever the server does meanwhile."""

import asyncio
from typing import Any

import aiohttp
import pytest

from pushserver.client import ApiError, Client, Unreachable, WaitTimeout, backoff
from pushserver.client.waiting import wait_until
from tests.client.conftest import answer_one
from tests.program import Program

#: A command, or a step.
LOAD: Any = {"endpoint": "load_objects", "body": {"object": "users"}}


async def test_over_a_restart(program: Program, http: aiohttp.ClientSession) -> None:
    """
    A wait goes on while the server is killed and started again.
    """
    program.start()
    async with Client(program.url, program.token) as client:
        command = await client.commands.enqueue("7", LOAD)
        waiting = asyncio.create_task(client.commands.wait(command["id"], timeout=90))
        await client.commands.get(command["id"])
        await program.kill_and_restart()
        await answer_one(program.url, "7", http)

        assert "SUCCESSFUL" == (await waiting)["state"]
    program.stop()


async def test_while_the_server_is_away(monkeypatch: pytest.MonkeyPatch) -> None:
    """
    Once the first answer was there, a server that is away is asked again.
    """
    monkeypatch.setattr(backoff, "INITIAL_BACKOFF", 0.001)
    answers: list[int | Exception]
    answers = [0, Unreachable("No answer."), ApiError(503, {}), 1]

    async def fetch(_: int) -> int:
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    assert 1 == await wait_until(bool, fetch, hold=20, timeout=None)


async def test_in_vain(shared: Program, device_id: str) -> None:
    """
    When the time is over, the error has what is waited for as it was last.
    """
    async with Client(shared.url, shared.token) as client:
        command = await client.commands.enqueue(device_id, {"endpoint": "reboot"})
        with pytest.raises(WaitTimeout, match="still PENDING after 0 s") as late:
            await client.commands.wait(command["id"], timeout=0)

    assert command["id"] == late.value.latest["id"]
    assert isinstance(late.value, TimeoutError)


async def test_for_what_is_over(shared: Program, device_id: str) -> None:
    """
    What is over already is returned, however little time there is.
    """
    async with Client(shared.url, shared.token) as client:
        command = await client.commands.enqueue(device_id, {"endpoint": "reboot"})
        await client.commands.cancel(command["id"])

        ended = await client.commands.wait(command["id"], timeout=0)
    assert "CANCELED" == ended["state"]


async def test_for_operations_and_tasks(
    shared: Program, device_id: str, http: aiohttp.ClientSession
) -> None:
    """
    Operations and tasks are waited for, too; a wait for a task ends when it is paused.
    """
    async with Client(shared.url, shared.token) as client:
        await client.devices.put(device_id, tags={"at": device_id})
        operation = await client.operations.create(device_id, [LOAD])
        await answer_one(shared.url, device_id, http)
        task = await client.tasks.create({"tags": {"at": device_id}}, [LOAD])
        await client.tasks.pause(task["id"])
        ended = await client.operations.wait(operation["id"], timeout=60)
        paused = await client.tasks.wait(task["id"], timeout=60)

    assert ("COMPLETED", "PAUSED") == (ended["status"], paused["state"])


async def test_for_nothing(shared: Program) -> None:
    """
    Where there is nothing, or nobody from the start, nothing is waited for.
    """
    async with Client(shared.url, shared.token) as client:
        with pytest.raises(ApiError) as refused:
            await client.commands.wait("1")
    async with Client("http://127.0.0.1:1") as client:
        with pytest.raises(Unreachable):
            await client.commands.wait("1")

    assert "not-found" == refused.value.code
