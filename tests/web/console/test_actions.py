"""What one does at the console is done as over the API, by the same token."""

from tests.web.console.visitor import Visitor
from tests.web.local_server import DEVICE


async def test_adopt(visitor: Visitor) -> None:
    """
    One click adopts a quarantined device; the audit says who did it.
    """
    await visitor.server.poll()
    listed = (await visitor.get("/devices?q=state:quarantined")).body.decode()
    answer = await visitor.send(f"/devices/{DEVICE}/adopt", next="/console/devices")
    entries = (await visitor.server.api("GET", "/audit?action=device.adopt")).json()

    assert f'action="/console/devices/{DEVICE}/adopt"' in listed
    assert (303, "/console/devices?said=adopted") == (
        answer.status,
        answer.headers["Location"],
    )
    assert "adopted" == (await visitor.server.get_device())["state"]
    assert ["PUSHSERVER_ADMIN_TOKEN"] == [e["actor"]["name"] for e in entries["items"]]


async def test_withdraw(visitor: Visitor) -> None:
    """
    A command is withdrawn by itself, or with all that waits for its device.
    """
    first, second = [await visitor.server.enqueue() for _ in range(2)]
    await visitor.send(f"/commands/{first['id']}/cancel")
    states = [(await visitor.server.get_command(first["id"]))["state"]]
    again = await visitor.send(f"/commands/{first['id']}/cancel")
    await visitor.send(f"/devices/{DEVICE}/withdraw")
    states.append((await visitor.server.get_command(second["id"]))["state"])

    assert ["CANCELED", "CANCELED"] == states
    assert 409 == again.status


async def test_filters(visitor: Visitor) -> None:
    """
    What is typed above the devices is a filter, and so is each field of the commands.
    """
    server = visitor.server
    await server.api("PUT", "/devices/5", {"name": "Dock", "tags": {"site": "north"}})
    await server.api("PUT", "/devices/6", {"name": "Roof", "tags": {"site": "south"}})
    await server.enqueue(device_id=5)
    found = {}
    for query in ("q=tag:site%3Dnorth", "q=roo", "q=online:yes", "q=tag:x"):
        page = (await visitor.get(f"/devices?{query}")).body
        found[query] = [name for name in ("Dock", "Roof") if name.encode() in page]
    commands = {
        query: b"load_objects</bdi>" in (await visitor.get(f"/commands?{query}")).body
        for query in ("state=PENDING", "state=FAILED", "device=5", "device=6")
    }

    assert {
        "q=tag:site%3Dnorth": ["Dock"],
        "q=roo": ["Roof"],
        "q=online:yes": [],
        "q=tag:x": ["Dock", "Roof"],
    } == found
    assert [True, False, True, False] == [*commands.values()]


async def test_language_and_theme(visitor: Visitor) -> None:
    """
    Language and theme are kept in cookies of their own; only known ones are.
    """
    answer = await visitor.send("/view", language="pt-BR", next="/console/devices")
    wrong = await visitor.send("/view", theme="pink")

    assert "pushserver-language=pt-BR" in answer.headers["Set-Cookie"]
    assert 422 == wrong.status
