"""A simulated device in front of a real server: each habit, and what comes of it."""

import asyncio
from typing import Any

import pytest

from pushserver.client import Client
from pushserver.client.types import CommandInput
from pushserver.simulate import ResultFormat, SimulatedDevice
from tests.simulate.conftest import MakeDevice

USERS: CommandInput = {"endpoint": "load_objects", "body": {"object": "users"}}
DOOR: CommandInput = {
    "endpoint": "execute_actions",
    "body": {"actions": [{"action": "door", "parameters": "door=1"}]},
}


async def ordered(
    api: Client, device: SimulatedDevice, command: CommandInput = USERS
) -> str:
    """Enqueue *command* for *device*; return its id."""
    enqueued = await api.commands.enqueue(str(device.device_id), command)
    return str(enqueued["id"])


async def state_of(api: Client, command_id: str) -> str:
    """Return where a command stands."""
    return str((await api.commands.get(command_id))["state"])


async def test_idle(device_with: MakeDevice) -> None:
    """
    A device for which there is nothing gets nothing, and waits for its period.
    """
    device = device_with()

    assert await device.poll() is None
    assert not await device.run_once()
    assert 2 == device.journal.counts["polls"]


@pytest.mark.parametrize(
    "habits",
    [
        {},
        {"no_uuid": True},
        {"no_endpoint": True},
        {"stringified": True},
        {"new_connections": True},
        {"doubled_path": True},
        {"trailing_slash": True},
        {"doubled_path": True, "trailing_slash": True},
        {"result_format": ResultFormat.FORM_TYPE},
        {"result_format": ResultFormat.FORM_FIELDS},
        {
            "result_format": ResultFormat.FORM_FIELDS,
            "stringified": True,
            "no_uuid": True,
        },
        {"result_format": ResultFormat.NO_TYPE, "stringified": True},
        {"slow_commands": 1e-9},
    ],
)
async def test_answer_however_it_is_written(
    api: Client, device_with: MakeDevice, habits: dict[str, Any]
) -> None:
    """
    Whatever a device's habits are, its response is read, and ends its command.
    """
    device = device_with(**habits)
    command_id = await ordered(api, device)
    again = await device.run_once()
    command = await api.commands.get(command_id)

    assert again
    assert "SUCCESSFUL" == command["state"]
    assert (
        device.firmware.objects.load({"object": "users"})
        == (command["result"]["response"])
    )


@pytest.mark.parametrize("form", ResultFormat)
async def test_error_however_it_is_written(
    api: Client, device_with: MakeDevice, form: ResultFormat
) -> None:
    """
    An error fails the command, in the device's words.
    """
    device = device_with(result_format=form)
    command_id = await ordered(api, device, {"endpoint": "make_coffee"})
    await device.run_once()
    command = await api.commands.get(command_id)

    assert "FAILED" == command["state"]
    assert "Invalid endpoint: make_coffee" == command["result"]["error"]
    assert 1 == command["result"]["code"]


async def test_empty_result(api: Client, device_with: MakeDevice) -> None:
    """
    An old device answers a change by nothing at all, which is a success.
    """
    device = device_with(empty_results=True)
    body = {"object": "users", "values": {"name": "x"}}
    command_id = await ordered(
        api, device, {"endpoint": "modify_objects", "body": body}
    )
    await device.run_once()

    assert "SUCCESSFUL" == await state_of(api, command_id)


async def test_lost_answer(api: Client, device_with: MakeDevice) -> None:
    """
    A device that lost the answer did nothing, and waits for its period.
    """
    device = device_with(lost_answers=1.0)
    await ordered(api, device, DOOR)
    again = await device.run_once()

    assert not again
    assert 0 == device.firmware.door_openings
    assert ["execute_actions"] == [
        entry.endpoint
        for entry in device.journal.entries_of(device.device_id, "lostAnswers")
    ]


async def test_lost_result(api: Client, device_with: MakeDevice) -> None:
    """
    A device whose result is lost has opened the door, and nobody knows.
    """
    device = device_with(lost_results=1.0)
    command_id = await ordered(api, device, DOOR)
    await device.run_once()

    assert 1 == device.firmware.door_openings
    assert await state_of(api, command_id) in ("SENT", "DELIVERED")


