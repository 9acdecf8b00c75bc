"""What is done at a device's page: settings, key, shadow, end."""

import asyncio
import re

from pushserver.model.labels import MAX_KEY_LENGTH, MAX_LABELS, MAX_TAG_LENGTH
from tests.each_case import each_case
from tests.web.console.visitor import SAME_SITE, Visitor
from tests.web.local_server import DEVICE, wait_until, waiting_for

FORM = {**SAME_SITE, "Content-Type": "application/x-www-form-urlencoded"}
PATH = f"/devices/{DEVICE}"


async def test_edit(visitor: Visitor) -> None:
    """
    Settings are saved; what is wrong is said beside its field, and nothing is saved.
    """
    await visitor.server.api("PUT", PATH, {"name": "Door"})
    wrong = await visitor.send(f"{PATH}/edit", name="Roof", tags="x", hold="1")
    saved = await visitor.send(f"{PATH}/edit", name="Roof", tags="a=b", hold="2.5")
    device = await visitor.server.get_device()

    assert 422 == wrong.status
    assert b'id="tags-hint" class="error"' in wrong.body
    assert (303, f"/console{PATH}?said=saved") == (
        saved.status,
        saved.headers["Location"],
    )
    assert ("Roof", {"a": "b"}, 2.5) == tuple(
        device[name] for name in ("name", "tags", "hold")
    )


@each_case("hold", ["nan", "inf", "1e400", "-1", "301", "soon"])
async def test_wrong_hold(visitor: Visitor, hold: str) -> None:
    """
    What is no number of seconds is refused: the hold stays as it was.
    """
    await visitor.server.api("PUT", PATH, {"hold": 2.5})
    answer = await visitor.send(f"{PATH}/edit", name="", tags="", hold=hold)

    assert 422 == answer.status
    assert b'id="hold-hint" class="error"' in answer.body
    assert 2.5 == (await visitor.server.get_device())["hold"]


async def test_send_from_here(visitor: Visitor) -> None:
    """
    A click at an adopted device leads to what to send it; at no other.
    """
    link = f'href="/console/send?device={DEVICE}"'
    await visitor.server.poll()
    stranger = (await visitor.get(PATH)).body.decode()
    await visitor.server.api("POST", f"{PATH}/adopt")
    adopted = (await visitor.get(PATH)).body.decode()

    assert (False, True) == (link in stranger, link in adopted)


async def test_key(visitor: Visitor) -> None:
    """
    A new key is shown once: as an address to type, to scan, and to send.
    """
    await visitor.server.api("PUT", PATH, {})
    headers = {**FORM, "Host": "door.example"}
    made = await visitor.request("POST", f"{PATH}/key", data=b"", headers=headers)
    text = made.body.decode()
    found = re.search(r"<code>(http://door.example/d/([\w-]+))</code>", text)
    page = (await visitor.get(PATH, Host="door.example")).body.decode()
    await visitor.server.api("PUT", "/devices/5", {})
    other = (await visitor.get("/devices/5", Host="door.example")).body.decode()

    assert found is not None
    assert "push_remote_address" in text
    assert '<svg width="' in text
    assert found[2] not in page
    assert "door.example</code>" not in page
    assert "http://door.example</code>" in other
    assert "new key made" in page


async def test_delete(visitor: Visitor) -> None:
    """
    A device is deleted once its id was typed.
    """
    await visitor.server.api("PUT", PATH, {})
    statuses = [
        (await visitor.send(f"{PATH}/delete", typed=typed)).status
        for typed in ("yes", str(DEVICE))
    ]
    found = await visitor.server.api("GET", PATH)

    assert ([422, 303], 404) == (statuses, found.status)


async def test_shadow(visitor: Visitor) -> None:
    """
    A desired property stands beside what is reported, and can be removed.
    """
    await visitor.server.api("PUT", PATH, {})
    fields = {"service": "general", "name": "language"}
    await visitor.send(f"{PATH}/shadow", **fields, value="en_US")
    page = (await visitor.get(PATH)).body.decode()
    wrong = await visitor.send(f"{PATH}/shadow", service="1", name="x", value="y")
    asked = await visitor.send(f"{PATH}/shadow/refresh")
    await visitor.send(f"{PATH}/shadow", **fields, remove="1")
    after = (await visitor.server.api("GET", f"{PATH}/shadow")).json()

    assert ">en_US</bdi>" in page
    assert (422, 303) == (wrong.status, asked.status)
    assert {} == after["services"].get("general", {}).get("desired", {})


async def test_shadow_of_no_device_of_ones_own(visitor: Visitor) -> None:
    """
    Nobody asks for the shadow of a device that nobody knows, that is in quarantine, or
    was deleted: who may do so adopts it, as with a command; who may not gets a 404.
    """
    server, writer = visitor.server, Visitor(visitor.server)
    await writer.sign_in(await server.create_token("commands:write"))
    await server.poll("deviceId=77")
    await server.api("PUT", PATH, {})
    await server.api("PATCH", f"{PATH}/shadow", {"general": {"language": "x"}})
    await server.api("DELETE", PATH)
    asked = ("/devices/78", "/devices/77", PATH)
    refused = [(await writer.send(f"{each}/shadow/refresh")).status for each in asked]
    known = [(await server.api("GET", each)).json().get("state") for each in asked]
    adopted = [(await visitor.send(f"{each}/shadow/refresh")).status for each in asked]

    assert ([404] * 3, [303] * 3) == (refused, adopted)
    assert [None, "quarantined", None] == known
    for each in asked:
        assert "adopted" == (await server.api("GET", each)).json()["state"]


