"""Answers that take long to write: time runs from their last byte, not before."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import pytest

from pushserver.model.in_flight import InFlight
from pushserver.services import transfers
from pushserver.web import draining
from tests.clock import ManualClock
from tests.slow_reader import SlowReader, slow_reader
from tests.web.local_server import DEVICE, LocalServer, running_server, wait_until

QUERY = f"deviceId={DEVICE}&uuid=u1"
PHOTO = bytes(9_000_000)
HOUR = 3600


async def enqueue_photo(server: LocalServer) -> str:
    """Enqueue a photo; return the command's id."""
    answer = await server.api(
        "POST",
        f"/devices/{DEVICE}/commands?endpoint=user_set_image",
        PHOTO,
        headers={"Content-Type": "application/octet-stream"},
    )
    return str(answer.json()["id"])


@asynccontextmanager
async def reading(server: LocalServer) -> AsyncIterator[tuple[SlowReader, int]]:
    """Poll on a slow line; yield it, and how many bytes of the command follow."""
    async with asyncio.timeout(30), slow_reader(server.url) as device:
        poll = f"GET /push?{QUERY} HTTP/1.1\r\nHost: x\r\n\r\n"
        await device.send(poll.encode())
        yield device, (await device.read_answer())[1]


def in_flight_of(server: LocalServer) -> InFlight:
    """Return what is in flight."""
    lane = server.services.store.cached_lane(DEVICE)
    assert lane is not None
    assert lane.in_flight is not None
    return lane.in_flight


async def expect_attempts(server: LocalServer, command_id: str, attempts: int) -> None:
    """Expect that the command was handed out so often, and is with its device."""
    command = await server.get_command(command_id)
    assert attempts == command["attempts"]
    assert command["state"] in ("SENT", "DELIVERED")