async def test_late_result(api: Client, device_with: MakeDevice) -> None:
    """
    A late result comes after the next poll, and still ends its own command.
    """
    device = device_with(late_results=1.0)
    command_id = await ordered(api, device)
    await device.run_once()
    before = await state_of(api, command_id)
    await device.run_once()

    assert before in ("SENT", "DELIVERED")
    assert "SUCCESSFUL" == await state_of(api, command_id)
    assert 1 == device.journal.counts["lateResults"]


async def test_late_result_before_the_end(api: Client, device_with: MakeDevice) -> None:
    """
    A device posts the results that it still owes before it is switched off.
    """
    device = device_with(late_results=1.0)
    command_id = await ordered(api, device)
    await device.run_once()
    await device.post_late_results()

    assert "SUCCESSFUL" == await state_of(api, command_id)


async def test_doubled_result(api: Client, device_with: MakeDevice) -> None:
    """
    A result that comes twice is counted once for its command.
    """
    device = device_with(doubled_results=1.0)
    command_id = await ordered(api, device)
    await device.run_once()
    command = await api.commands.get(command_id)

    assert 1 == device.journal.counts["doubledResults"]
    assert ("SUCCESSFUL", 1) == (command["state"], len(command["deliveries"]))


async def test_reboot(api: Client, device_with: MakeDevice) -> None:
    """
    A reboot yields no result, and the device is away for a moment.
    """
    device = device_with()
    command_id = await ordered(api, device, {"endpoint": "reboot"})
    again = await device.run_once()

    assert not again
    assert 1 == device.journal.counts["silent"]
    assert await state_of(api, command_id) in ("SENT", "DELIVERED")


async def test_stray_calls(device_with: MakeDevice) -> None:
    """
    A device that also calls other addresses goes on polling.
    """
    device = device_with(stray_calls=1.0)
    await device.run_once()

    assert (1, 1) == tuple(device.journal.counts[e] for e in ("strayCalls", "polls"))


async def test_hold_that_is_too_long(api: Client, device_with: MakeDevice) -> None:
    """
    A device gives up a poll that is held for longer than it waits.
    """
    device = device_with()
    await api.devices.put(str(device.device_id), hold=20)
    device.firmware.configuration.set({"push_server": {"push_request_timeout": "200"}})

    assert not await device.run_once()
    assert 1 == device.journal.counts["timeouts"]


async def test_hang_up(api: Client, device_with: MakeDevice) -> None:
    """
    Some devices hang up while they are held.
    """
    device = device_with(hang_ups=1.0)
    await api.devices.put(str(device.device_id), hold=20)

    assert not await device.run_once()
    assert 1 == device.journal.counts["hangUps"]


async def test_door_of_a_held_device(api: Client, device_with: MakeDevice) -> None:
    """
    A door opens once, and at once, for a device whose poll is held.
    """
    device = device_with()
    await api.devices.put(str(device.device_id), hold=20)
    turn = asyncio.create_task(device.run_once())
    command_id = await ordered(api, device, DOOR)
    await asyncio.wait_for(turn, 15)

    assert 1 == device.firmware.door_openings
    assert "SUCCESSFUL" == await state_of(api, command_id)


async def test_period_is_a_setting(api: Client, device_with: MakeDevice) -> None:
    """
    A device polls as often as its settings say.
    """
    device = device_with()
    body = {"push_server": {"push_request_period": "0.5"}}
    await ordered(api, device, {"endpoint": "set_configuration", "body": body})
    await device.run_once()

    assert 0.5 == device.period


async def test_quiet(device_with: MakeDevice) -> None:
    """
    A device that goes quiet does not poll until it is over.
    """
    device = device_with()
    device.firmware.configuration.set({"push_server": {"push_request_period": "0.01"}})
    device.stop_polling_for(60)
    running = asyncio.create_task(device.run(asyncio.Event()))
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(running, 0.3)

    assert 1 == device.journal.counts["polls"]