async def test_plots(visitor: Visitor) -> None:
    """
    The overview plots how long commands took, from the server's own measurements.
    """
    empty = (await visitor.get()).body.decode()
    await visitor.server.enqueue()
    await visitor.server.poll()
    await visitor.server.services.latency_history.save()
    page = (await visitor.get()).body.decode()

    assert (0, 2) == (empty.count("<polyline") // 2, page.count("<polyline") // 2)
    assert "p50" in page


@each_case("typed", ["sate:quarantined", "online:maybe", "a " + "b" * 500])
async def test_unknown_selection(visitor: Visitor, typed: str) -> None:
    """
    What nobody understands selects nothing: all that match are not all devices.
    """
    server = visitor.server
    await server.api("PUT", "/devices/5", {"name": "a " + "b" * 100})
    fields = {"act": "delete", "value": "1", "all": "1", "q": typed}
    answer = await visitor.send("/devices/selection/run", **fields)

    assert 422 == answer.status
    assert 1 == len((await server.api("GET", "/devices")).json()["items"])


async def test_selection(visitor: Visitor) -> None:
    """
    What is done with many is asked for first, and done with those alone.
    """
    server = visitor.server
    for each in ("5", "6", "7"):
        await server.api("PUT", f"/devices/{each}", {"tags": {"a": "b"}})
    await server.poll("deviceId=77")
    both, go = {"id-5": "1", "id-6": "1"}, "/devices/selection/run"
    asked = await visitor.send("/devices/selection", act="tag", **both)
    await visitor.send(go, act="tag", value="site=north", **both)
    await visitor.send(go, act="hold", value="9", all="1", q="tag:site=north")
    await visitor.send(go, act="adopt", all="1", q="state:quarantined")
    keys = await visitor.send(go, act="keys", **both)
    refused = await visitor.send(go, act="delete", value="1", **both)
    await server.enqueue(device_id=7)
    await visitor.send(go, act="clear", all="1")
    await visitor.send(go, act="delete", value="2", **{"id-7": "1", "id-77": "1"})
    found = (await server.api("GET", "/devices")).json()["items"]
    canceled = (await server.api("GET", "/commands?state=CANCELED")).json()["items"]

    assert b"2 devices" in asked.body
    assert 2 == keys.body.count(b"<code>/d/")
    assert (422, 1) == (refused.status, len(canceled))
    assert [(i, {"a": "b", "site": "north"}, 9) for i in ("5", "6")] == [
        (each["deviceId"], each["tags"], each["hold"]) for each in found
    ]


@each_case(
    ("tags", "added"),
    [
        ({f"k{i}": "v" for i in range(MAX_LABELS)}, "one=more"),
        ({f"k{i}": "v" * 156 for i in range(50)}, f"long={'v' * 100}"),
        ({}, f"{'k' * (MAX_KEY_LENGTH + 1)}=v"),
        ({}, f"k={'v' * (MAX_TAG_LENGTH + 1)}"),
    ],
)
async def test_tags_without_end(
    visitor: Visitor, tags: dict[str, str], added: str
) -> None:
    """
    Tags of many devices have the bounds that those of one have; beyond them none is
    changed, and the page says of which device there would be too many.
    """
    server, both = visitor.server, {"id-5": "1", "id-6": "1"}
    for device_id, own in (("5", {}), ("6", tags)):
        answer = await server.api("PUT", f"/devices/{device_id}", {"tags": own})
        assert answer.status in (200, 201)
    go = "/devices/selection/run"
    refused = await visitor.send(go, act="tag", value=added, **both)
    found = (await server.api("GET", "/devices")).json()["items"]

    assert 422 == refused.status
    assert not tags or b"Device 6: " in refused.body
    assert [{}, tags] == [each["tags"] for each in found]


async def test_tags_at_the_same_time(visitor: Visitor) -> None:
    """
    Of two people who tag the same devices at once, neither takes away the other's tag;
    and what is deleted meanwhile is not made anew.
    """
    server, go = visitor.server, "/devices/selection/run"
    for device_id in (5, 6):
        await server.api("PUT", f"/devices/{device_id}", {"tags": {"a": "b"}})
    lock, tags = server.services.devices.write_lock, ["site=north", "gate=1"]
    async with asyncio.TaskGroup() as group, lock:
        group.create_task(server.api("DELETE", "/devices/6"))
        await wait_until(lambda: waiting_for(lock) == 1)
        for tag in tags:
            group.create_task(visitor.send(go, act="tag", value=tag, all="1"))
        await wait_until(lambda: waiting_for(lock) == 1 + len(tags))
    found = (await server.api("GET", "/devices")).json()["items"]

    assert [("5", {"a": "b", "site": "north", "gate": "1"})] == [
        (each["deviceId"], each["tags"]) for each in found
    ]
