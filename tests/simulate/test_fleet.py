"""A fleet in front of a real server: each result with its own command."""

import asyncio
from typing import Any

from pushserver.client import Client
from pushserver.client.types import CommandInput
from pushserver.simulate import (
    FleetPlan,
    Journal,
    SimulatedFleet,
    parse_quirk_names,
    sha256_hex,
)
from tests.program import Program

IDS = range(7_000_000, 7_000_020)
#: Every quirk that loses nothing, so that each command has its result soon.
QUIRKS = parse_quirk_names(
    "stringified,doubled_path,trailing_slash,form_type,form_fields,no_type,"
    "doubled_results,new_connections"
)


def plan_for(server: Program, **fields: Any) -> FleetPlan:
    """Return a plan for a small fleet that polls often."""
    usual: dict[str, Any] = {
        "devices": len(IDS),
        "first_id": IDS[0],
        "period": 0.2,
        "seed": 3,
    }
    return FleetPlan(server=server.url, **{**usual, **fields})


def user(number: int) -> CommandInput:
    """Return a command whose answer nobody else has."""
    values = [{"id": number, "name": f"User {number}"}]
    body = {"object": "users", "values": values}
    return {"endpoint": "create_objects", "body": body}


async def test_each_result_with_its_own_command(server: Program, api: Client) -> None:
    """
    Every command has the very answer that its device gave to it.
    """
    journal, stop = Journal(), asyncio.Event()
    async with SimulatedFleet.opened(
        plan_for(server, quirk_names=QUIRKS), journal
    ) as fleet:
        commands = [
            await api.commands.enqueue(str(each), user(100 * each + n))
            for each in IDS
            for n in range(5)
        ]
        running = asyncio.create_task(fleet.run(stop))
        over = [await api.commands.get(each["id"], wait=30) for each in commands]
        stop.set()
        await running

    assert {"SUCCESSFUL"} == {each["state"] for each in over}
    for command in over:
        body, device_id = sha256_hex(command["body"]), int(command["deviceId"])
        results = [
            each.payload_digest
            for each in journal.entries_of(device_id)
            if each.body_digest == body
        ]
        assert {sha256_hex(command["result"]["response"])} == set(results)


async def test_stops_in_the_middle_of_a_hold(server: Program, api: Client) -> None:
    """
    A fleet that is held stops at once.
    """
    stop = asyncio.Event()
    plan = plan_for(server, devices=3)
    for each in plan.ids:
        await api.devices.put(str(each), hold=20)
    async with SimulatedFleet.opened(plan, Journal()) as fleet:
        running = asyncio.create_task(fleet.run(stop))
        asyncio.get_running_loop().call_later(0.5, stop.set)
        await asyncio.wait_for(running, 15)

    assert fleet.journal.counts["polls"] <= len(plan.ids)


async def test_same_seed_same_fleet(server: Program) -> None:
    """
    The same plan makes the same devices, each with its own habits.
    """
    plan = plan_for(server, quirk_names=parse_quirk_names("all"))
    async with (
        SimulatedFleet.opened(plan, Journal()) as first,
        SimulatedFleet.opened(plan, Journal()) as second,
    ):
        habits = [
            [device.quirks for device in each.devices] for each in (first, second)
        ]

    assert habits[0] == habits[1]
    assert len(set(habits[0])) > 1


async def test_server_that_is_away() -> None:
    """
    A fleet whose server is away keeps on trying.
    """
    stop = asyncio.Event()
    plan = FleetPlan(server="http://127.0.0.1:1", devices=2, period=0.05)
    async with SimulatedFleet.opened(plan, Journal(keep_entries=False)) as fleet:
        asyncio.get_running_loop().call_later(0.4, stop.set)
        await fleet.run(stop)

    assert fleet.journal.counts["unreachable"] == fleet.journal.counts["polls"] > 2
