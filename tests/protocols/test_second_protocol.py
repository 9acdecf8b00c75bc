"""A second vendor is one folder and one line: all that commands do works for it, too.

Nothing outside of this folder knows beacons; `conftest.INSTALLED` is the one line.
"""

import asyncio

import pytest

from tests.clock import ManualClock
from tests.protocols.conftest import INSTALLED, NAME, NAME_IN_PATH, BeaconDevice
from tests.storage.locations import failing_commits
from tests.web.local_server import running_server


async def test_poll_and_result(beacon: BeaconDevice) -> None:
    """
    A command goes out as the vendor's text, and its result comes back as such.
    """
    command_id = await beacon.enqueue("blink", "three times")

    ((label, *command),) = await beacon.poll()
    await beacon.post(f"{label} ok it did")

    command_out = await beacon.server.get_command(command_id)
    assert ["blink", "three times"] == command
    assert ("SUCCESSFUL", NAME) == (command_out["state"], command_out["deviceId"])
    assert "it did" == command_out["result"]["response"]
    assert ("uuid", label) == (
        command_out["result"]["matchedBy"],
        command_out["deliveries"][0]["uuid"],
    )


async def test_error(beacon: BeaconDevice) -> None:
    """
    An error that the vendor's way reports ends the command as FAILED.
    """
    command_id = await beacon.enqueue("blink")

    ((label, *_),) = await beacon.poll()
    await beacon.post(f"{label} error no lamp")

    assert "FAILED" == await beacon.state(command_id)


async def test_refusal(beacon: BeaconDevice) -> None:
    """
    A response that says no in the vendor's way ends the command as FAILED; another
    endpoint's may say the same and mean it well.
    """
    siren, blink = await beacon.enqueue("siren"), await beacon.enqueue("blink")

    (first, *_), (second, *_) = await beacon.poll()
    await beacon.post(f"{first} ok silent today", f"{second} ok silent today")

    result = (await beacon.server.get_command(siren))["result"]
    assert ("FAILED", "SUCCESSFUL") == (
        await beacon.state(siren),
        await beacon.state(blink),
    )
    assert (True, "silent today", "silent today") == (
        result["refused"],
        result["response"],
        result["error"],
    )


async def test_unreadable(beacon: BeaconDevice) -> None:
    """
    A line that says neither ok nor error gives its command up.
    """
    command_id = await beacon.enqueue("get", "lamp colour")

    ((label, *_),) = await beacon.poll()
    await beacon.post(f"{label} perhaps")

    assert "TIMEOUT" == await beacon.state(command_id)
    assert [] == await beacon.poll()


async def test_several_in_one_answer(beacon: BeaconDevice) -> None:
    """
    An answer carries as many commands as the protocol takes, by priority and age; one
    post brings the results of several, in any order.
    """
    ids = [await beacon.enqueue("blink", str(number)) for number in range(4)]

    first = await beacon.poll()
    assert [["blink", str(n)] for n in range(3)] == [command for _, *command in first]
    labels = [label for label, *_ in first]
    await beacon.post(f"{labels[2]} ok", f"{labels[0]} error lamp")
    assert [] == await beacon.poll()
    assert ["FAILED", "DELIVERED", "SUCCESSFUL", "PENDING"] == [
        await beacon.state(each) for each in ids
    ]

    await beacon.post(f"{labels[1]} ok")

    assert [["blink", "3"]] == [command for _, *command in await beacon.poll()]


async def test_retry(beacon: BeaconDevice) -> None:
    """
    Of an answer whose result never came, what may be repeated goes out again, under
    new labels, and a late result still ends it.
    """
    command_id = await beacon.enqueue("get", "lamp colour")
    ((first, *_),) = await beacon.poll()
    beacon.server.clock.tick(6)

    ((second, *command),) = await beacon.poll()
    await beacon.post(f"{first} ok lamp colour=red")

    assert ["get", "lamp colour"] == command
    assert first != second
    assert "SUCCESSFUL" == await beacon.state(command_id)


async def test_at_most_once(beacon: BeaconDevice) -> None:
    """
    What acts in the world is not handed out again, though others of its answer are.
    """
    siren = await beacon.enqueue("siren", "wail")
    reading = await beacon.enqueue("get", "lamp colour")
    assert ["siren", "get"] == [word for _, word, _ in await beacon.poll()]
    beacon.server.clock.tick(6)

    again = await beacon.poll()

    assert ["get"] == [word for _, word, _ in again]
    assert "TIMEOUT" == await beacon.state(siren)
    assert "DELIVERED" == await beacon.state(reading)


async def test_partly_answered(beacon: BeaconDevice) -> None:
    """
    What was answered of an answer stays so when the rest of it is given up.
    """
    ids = [await beacon.enqueue("get", str(number)) for number in range(2)]
    (label, *_), _ = await beacon.poll()
    await beacon.post(f"{label} ok")
    beacon.server.clock.tick(6)

    assert [["get", "1"]] == [command for _, *command in await beacon.poll()]
    assert "SUCCESSFUL" == await beacon.state(ids[0])


