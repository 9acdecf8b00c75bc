"""Devices of two protocols side by side: whose id is meant, and how it is shown."""

import json
from typing import Any

import pytest

from pushserver.errors import Conflict
from pushserver.model.event import EventType
from pushserver.model.event_payload import DevicePayload
from pushserver.model.scope import DEFAULT_SCOPE_ID
from pushserver.services.event_renderer import EventRenderer
from tests.clock import START, ManualClock
from tests.dialects.events import event
from tests.protocols.conftest import INSTALLED, NAME, NAME_IN_PATH, BeaconDevice
from tests.web.local_server import DEVICE, LocalServer, running_server

BLINK = {"endpoint": "blink", "body": "twice"}


async def device_ids(server: LocalServer) -> set[str]:
    """Return the ids of all devices, as programs read them."""
    items = (await server.api("GET", "/devices")).json()["items"]
    return {item["deviceId"] for item in items}


async def test_text_id(beacon: BeaconDevice) -> None:
    """
    A device is found by its own text, which is shown; its protocol is told.
    """
    device = await beacon.server.get_device(NAME_IN_PATH)

    assert (NAME, "beacon") == (device["deviceId"], device["protocol"])


async def test_the_default_protocol_is_not_told(server: LocalServer) -> None:
    """
    Nothing is said of the protocol of a device of the first one.
    """
    await server.api("PUT", f"/devices/{DEVICE}", {})

    device = await server.get_device()
    assert str(DEVICE) == device["deviceId"]
    assert "protocol" not in device


async def test_one_key_for_one_device(beacon: BeaconDevice) -> None:
    """
    A key stands for the device; with its protocol before its id it is the same.
    """
    answers = [
        await beacon.server.api(
            "POST",
            f"/devices/{spelled}/commands",
            BLINK,
            headers={"Idempotency-Key": "k1"},
        )
        for spelled in (NAME_IN_PATH, f"beacon:{NAME_IN_PATH}")
    ]

    assert [201, 201] == [each.status for each in answers]
    assert answers[0].body == answers[1].body
    assert 1 == len(await beacon.poll())


async def test_one_id_in_two_protocols(server: LocalServer) -> None:
    """
    A number is the first protocol's; `protocol:id` means the other, and is shown so.
    """
    await server.api("PUT", "/devices/5", {"name": "terminal"})
    await server.api("PUT", "/devices/beacon:5", {"name": "beacon"})
    await server.enqueue(BLINK, "beacon:5")

    names = [(await server.get_device(d))["name"] for d in ("5", "beacon:5")]
    assert ["terminal", "beacon"] == names
    assert {"5", "beacon:5"} == await device_ids(server)
    assert (await server.poll("deviceId=5")).is_empty
    assert (await server.request("GET", "/beacon/5")).body.endswith(b" blink twice\n")


async def test_a_known_device_is_meant(server: LocalServer) -> None:
    """
    An id alone means the device that is known, whichever protocol it speaks.
    """
    await server.api("PUT", "/devices/beacon:5", {"name": "beacon"})

    assert "beacon" == (await server.get_device("5"))["name"]


async def test_lists_of_ids(server: LocalServer) -> None:
    """
    A token lists its devices as programs call them now, also those that are unknown.
    """
    identify = server.services.protocols.identify
    ids = ["beacon:5", "9", "7"]
    token = {"name": "x", "permissions": ["devices:read"], "deviceIds": ids}
    await server.api("POST", "/tokens", token)
    listed = [await token_devices(server)]
    await server.api("PUT", "/devices/beacon:5", {})
    listed.append(await token_devices(server))
    await server.api("DELETE", "/devices/beacon:5")
    listed.append(await token_devices(server))

    unknown = ["7", "9", str(identify("beacon:5").device_id)]
    assert [unknown, ["7", "9", "beacon:5"], unknown] == listed


async def token_devices(server: LocalServer) -> list[str]:
    """Return the devices of the newest token."""
    ids: list[str] = (await server.api("GET", "/tokens")).json()["items"][-1][
        "deviceIds"
    ]
    return ids


async def test_lists_of_ids_are_kept(server: LocalServer) -> None:
    """
    A long list of ids is rendered once, while all devices are called by their numbers.
    """
    display_ids = server.services.protocols.display_ids
    first, again = (display_ids(frozenset(range(1000))) for _ in range(2))

    assert list(map(str, range(1000))) == json.loads(first)
    assert first is again


async def test_id_of_no_protocol(server: LocalServer) -> None:
    """
    An id that no protocol has is refused, for the first one's reason.
    """
    answer = await server.api("GET", "/devices/%20")

    assert (422, "invalid", None) == answer.problem
    assert "decimal number" in answer.json()["detail"]


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", "/commands?deviceId={}", None),
        ("GET", "/devices/{}/commands", None),
        ("GET", "/results?deviceId={}", None),
        ("GET", "/operations?deviceId={}", None),
        ("POST", "/devices/{}/adopt", None),
        ("POST", "/devices/{}/key", {}),
        ("PATCH", "/devices/{}", {"name": "x"}),
    ],
)
async def test_every_call_takes_it(
    beacon: BeaconDevice, method: str, path: str, body: Any
) -> None:
    """
    Paths and queries take the text wherever they take a number.
    """
    answer = await beacon.server.api(method, path.format(NAME_IN_PATH), body)

    assert answer.status in (200, 201)