async def test_while_it_is_written(server: LocalServer) -> None:
    """
    Nothing is given up while bytes of the answer are to leave, however long it takes.
    """
    command_id = await enqueue_photo(server)
    async with reading(server) as (device, length):
        for part in (0, length // 2, length // 4):
            await device.read(part)
            server.clock.tick(HOUR)
            await server.expire_overdue()
            assert (await server.poll()).is_empty
            await expect_attempts(server, command_id, 1)
            assert in_flight_of(server).is_busy
            assert in_flight_of(server).written_at is None


async def test_from_the_last_byte(server: LocalServer) -> None:
    """
    Grace and response timeout run from when the last byte left.
    """
    command_id = await enqueue_photo(server)
    async with reading(server) as (device, length):
        server.clock.tick(HOUR)
        written_at = server.clock.now()
        assert length == len(await device.read(length))
        await wait_until(lambda: in_flight_of(server).written_at is not None)
        assert written_at == in_flight_of(server).written_at
        await server.expire_overdue()
        await expect_attempts(server, command_id, 1)
        server.clock.tick(179)
        await server.expire_overdue()
        await expect_attempts(server, command_id, 1)
        server.clock.tick(1)
        await server.expire_overdue()

    assert "PENDING" == (await server.get_command(command_id))["state"]


async def test_nearly_all_has_left(server: LocalServer) -> None:
    """
    What counts as written is with the device, but for what a line and two kernels hold.
    """
    await enqueue_photo(server)
    async with reading(server) as (device, length):
        left = length
        while left and in_flight_of(server).is_busy:
            left -= len(await device.read(min(left, 50_000)))
            await asyncio.sleep(0.001)
        await wait_until(lambda: not in_flight_of(server).is_busy)

        assert left < 600_000


@pytest.mark.parametrize("part", [0, 1_000_000])
async def test_stalled(
    server: LocalServer, monkeypatch: pytest.MonkeyPatch, part: int
) -> None:
    """
    When no byte leaves, the connection is closed; that was an attempt, and time runs.
    """
    monkeypatch.setattr(draining, "WRITE_IDLE_TIMEOUT", 0.3)
    command_id = await enqueue_photo(server)
    async with reading(server) as (device, length):
        await device.read(part)
        server.clock.tick(HOUR)
        await wait_until(lambda: not in_flight_of(server).is_busy)
        with suppress(ConnectionError):
            assert len(await device.read(length)) < length

    await expect_given_up_after_the_grace(server, command_id)


async def test_broken_off(server: LocalServer) -> None:
    """
    So it is when the device is gone amid the answer.
    """
    command_id = await enqueue_photo(server)
    async with reading(server) as (device, _):
        await device.read(1_000_000)
        server.clock.tick(HOUR)
    await wait_until(lambda: not in_flight_of(server).is_busy)

    await expect_given_up_after_the_grace(server, command_id)


async def expect_given_up_after_the_grace(server: LocalServer, command_id: str) -> None:
    """Expect that the command is handed out again after the grace, not before."""
    server.clock.tick(59)
    await server.expire_overdue()
    assert (await server.poll()).is_empty
    await expect_attempts(server, command_id, 1)
    server.clock.tick(1)
    assert not (await server.poll()).is_empty
    await expect_attempts(server, command_id, 2)


async def test_small_ones_are_not_vouched_for(
    server: LocalServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    A command that fits into the kernel's buffer costs no write more than it did.
    """
    monkeypatch.setattr(transfers, "VOUCH_AFTER", 0.0)
    await server.enqueue()
    await server.poll(QUERY)
    await server.services.lanes.background_tasks.wait_all()

    delivery = in_flight_of(server).delivery
    assert (None, False) == (delivery.busy_until, in_flight_of(server).is_busy)


async def busy_until(server: LocalServer, command_id: str) -> int | None:
    """Return until when the store says that the command's delivery is busy."""
    record = await server.services.store.find_command(1, int(command_id))
    assert record is not None
    return record.deliveries[-1].busy_until


@pytest.mark.only_on("postgres")
async def test_another_server_waits_for_a_write(
    server: LocalServer,
    database: str,
    clock: ManualClock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """
    Neither the deadlines of another server nor a poll there give up what is written.
    """
    monkeypatch.setattr(transfers, "VOUCH_AFTER", 0.05)
    monkeypatch.setattr(transfers, "VOUCH_EVERY", 0.05)
    command_id = await enqueue_photo(server)
    async with running_server(database, clock) as other, reading(server) as (device, n):
        for _ in range(3):
            clock.tick(HOUR)
            until = clock.now() + 40_000_000

            async def vouched(until: int = until) -> bool:
                return await busy_until(server, command_id) == until

            await wait_until(vouched)
            await other.expire_overdue()
            assert (await other.poll()).is_empty
            await expect_attempts(server, command_id, 1)
        await device.read(n)
        await wait_until(lambda: in_flight_of(server).written_at is not None)
        await server.expire_overdue()
        assert await busy_until(server, command_id) is None


@pytest.mark.only_on("postgres")
async def test_another_server_waits_for_a_result(
    server: LocalServer,
    database: str,
    clock: ManualClock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """
    Nor what is being answered at a server that did not even hand it out.
    """
    monkeypatch.setattr(transfers, "VOUCH_AFTER", 0.05)
    monkeypatch.setattr(transfers, "VOUCH_EVERY", 0.05)
    command = await server.enqueue()
    await server.poll(QUERY)
    async with (
        running_server(database, clock) as other,
        other.connect() as (reader, writer),
    ):
        writer.write(
            f"POST /result?{QUERY} HTTP/1.1\r\nHost: x\r\n"
            'Content-Length: 15\r\n\r\n{"response"'.encode()
        )
        clock.tick(HOUR)
        until = clock.now() + 40_000_000

        async def vouched() -> bool:
            return await busy_until(server, command["id"]) == until

        await wait_until(vouched)
        await server.expire_overdue()
        assert (await server.poll()).is_empty
        await expect_attempts(server, command["id"], 1)
        writer.write(b":{}}")
        answer = await reader.readline()

    assert b" 200 " in answer
    assert "SUCCESSFUL" == (await server.get_command(command["id"]))["state"]
