"""The fleet as a file: an import takes it back as it is."""

import csv
import io
import json
from typing import Any

import pytest

from pushserver.web.api import device_export
from tests.clock import ManualClock
from tests.protocols.conftest import INSTALLED
from tests.web.local_server import LocalServer, Response, running_server

NDJSON = "application/x-ndjson"
CSV = "text/csv"
#: Names that a file might spoil: formulas, quotes, line ends, and what looks quoted.
NAMES = (
    *("=1+1", "+1", "-1", "@x", "\tx", "\rx", "\nx", "'=1", "''=1", "'", "''", ""),
    *("'tis", 'a "b", c;d', "a\r\nb", " x ", "null", "12", "true", "\ufeffx", "ä€😀"),
)


async def export(server: LocalServer, query: str = "", accept: str = "") -> Response:
    """Export the fleet."""
    headers = {"Accept": accept} if accept else {}
    answer = await server.api("GET", f"/devices/export{query}", headers=headers)
    assert 200 == answer.status, answer.body
    return answer


async def put_fleet(server: LocalServer) -> None:
    """Create devices with every odd setting."""
    for number, name in enumerate(NAMES, 1):
        tags = {"site": name, "a,b;c\td": "x", "=k": name} if number % 2 else {}
        settings = {"name": name, "tags": tags, "hold": number / 8}
        await server.api("PUT", f"/devices/{number}", settings)
    await server.api("PUT", "/devices/0", {})
    await server.api("PUT", "/devices/9223372036854775807", {"hold": 0})


async def settings(server: LocalServer) -> list[Any]:
    """Return what is set of each device."""
    items = (await server.api("GET", "/devices?limit=1000")).json()["items"]
    names = ("deviceId", "protocol", "name", "hold", "tags", "state")
    return [{name: item.get(name) for name in names} for item in items]


@pytest.mark.parametrize("kind", ["csv", "ndjson"])
async def test_round_trip(
    database: str,
    clock: ManualClock,
    monkeypatch: pytest.MonkeyPatch,
    kind: str,
) -> None:
    """
    What is exported makes equal devices in an empty server, whatever their names are.
    """
    monkeypatch.setattr(device_export, "PAGE_SIZE", 200)
    async with running_server(database, clock, installed=INSTALLED) as server:
        await put_fleet(server)
        await server.api("PUT", "/devices/beacon:5", {"name": "beacon"})
        await server.api("PUT", "/devices/beacon:0012", {"name": "zeros"})
        await server.api("PUT", "/devices/lighthouse", {"tags": {"site": ""}})
        before, file = await settings(server), await export(server, f"?format={kind}")
        for device in before:
            await server.api("DELETE", f"/devices/{device['deviceId']}")
        assert [] == await settings(server)
        headers = {"Content-Type": file.headers["Content-Type"]}
        imported = await server.api(
            "POST", "/devices/import", file.body, headers=headers
        )
        after = await settings(server)
        again = await export(server, f"?format={kind}")

    assert len(before) == imported.json()["created"]
    assert before == after
    assert file.body == again.body


async def test_columns(server: LocalServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    A CSV has as many columns as an import takes; of devices with more there is none.
    """
    monkeypatch.setattr(device_export, "MAX_TAG_COLUMNS", 3)
    await server.api("PUT", "/devices/1", {"tags": {"a": "1", "b": "1"}})
    await server.api("PUT", "/devices/2", {"tags": {"b": "2", "c": "2"}})
    taken = await export(server, "?format=csv")
    await server.api("PATCH", "/devices/2", {"tags": {"c": "2", "d": "2"}})
    refused = await server.api("GET", "/devices/export?format=csv")

    assert b"deviceId,name,hold,tag:a,tag:b,tag:c" == taken.body.splitlines()[0]
    assert (422, "invalid", "/format") == refused.problem
    assert 2 == len((await export(server)).body.splitlines())


async def test_no_formula(server: LocalServer) -> None:
    """
    No cell of a CSV begins as a formula does.
    """
    await put_fleet(server)

    text = (await export(server, accept=CSV)).body.decode()

    rows = list(csv.reader(io.StringIO(text, newline="")))
    assert ["deviceId", "name", "hold", "tag:=k"] == rows[0][:4]
    assert len(NAMES) + 3 == len(rows)
    assert [] == [c for row in rows for c in row if c[:1] in tuple("=+-@\t\r\n")]


async def test_ndjson_is_exact(server: LocalServer) -> None:
    """
    A line says what is not set, too: imported over other settings, it removes them.
    """
    await server.api("PUT", "/devices/1", {})
    file = (await export(server)).body
    await server.api("PUT", "/devices/1", {"name": "x", "tags": {"a": "b"}, "hold": 1})

    await server.api("POST", "/devices/import", file, headers={"Content-Type": NDJSON})

    line: dict[str, Any] = {"deviceId": "1", "name": None, "tags": {}, "hold": None}
    assert line == json.loads(file)
    assert file == (await export(server)).body


@pytest.mark.parametrize(
    ("query", "accept", "kind"),
    [
        ("", "", NDJSON),
        ("", "*/*", NDJSON),
        ("", "text/csv", CSV),
        ("", "text/*", CSV),
        ("", "application/x-ndjson;q=0.5, text/csv;q=0.9", CSV),
        ("", "text/csv;q=0.1, application/x-ndjson", NDJSON),
        ("", "text/csv;q=0, image/png", NDJSON),
        ("", "image/png", NDJSON),
        ("?format=ndjson", "text/csv", NDJSON),
        ("?format=csv", "application/x-ndjson", CSV),
    ],
)
async def test_form(server: LocalServer, query: str, accept: str, kind: str) -> None:
    """
    The query says which form it has, or else what the program accepts.
    """
    answer = await export(server, query, accept)

    assert kind == answer.headers["Content-Type"].partition(";")[0]
    assert "attachment" in answer.headers["Content-Disposition"]


async def test_filters(server: LocalServer) -> None:
    """
    Of all devices, those that are adopted; or those in quarantine, or with a tag.
    """
    await server.api("PUT", "/devices/1", {"tags": {"site": "north"}})
    await server.api("PUT", "/devices/2", {"tags": {"site": "south"}})
    await server.poll("deviceId=3")

    async def exported(query: str) -> list[str]:
        lines = (await export(server, query)).body.splitlines()
        return [json.loads(line)["deviceId"] for line in lines]

    assert ["1", "2"] == await exported("")
    assert ["3"] == await exported("?state=quarantined")
    assert ["2"] == await exported("?tag=site:south")


@pytest.mark.parametrize(
    ("query", "pointer"),
    [
        ("?format=xml", "/format"),
        ("?tag=site", "/tag"),
        ("?state=gone", "/state"),
        ("?limit=5", "/limit"),
    ],
)
async def test_refused(server: LocalServer, query: str, pointer: str) -> None:
    """
    A wrong parameter is refused before anything is sent.
    """
    answer = await server.api("GET", f"/devices/export{query}")

    assert (422, "invalid", pointer) == answer.problem


async def test_nothing(server: LocalServer) -> None:
    """
    An empty fleet is an empty file, or a header.
    """
    assert b"" == (await export(server)).body
    assert b"deviceId,name,hold\r\n" == (await export(server, "?format=csv")).body
