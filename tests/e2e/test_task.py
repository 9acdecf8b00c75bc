"""A task over a fleet with every quirk, followed, and killed in the middle."""

import asyncio
import os
import sys
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Sequence
from itertools import groupby
from typing import Any

import attrs
import msgspec
import pytest

from pushserver.client import Client, Json, iter_items
from pushserver.simulate import (
    FleetPlan,
    Journal,
    JournalEntry,
    SimulatedFleet,
    parse_quirk_names,
    sha256_hex,
)
from tests.program import Program

STEP_OPTIONS = {"expiresIn": 600, "responseTimeout": 8, "maxAttempts": 50}
USER = {"object": "users", "values": [{"id": 77, "name": "Ada"}]}
DOOR = {"actions": [{"action": "door", "parameters": "door=1"}]}
USERS = {"object": "users"}
#: The second step is atMostOnce.
STEPS: list[Any] = [
    {
        "endpoint": "create_or_modify_objects",
        "resource": "user",
        "body": USER,
        **STEP_OPTIONS,
    },
    {"endpoint": "execute_actions", "resource": "door", "body": DOOR, **STEP_OPTIONS},
    {"endpoint": "load_objects", "resource": "check", "body": USERS, **STEP_OPTIONS},
]
USER_STEP, DOOR_STEP, CHECK_STEP = (sha256_hex(step["body"]) for step in STEPS)
#: Devices that never poll and are removed in the middle.
GONE = range(4_999_000, 4_999_005)
#: What a device writes down when the server has taken a result.
TAKEN = {"response", "error", "lateResults", "doubledResults"}
SETTINGS = {"grace": 0.5}
#: The server is killed when so much of the task is done.
MIDDLE = 0.3


@attrs.frozen
class TaskRun:
    """What the task came to, what was shown of it, and what the devices wrote down."""

    shown: list[Json]
    killed_at: float
    operations: dict[int, Json]
    journal: Journal

    @property
    def counts(self) -> Counter[str]:
        """Return how many operations ended how."""
        return Counter(
            {s: len(self.ended(s)) for s in ("COMPLETED", "FAILED", "STALE")}
        )

    def ended(self, status: str) -> set[int]:
        """Return the devices whose operation ended so."""
        return {each for each, op in self.operations.items() if op["status"] == status}


def fleet_of(program: Program, devices: int) -> FleetPlan:
    """Return a fleet with every quirk; a larger one polls less often."""
    return FleetPlan(
        server=program.url,
        devices=devices,
        first_id=5_000_000,
        seed=11,
        period=devices / 500,
        hold_timeout=3,
        quirk_names=parse_quirk_names("all"),
    )


async def run_task(program: Program, devices: int) -> TaskRun:
    """Let a task run over the fleet, and kill the server in the middle of it."""
    plan, journal, stop = fleet_of(program, devices), Journal(), asyncio.Event()
    async with (
        Client(program.url, program.token) as api,
        SimulatedFleet.opened(plan, journal) as fleet,
    ):
        await adopt(api, [*plan.ids, *GONE])
        running = asyncio.create_task(fleet.run(stop))
        task = await api.tasks.create({"all": True}, STEPS, concurrency=devices // 8)
        shown: list[Json] = []
        killed_at = 0.0
        async for now in follow(program, task["id"]):
            shown.append(now)
            if not killed_at and now["done"] >= MIDDLE:
                killed_at = now["done"]
                await program.kill_and_restart(**SETTINGS)
                await remove(api, GONE)
        stop.set()
        await running
        operations = iter_items(api.operations.list, taskId=task["id"])
        by_device = {int(each["deviceId"]): each async for each in operations}
    return TaskRun(shown, killed_at, by_device, journal)


async def adopt(api: Client, device_ids: Sequence[int]) -> None:
    """Make devices known to the server; every second poll is held."""
    lines = [{"deviceId": str(each), "hold": each % 2} for each in device_ids]
    await api.devices.import_file(
        b"\n".join(msgspec.json.encode(line) for line in lines)
    )


async def remove(api: Client, device_ids: Sequence[int]) -> None:
    """Remove devices."""
    for each in device_ids:
        await api.devices.delete(str(each))


async def follow(program: Program, task_id: str) -> AsyncIterator[Json]:
    """Follow a task with the command line; yield each line that it prints."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "pushserver", "tasks", "follow", task_id),
        *("--json", "--failures", "0"),
        env={
            **os.environ,
            "PUSHSERVER_SERVER": program.url,
            "PUSHSERVER_TOKEN": program.token,
        },
        stdout=asyncio.subprocess.PIPE,
        limit=2**24,
    )
    assert process.stdout
    async for line in process.stdout:
        yield msgspec.json.decode(line)
    # Devices were removed, so not all have completed.
    assert 1 == await process.wait()


def check(run: TaskRun) -> None:
    """Hold what the task says against what the devices did."""
    last, done = run.shown[-1], defaultdict(list)
    for entry in run.journal.entries:
        done[entry.device_id].append(entry)

    check_progress(run.shown, run.killed_at)
    assert {"RUNNING": 0, **run.counts} == last["counts"]
    assert len(run.operations) == last["devices"]
    for device_id, operation in run.operations.items():
        check_device(device_id, operation["status"], done[device_id])
    failed = {int(each["deviceId"]) for each in last["failures"]}
    assert run.ended("FAILED") | run.ended("STALE") == failed
    assert set(GONE) <= run.ended("FAILED")
    assert run.counts["COMPLETED"] > 0.8 * len(run.operations)


def check_progress(shown: list[Json], killed_at: float) -> None:
    """What is shown rises to the end, over the kill."""
    shares = [task["done"] for task in shown]

    assert MIDDLE <= killed_at < 1
    assert sorted(shares) == shares
    assert len(set(shares)) > 3
    assert 1 == shares[-1]


def check_device(device_id: int, status: str, entries: list[JournalEntry]) -> None:
    """A device did its steps in order, its door at most once, and is believed."""
    executed = [entry.body_digest for entry in entries if entry.event == "executed"]
    taken = {entry.body_digest for entry in entries if entry.event in TAKEN}
    order = [body for body, _ in groupby(executed)]
    steps = [USER_STEP, DOOR_STEP, CHECK_STEP]

    assert steps[: len(order)] == order, device_id
    assert executed.count(DOOR_STEP) <= 1, device_id
    # The last step goes out until it is answered, so who did it has completed.
    assert (status == "COMPLETED") == (order == steps), device_id
    if status == "STALE":
        assert DOOR_STEP not in taken, device_id
    if status == "FAILED":
        # It was removed; or its door's result came when it had been given up.
        assert device_id in GONE or DOOR_STEP in taken, device_id


@pytest.mark.proof_on("postgres")
async def test_task(program: Program) -> None:
    """
    A task over 100 devices with every quirk, killed in the middle, runs to its end,
    and says what the devices did.
    """
    program.start(**SETTINGS)

    check(await run_task(program, 100))


@pytest.mark.proof
async def test_task_at_length(program: Program) -> None:
    """
    The same over 1,000.
    """
    program.start(**SETTINGS)

    check(await run_task(program, 1_000))