async def test_a_slow_one_gives_its_whole_answer_time(beacon: BeaconDevice) -> None:
    """
    An answer is one group: while one command of it may take long, nothing is repeated.
    """
    await beacon.enqueue("survey")
    await beacon.enqueue("get", "lamp colour")
    await beacon.poll()

    beacon.server.clock.tick(59)
    assert [] == await beacon.poll()
    beacon.server.clock.tick(2)
    assert ["survey", "get"] == [word for _, word, _ in await beacon.poll()]


async def test_response_timeout(beacon: BeaconDevice) -> None:
    """
    Each command of an answer has its own deadline, whether the device polls or not.
    """
    command = {"endpoint": "siren", "responseTimeout": 20}
    short = await beacon.server.enqueue(command, beacon.path)
    long = await beacon.enqueue("siren")
    await beacon.poll()
    beacon.server.clock.tick(21)

    await beacon.server.expire_overdue()

    assert "TIMEOUT" == await beacon.state(short["id"])
    assert "DELIVERED" == await beacon.state(long)


async def test_expiry(beacon: BeaconDevice) -> None:
    """
    A command expires as the vendor's catalogue says.
    """
    command_id = await beacon.enqueue("siren")
    beacon.server.clock.tick(11)

    assert [] == await beacon.poll()
    assert "EXPIRED" == await beacon.state(command_id)


async def test_orphan(beacon: BeaconDevice) -> None:
    """
    A line with a label that nobody gave is kept, as an orphan of this device.
    """
    await beacon.post("7 ok", "")

    results = await beacon.server.list_results(f"deviceId={NAME_IN_PATH}")
    assert [(NAME, "7", True)] == [
        (each["deviceId"], each.get("uuid"), each["orphan"]) for each in results
    ]


async def test_shadow(beacon: BeaconDevice) -> None:
    """
    What is desired is written and read with the vendor's own words and values.
    """
    path = f"/devices/{NAME_IN_PATH}/shadow"
    desired = {"desired": {"lamp": {"lit": True, "colour": "red"}}}
    await beacon.server.api("PATCH", path, desired["desired"])
    ((label, *command),) = await beacon.poll()
    await beacon.post(f"{label} ok")
    assert ["set", "lamp lit=on colour=red"] == command

    await beacon.server.api("POST", f"{path}/refresh", {})
    ((label, *command),) = await beacon.poll()
    await beacon.post(f"{label} ok lamp colour=green lit=on")

    lamp = (await beacon.server.api("GET", path)).json()["services"]["lamp"]
    assert ["get", "lamp colour lit"] == command
    assert {"colour": "green", "lit": "on"} == lamp["reported"]
    assert ["colour"] == lamp["drift"]


async def test_held_poll(beacon: BeaconDevice) -> None:
    """
    A poll that is held is answered by the enqueue that it waited for.
    """
    await beacon.server.api("PATCH", f"/devices/{NAME_IN_PATH}", {"hold": 20})
    polling = asyncio.create_task(beacon.poll())
    await beacon.server.wait_for_held_polls(1)

    await beacon.enqueue("blink", "now")

    ((_, *command),) = await polling
    assert ["blink", "now"] == command


async def test_store_away(beacon: BeaconDevice) -> None:
    """
    An answer that could not be written to disk was not given: all of it still waits.
    """
    ids = [await beacon.enqueue("siren", str(number)) for number in range(2)]
    async with failing_commits(beacon.server.services.store):
        assert [] == await beacon.poll()
    assert ["PENDING"] * 2 == [await beacon.state(each) for each in ids]

    assert ["0", "1"] == [text for _, _, text in await beacon.poll()]
    commands = [await beacon.server.get_command(each) for each in ids]
    assert [1, 1] == [each["attempts"] for each in commands]


@pytest.mark.only_on("postgres")
async def test_two_servers(database: str, clock: ManualClock) -> None:
    """
    What one server handed out together, another sees whole: it takes the results, and
    gives nothing out while some of them are missing.
    """
    async with (
        running_server(database, clock, installed=INSTALLED) as one,
        running_server(database, clock, installed=INSTALLED) as other,
    ):
        await one.api("PUT", "/devices/pier", {})
        here, there = BeaconDevice(one, "pier"), BeaconDevice(other, "pier")
        ids = [await here.enqueue("get", str(number)) for number in range(3)]
        labels = [label for label, *_ in await here.poll()]

        await there.post(f"{labels[1]} ok")
        assert [] == await there.poll()
        await here.post(f"{labels[0]} ok")
        await there.post(f"{labels[2]} error lamp")

        states = [await there.state(each) for each in ids]
        assert ["SUCCESSFUL", "SUCCESSFUL", "FAILED"] == states
