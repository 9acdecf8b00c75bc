"""Keys for many devices in one call: shown once, as JSON or as CSV."""

import csv
import io
from typing import Any

from pushserver.web.api.device_csv import without_apostrophe
from tests.clock import ManualClock
from tests.web.local_server import DEVICE, LocalServer, running_server

CSV = {"Accept": "text/csv"}


async def populate(server: LocalServer) -> None:
    """Have three devices, two of them in the north."""
    for number, tags in ((1, {"site": "north"}), (2, {"site": "north"}), (3, {})):
        settings = {"name": f"=door {number}", "tags": tags}
        await server.api("PUT", f"/devices/{number}", settings)


async def test_keys(server: LocalServer) -> None:
    """
    Each device that is meant, and no other, gets a key of its own, which works.
    """
    await populate(server)

    answer = await server.api(
        "POST", "/devices/keys", {"targets": {"tags": {"site": "north"}}}
    )

    items = answer.json()["items"]
    assert (201, ["1", "2"]) == (answer.status, [item["deviceId"] for item in items])
    assert 2 == len({item["key"] for item in items})
    assert {"deviceId", "name", "key", "path", "enforced"} == set(items[0])
    for item in items:
        path = f"/devices/{item['deviceId']}/commands"
        await server.api("POST", path, {"endpoint": "x"})
        poll = f"{item['path']}/push?deviceId={item['deviceId']}"
        assert (await server.request("GET", poll)).body
    listed = (await server.api("GET", "/devices")).json()["items"]
    assert [True, True, False] == [item["keyed"] for item in listed]


async def test_url(database: str, clock: ManualClock) -> None:
    """
    Where devices reach the server is known, the URL says what to give to each.
    """
    public = "https://push.example.com/doors"
    async with running_server(database, clock, public_url=public) as server:
        await populate(server)
        everything = {"targets": {"all": True}}
        answer = await server.api("POST", "/devices/keys", everything)

    for item in answer.json()["items"]:
        assert public + item["path"] == item["url"]


async def test_csv(server: LocalServer) -> None:
    """
    As CSV it is what a spreadsheet takes; a replay of the call is the same file.
    """
    await populate(server)
    once = {**CSV, "Idempotency-Key": "k"}
    body = {"targets": {"all": True}, "enforce": True}
    answer = await server.api("POST", "/devices/keys", body, headers=once)
    again = await server.api("POST", "/devices/keys", body, headers=once)

    rows = list(csv.DictReader(io.StringIO(answer.body.decode(), newline="")))
    assert answer.headers["Content-Type"].startswith("text/csv")
    assert (answer.body, "true") == (again.body, again.headers["Idempotency-Replayed"])
    assert again.headers["Content-Type"] == answer.headers["Content-Type"]
    assert ["1", "2", "3"] == [row["deviceId"] for row in rows]
    assert "'=door 1" == rows[0]["name"]
    assert {"true"} == {row["enforced"] for row in rows}
    assert [f"/d/{without_apostrophe(row['key'])}" for row in rows] == [
        row["path"] for row in rows
    ]


async def test_another_format_is_another_request(server: LocalServer) -> None:
    """
    Under one key there is one answer: whoever asks for another format of it is refused,
    and gets the first one by asking for that.
    """
    await populate(server)
    body, once = {"targets": {"all": True}}, {"Idempotency-Key": "k"}
    accepts = ("application/json", "text/csv", "*/*, text/csv;q=0.5", "text/*")
    json_first, *others = [
        await server.api(
            "POST", "/devices/keys", body, headers={**once, "Accept": each}
        )
        for each in accepts
    ]
    once = {"Idempotency-Key": "k2"}
    csv_first = await server.api("POST", "/devices/keys", body, headers={**CSV, **once})
    as_json = await server.api("POST", "/devices/keys", body, headers=once)

    mismatch = (422, "idempotency-mismatch", None)
    assert [mismatch, None, mismatch] == [
        None if each.status == 201 else each.problem for each in others
    ]
    assert json_first.body == others[1].body
    assert (201, mismatch) == (csv_first.status, as_json.problem)


async def test_audited(server: LocalServer) -> None:
    """
    The audit says of each device that its key was shown.
    """
    await populate(server)
    await server.api("POST", "/devices/keys", {"targets": {"deviceIds": ["1", 3]}})

    entries = (await server.api("GET", "/audit?action=device.key")).json()["items"]
    assert {"1", "3"} == {entry["deviceId"] for entry in entries}


async def test_restricted(server: LocalServer) -> None:
    """
    A token that concerns some devices makes keys for those, and sees no other.
    """
    await populate(server)
    request = {"name": "x", "permissions": ["devices:write"], "deviceIds": ["2"]}
    token = (await server.api("POST", "/tokens", request)).json()["token"]
    everything = {"targets": {"all": True}}
    made = await server.api("POST", "/devices/keys", everything, token=token)
    foreign = {"targets": {"deviceIds": ["1"]}}
    refused = await server.api("POST", "/devices/keys", foreign, token=token)

    assert ["2"] == [item["deviceId"] for item in made.json()["items"]]
    assert (422, "invalid", "/targets/deviceIds") == refused.problem


async def test_refused(server: LocalServer) -> None:
    """
    Who is not adopted gets no key, and a call that means nobody is refused.
    """
    await server.poll()
    nobody: Any
    for nobody in ({"deviceIds": [str(DEVICE)]}, {"all": True}, {}, {"tags": {}}):
        answer = await server.api("POST", "/devices/keys", {"targets": nobody})
        assert 422 == answer.status
