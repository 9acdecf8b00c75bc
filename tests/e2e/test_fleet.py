"""A hundred devices with every quirk: each result belongs to its own command."""

import asyncio
from collections import Counter
from functools import partial
from typing import Any

import attrs
import pytest

from pushserver.client import Client, iter_items
from pushserver.client.types import CommandInput, CommandState
from pushserver.simulate import (
    FleetPlan,
    Journal,
    SimulatedFleet,
    parse_quirk_names,
    sha256_hex,
)
from tests.program import Program

pytestmark = pytest.mark.only_on("sqlite")
DEVICES = 100
OVER = {"SUCCESSFUL", "FAILED", "TIMEOUT", "EXPIRED", "CANCELED"}


@attrs.frozen
class FleetRun:
    """What was enqueued and what the devices wrote down."""

    commands: list[dict[str, Any]]
    journal: Journal
    openings: dict[str, int]


def command_for(number: int) -> CommandInput:
    """Return a command whose answer is nobody else's."""
    if number % 10 == 0:
        actions = [{"action": "door", "parameters": f"door={number}"}]
        return {"endpoint": "execute_actions", "body": {"actions": actions}}
    if number % 10 == 1:
        body = {"message": f"m{number}", "timeout": 1}
        return {"endpoint": "message_to_screen", "body": body}
    values = [{"id": number + 10, "name": f"User {number}"}]
    body = {"object": "users", "values": values}
    return {"endpoint": "create_or_modify_objects", "body": body}


async def run_fleet(program: Program, commands: int) -> FleetRun:
    """Enqueue for every device, let all work, and wait until everything is over."""
    plan = FleetPlan(
        server=program.url,
        devices=DEVICES,
        first_id=5_000_000,
        seed=7,
        period=0.2,
        hold_timeout=3,
        quirk_names=parse_quirk_names("all"),
    )
    journal, stop = Journal(), asyncio.Event()
    async with (
        Client(program.url, program.token) as api,
        SimulatedFleet.opened(plan, journal) as fleet,
    ):
        for each in plan.ids:
            await api.devices.put(str(each), hold=1 if each % 2 else 0)
        running = asyncio.create_task(fleet.run(stop))
        for place, each in enumerate(plan.ids):
            mine = range(place, commands, DEVICES)
            orders: list[CommandInput] = [
                {
                    **command_for(n),
                    "expiresIn": 600,
                    "responseTimeout": 8,
                    "maxAttempts": 50,
                }
                for n in mine
            ]
            await api.commands.enqueue_many(str(each), orders)
        await _all_over(api, commands)
        stop.set()
        await running
        with_bodies = partial(api.commands.list, include="body")
        stored = [c async for c in iter_items(with_bodies)]
        openings = {str(d.device_id): d.firmware.door_openings for d in fleet.devices}
    return FleetRun(stored, journal, openings)


async def _all_over(api: Client, commands: int) -> None:
    async with asyncio.timeout(60 + commands / 10):
        live: list[CommandState] = ["PENDING", "SENT", "DELIVERED"]
        while page := (await api.commands.list(state=live, limit=1))["items"]:
            await api.commands.get(page[0]["id"], wait=30)


def check_fleet(run: FleetRun, commands: int) -> None:
    """Hold what the server says against what the devices did."""
    executed: Counter[tuple[str, str]] = Counter()
    answers: dict[tuple[str, str], set[str | None]] = {}
    for entry in run.journal.entries:
        if entry.event == "executed":
            order = (str(entry.device_id), entry.body_digest)
            executed[order] += 1
            answers.setdefault(order, set()).add(entry.payload_digest)

    assert commands == len(run.commands)
    assert {command["state"] for command in run.commands} <= OVER
    for command in run.commands:
        order = (command["deviceId"], sha256_hex(command["body"]))
        if command["delivery"] == "atMostOnce":
            assert executed[order] <= 1, command
        if command["state"] == "SUCCESSFUL":
            assert _its_own(command, answers[order]), command
    done = sum(command["state"] == "SUCCESSFUL" for command in run.commands)
    assert done > commands * 0.9
    doors = Counter(
        command["deviceId"]
        for command in run.commands
        if command["endpoint"] == "execute_actions"
    )
    assert all(run.openings[device] <= doors[device] for device in doors)
    opened = sum(run.openings.values())
    assert opened > sum(doors.values()) * 0.8


def _its_own(command: dict[str, Any], answers: set[str | None]) -> bool:
    """
    Return whether a command has an answer that its device gave to exactly this order.
    """
    result = command["result"]
    if "response" not in result:
        return True
    return sha256_hex(result["response"]) in answers


async def test_every_quirk(program: Program) -> None:
    """
    1,000 commands: each result with its own command, each door at most once.
    """
    program.start(grace=0.5)

    check_fleet(await run_fleet(program, 1_000), 1_000)


@pytest.mark.proof
async def test_every_quirk_at_length(program: Program) -> None:
    """
    The same with 10,000.
    """
    program.start(grace=0.5)

    check_fleet(await run_fleet(program, 10_000), 10_000)
