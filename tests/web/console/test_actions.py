"""What one does at the console is done as over the API, by the same token."""

import re

from structlog.testing import capture_logs

from tests.web.console.visitor import Visitor
from tests.web.local_server import DEVICE, LOAD_USERS


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


async def test_ids_of_requests(visitor: Visitor) -> None:
    """
    A command shows whose request and trace it is; a problem, the id of its log line.
    """
    headers = {"X-Request-Id": "door-7", "traceparent": f"00-{'4b' * 16}-{'0f' * 8}-01"}
    path = f"/devices/{DEVICE}/commands"
    made = await visitor.server.api("POST", path, LOAD_USERS, headers=headers)
    page = (await visitor.get(f"/commands/{made.json()['id']}")).body.decode()
    with capture_logs() as logs:
        problem = await visitor.get("/commands/1")

    assert {"door-7", "4b" * 16} <= {*re.findall('data-copy="([^"]+)"', page)}
    (line,) = [each for each in logs if each["event"] == "request"]
    assert f'data-copy="{line["request_id"]}"' in problem.body.decode()
    assert 404 == problem.status


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


async def test_commands_by_time_and_token(visitor: Visitor) -> None:
    """
    Commands are found by when they were enqueued, in UTC, and by whom; the page of one
    leads back to the list with its filters.
    """
    server = visitor.server
    command = await server.enqueue()
    found = {}
    for query in (
        "from=2020-01-01T00:00",
        "to=2020-01-01T00:00",
        "by=pushserver_admin_token",
        "by=0",
        "by=7",
    ):
        page = (await visitor.get(f"/commands?{query}")).body
        found[query] = command["id"].encode() in page
    wrong = [
        (await visitor.get(f"/commands?{query}")).status
        for query in ("from=yesterday", "by=nobody", "from=2021-01-01&to=2020-01-01")
    ]
    listed = (await visitor.get("/commands?state=PENDING&by=0")).body
    path = f"/commands/{command['id']}?list=state%3DPENDING%26by%3D0"
    opened = (await visitor.get(f"{path}%26x%3D1")).body

    assert [True, False, True, True, False] == [*found.values()]
    assert [422, 422, 422] == wrong
    assert f'href="/console{path}"'.encode() in listed
    assert b'href="/console/commands?state=PENDING&amp;by=0"' in opened


async def test_one_thing_to_do(visitor: Visitor) -> None:
    """
    What needs a person leads to the very thing if there is one, else to their list.
    """
    server, steps = visitor.server, [{"endpoint": "reboot"}]
    task = {"name": "t", "targets": {"deviceIds": ["5"]}, "steps": steps}
    await server.api("PUT", "/devices/5", {})
    made = [(await server.api("POST", "/tasks", task)).json() for _ in range(2)]
    pages = []
    for each in made:
        await server.api("POST", f"/tasks/{each['id']}/pause")
        pages.append((await visitor.get()).body.decode())

    assert f'href="/console/tasks/{made[0]["id"]}"' in pages[0]
    assert 'href="/console/tasks?state=PAUSED"' in pages[1]