async def test_import(server: LocalServer) -> None:
    """
    An import takes devices of both protocols.
    """
    rows = b'{"deviceId":7}\n{"deviceId":"beacon:7"}\n{"deviceId":"pier"}\n'
    headers = {"Content-Type": "application/x-ndjson"}
    answer = await server.api("POST", "/devices/import", rows, headers=headers)

    assert 3 == answer.json()["created"]
    assert {"7", "beacon:7", "pier"} == await device_ids(server)


async def test_quarantine(server: LocalServer) -> None:
    """
    A beacon that nobody vouched for is quarantined until it is adopted by its name.
    """
    assert (await server.request("GET", "/beacon/pier")).is_empty
    assert "quarantined" == (await server.get_device("pier"))["state"]

    await server.api("POST", "/devices/pier/adopt")

    assert "adopted" == (await server.get_device("pier"))["state"]


async def test_key(beacon: BeaconDevice) -> None:
    """
    A key is demanded where the protocol finds it: here in a header.
    """
    server, path = beacon.server, f"/beacon/{NAME_IN_PATH}"
    answer = await server.api("POST", f"/devices/{NAME_IN_PATH}/key", {"enforce": True})
    key = answer.json()["key"]
    await beacon.enqueue("blink")

    assert (await server.request("GET", path)).is_empty
    keyed = await server.request("GET", path, headers={"X-Beacon-Key": key})
    assert not keyed.is_empty


async def test_unknown_request(beacon: BeaconDevice) -> None:
    """
    What a device sends besides polls and results is kept with it.
    """
    path = f"/hello-from-beacon?beacon={NAME_IN_PATH}"
    assert (await beacon.server.request("POST", path)).is_empty

    device = await beacon.server.get_device(NAME_IN_PATH)
    assert 1 == device["unknownCalls"]["count"]


async def test_poll_without_a_name(server: LocalServer) -> None:
    """
    A poll that names no device is malformed.
    """
    answer = await server.request("GET", "/beacon/")

    assert (400, "malformed") == answer.problem[:2]


async def test_task(beacon: BeaconDevice) -> None:
    """
    A task's steps are written in the protocol of its devices.
    """
    assert [] == await beacon.poll()
    await beacon.server.services.write_behind.flush()
    task = {"steps": [BLINK], "targets": {"deviceIds": [NAME]}}
    answer = await beacon.server.api("POST", "/tasks", task)
    assert 201 == answer.status
    await beacon.server.services.task_scheduler.advance()
    await beacon.server.services.next_steps.queue_due_steps()

    assert [["blink", "twice"]] == [command for _, *command in await beacon.poll()]


async def test_task_for_two_protocols(beacon: BeaconDevice) -> None:
    """
    A task for devices of two protocols is refused: no step is written in both.
    """
    await beacon.server.api("PUT", f"/devices/{DEVICE}", {})
    task = {"steps": [BLINK], "targets": {"all": True}}

    answer = await beacon.server.api("POST", "/tasks", task)

    assert (422, "invalid", "/targets") == answer.problem


async def test_events(beacon: BeaconDevice) -> None:
    """
    Events name the device as programs know it.
    """
    server = beacon.server
    subscription = {
        "url": "https://9.9.9.9/",
        "events": ["command.status"],
        "deviceIds": [NAME],
    }
    created = await server.api("POST", "/subscriptions", subscription)
    assert [NAME] == created.json()["deviceIds"]

    device_id = server.services.protocols.identify(NAME).device_id
    payload = DevicePayload(last_seen_at=START, address="192.0.2.7")
    online = event(EventType.DEVICE_ONLINE, payload, device_id=device_id)
    renderer = EventRenderer(
        server.services.store, server.services.devices, server.services.protocols
    )
    body = await renderer.render_native(
        online, include_result=False, may_read=frozenset()
    )
    assert NAME == json.loads(body)["data"]["deviceId"]


async def test_restart(database: str, clock: ManualClock) -> None:
    """
    Protocol and id are on disk, and so is what is in flight, command by command.
    """
    async with running_server(database, clock, installed=INSTALLED) as server:
        await server.api("PUT", "/devices/pier", {})
        ids = [await BeaconDevice(server, "pier").enqueue("get", t) for t in "ab"]
        labels = [label for label, *_ in await BeaconDevice(server, "pier").poll()]

    async with running_server(database, clock, installed=INSTALLED) as server:
        device = await server.get_device("pier")
        beacon = BeaconDevice(server, "pier")
        assert ("pier", "beacon") == (device["deviceId"], device["protocol"])
        assert [] == await beacon.poll()
        await beacon.post(*(f"{label} ok" for label in labels))

        assert ["SUCCESSFUL"] * 2 == [await beacon.state(each) for each in ids]


async def test_deleted(beacon: BeaconDevice) -> None:
    """
    The history of a deleted device is still found under its text.
    """
    command_id = await beacon.enqueue("blink")
    await beacon.server.api("DELETE", f"/devices/{NAME_IN_PATH}")

    path = f"/devices/{NAME_IN_PATH}/commands"
    items = (await beacon.server.api("GET", path)).json()["items"]
    assert [command_id] == [item["id"] for item in items]


async def test_two_texts_with_one_number(
    server: LocalServer,
) -> None:
    """
    Should two texts ever get one number, the second device is refused, and counted.
    """
    await server.api("PUT", "/devices/pier", {})
    identity = server.services.protocols.identify("pier")
    other = identity._replace(external_id="quay")

    assert server.services.admission.admit(other, None, None) is None
    assert 1 == server.services.counts["refused.idTaken"]
    with pytest.raises(Conflict, match="cannot be told from device pier"):
        await server.services.fleet.put(DEFAULT_SCOPE_ID, other, {})
