"""A fleet from a file: NDJSON or CSV, in one call."""

import asyncio
import json

import pytest

from pushserver.services.device_import import MAX_WAITING
from pushserver.web.api import device_import
from tests.each_case import each_case
from tests.web.local_server import LocalServer, Response, wait_until

NDJSON = "application/x-ndjson"
CSV = "text/csv"
MANY = 10_000


async def send(
    server: LocalServer, content: bytes, kind: str, query: str = "", **headers: str
) -> Response:
    """Import a file."""
    headers["Content-Type"] = kind
    return await server.api("POST", f"/devices/import{query}", content, headers=headers)


def ndjson(start: int, stop: int) -> bytes:
    """Return a file of devices."""
    rows = (
        {"deviceId": str(n) if n % 2 else n, "name": f"D{n}", "tags": {"n": str(n)}}
        for n in range(start, stop)
    )
    return b"\n".join(json.dumps(row).encode() for row in rows)


@pytest.mark.parametrize(
    "devices", [MANY, pytest.param(100_000, marks=pytest.mark.proof)]
)
async def test_whole_fleet(server: LocalServer, devices: int) -> None:
    """
    A whole fleet comes in one call, and again without a change.
    """
    content = ndjson(1, devices + 1)

    first = await send(server, content, NDJSON)
    second = await send(server, content, NDJSON)

    assert 200 == first.status
    assert {"created": devices, "updated": 0, "unchanged": 0} == first.json()
    assert {"created": 0, "updated": 0, "unchanged": devices} == second.json()
    listed = (await server.api("GET", f"/devices?tag=n:{devices}")).json()["items"]
    assert [f"D{devices}"] == [device["name"] for device in listed]


async def test_whole_fleet_as_csv(server: LocalServer) -> None:
    """
    So they do as CSV.
    """
    rows = "".join(f"{n},D{n},1.5,a\r\n" for n in range(1, MANY + 1))
    content = f"deviceId,name,hold,tag:site\r\n{rows}".encode()

    answer = await send(server, content, CSV)

    assert {"created": MANY, "updated": 0, "unchanged": 0} == answer.json()
    device = await server.get_device(MANY)
    assert (f"D{MANY}", 1.5, {"site": "a"}) == (
        device["name"],
        device["hold"],
        device["tags"],
    )


async def test_columns_that_there_are(server: LocalServer) -> None:
    """
    A column that there is not is refused with those that there are.
    """
    answer = await send(server, b"deviceId,tags\n1,site=north\n", CSV)

    [line] = answer.json()["errors"]
    assert "/tags" == line["pointer"]
    expected = "There is no such column; there are deviceId, name, hold, and one for"
    assert f"{expected} each tag, such as tag:site." == line["detail"]


async def test_what_is_left_out_stays(server: LocalServer) -> None:
    """
    An import changes what it names; a device that only polled so far is created.
    """
    await server.api("PUT", "/devices/1", {"name": "x", "hold": 2})
    await server.poll("deviceId=2")
    rows = b'{"deviceId":1,"name":"y"}\n\n{"deviceId":"2"}\r\n{"deviceId":3}\n'

    answer = await send(server, rows, NDJSON)

    assert {"created": 2, "updated": 1, "unchanged": 0} == answer.json()
    device = await server.get_device(1)
    assert ("y", 2) == (device["name"], device["hold"])
    assert "adopted" == (await server.get_device(2))["state"]


async def test_csv_as_people_make_it(server: LocalServer) -> None:
    """
    CSV may have a byte order mark, quotes, empty cells and lines.
    """
    content = (
        "\ufeffdeviceId,name,hold,tag:site\r\n"
        '1,"a, ""b""",,x\r\n'
        "\r\n"
        "4408801109440198,,0,\r\n"
    ).encode()

    answer = await send(server, content, "text/csv; charset=utf-8")

    assert 2 == answer.json()["created"]
    assert 'a, "b"' == (await server.get_device(1))["name"]
    assert 0 == (await server.get_device(4408801109440198))["hold"]


@each_case(
    ("content", "kind", "status", "pointer"),
    [
        (b'{"deviceId":1}\n{"deviceId":', NDJSON, 400, None),
        (b'{"deviceId":1}\nwords', NDJSON, 400, None),
        (b'{"deviceId":1}\n\xff', NDJSON, 400, None),
        (b'{"deviceId":1}\n{"name":"x"}', NDJSON, 422, "/deviceId"),
        (b'{"deviceId":1}\n{"deviceId":-1}', NDJSON, 422, "/deviceId"),
        (b'{"deviceId":1}\n{"deviceId":1.5}', NDJSON, 422, "/deviceId"),
        (b'{"deviceId":1}\n{"deviceId":true}', NDJSON, 422, "/deviceId"),
        (b'{"deviceId":1}\n{"deviceId":9223372036854775808}', NDJSON, 422, "/deviceId"),
        (b'{"deviceId":1}\n{"deviceId":2,"nam":"x"}', NDJSON, 422, "/nam"),
        (b'{"deviceId":1}\n{"deviceId":2,"hold":-1}', NDJSON, 422, "/hold"),
        (b'[{"deviceId":1}]', NDJSON, 422, None),
        (b"deviceId,name\n1,x\n1_2,y", CSV, 422, "/deviceId"),
        (b"deviceId,name\n1,x\n,y", CSV, 422, "/deviceId"),
        (b"deviceId,nam\n1,x", CSV, 422, "/nam"),
        (b"name\nx", CSV, 422, "/deviceId"),
        (b"deviceId,hold\n1,x", CSV, 422, "/hold"),
        (b"deviceId,hold\n1,nan", CSV, 422, "/hold"),
        (b"deviceId\n1,2,3", CSV, 400, None),
        (b'deviceId,name\n1,"x', CSV, 400, None),
        (b"deviceId,name\n1,\xff", CSV, 400, None),
    ],
)
async def test_wrong_line(
    server: LocalServer, content: bytes, kind: str, status: int, pointer: str | None
) -> None:
    """
    One wrong line and nothing is imported; the line is named.
    """
    answer = await send(server, content, kind)

    assert (status, pointer) == (answer.problem[0], answer.problem[2])
    assert [] == (await server.api("GET", "/devices")).json()["items"]


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
async def test_delimiters(server: LocalServer, delimiter: str) -> None:
    """
    The header says what separates cells; other characters in it are no delimiters.
    """
    header = ("name", '"tag:a,b;c"', "deviceId", "hold")
    rows = (header, ("Gate", "x", "7", '"1,5"'), ('"a,b;c\td"', "", "8", "0.25"))
    content = "\r\n".join(delimiter.join(row) for row in rows).encode()

    answer = await send(server, content, CSV)

    assert 2 == answer.json()["created"]
    gate, other = await server.get_device(7), await server.get_device(8)
    assert ("Gate", 1.5, {"a,b;c": "x"}) == (gate["name"], gate["hold"], gate["tags"])
    assert ("a,b;c\td", 0.25, {}) == (other["name"], other["hold"], other["tags"])


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (b'\xef\xbb\xbf{"deviceId":1}\n\xef\xbb\xbf{"deviceId":2}', NDJSON),
        (b'\xef\xbb\xbf\n{"deviceId":1}\r\n{"deviceId":2}\r\n', NDJSON),
        (b"\xef\xbb\xbfdeviceId;name\r\n1;a\r\n2;b\r\n;\r\n;\r\n", CSV),
        (b'\xef\xbb\xbf\r\n"deviceId"\r\n1\r\n2', CSV),
        (b"\xef\xbb\xbfsep=;\r\ndeviceId;name\r\n1;a\r\n2;b", CSV),
        (b"SEP=,\ndeviceId,name\n1,a\n2,b", CSV),
    ],
)
async def test_as_editors_leave_it(
    server: LocalServer, content: bytes, kind: str
) -> None:
    """
    Marks of UTF-8 and empty rows are no devices, and no errors.
    """
    answer = await send(server, content, kind)

    assert {"created": 2, "updated": 0, "unchanged": 0} == answer.json()


async def test_all_wrong_lines(server: LocalServer) -> None:
    """
    Each wrong line is reported with its number in the file, and what is wrong with it.
    """
    content = (
        b'deviceId,name,hold\n1,"a\r\nb\nc",1\nx,,\n\n2,\xff,\n'
        b'3,"d\ne",nan\n4,"f"g,1\n5,,,6\n7,,400\n8,"never closed\n9,,1\n'
    )
    answer = await send(server, content, CSV)

    problem = answer.json()
    found = [(each["line"], each.get("pointer")) for each in problem["errors"]]
    assert [
        (5, "/deviceId"),
        (7, None),
        (8, "/hold"),
        (10, None),
        (11, None),
        (12, "/hold"),
        (13, None),
    ] == found
    assert (422, "invalid", "/deviceId") == answer.problem
    assert problem["detail"].startswith("7 lines are wrong. Line 5: ")
    assert all(each["detail"] for each in problem["errors"])
    assert [] == (await server.api("GET", "/devices")).json()["items"]


async def test_all_wrong_lines_of_json(server: LocalServer) -> None:
    """
    So it is with a line of JSON each.
    """
    content = b'{"deviceId":1}\nwords\r\n\n{"deviceId":2,"hold":-1}\n{"name":"x"}\n\xff'
    answer = await send(server, content, NDJSON)

    found = [(each["line"], each.get("pointer")) for each in answer.json()["errors"]]
    assert [(2, None), (4, "/hold"), (5, "/deviceId"), (6, None)] == found
    assert (400, "malformed", None) == answer.problem


@pytest.mark.parametrize("kind", [NDJSON, CSV])
async def test_no_more_than_a_hundred(server: LocalServer, kind: str) -> None:
    """
    A file of wrong lines gets a hundred of them back.
    """
    content = b"deviceId\n" * (kind == CSV) + b"x\n" * 1_000
    answer = await send(server, content, kind)

    assert 100 == len(answer.json()["errors"])
    assert "100 lines are wrong at least" in answer.json()["detail"]


@each_case(
    ("header", "pointer"),
    [
        (b"deviceId,nam", "/nam"),
        (b"deviceId,name,name", "/name"),
        (b"name,hold", "/deviceId"),
        (b"deviceId|name", "/deviceId"),
    ],
)
async def test_wrong_header(server: LocalServer, header: bytes, pointer: str) -> None:
    """
    A wrong header is one error, not one of every row.
    """
    answer = await send(server, b"\n" + header + b"\n1,x\n2,y\n", CSV)

    (error,) = answer.json()["errors"]
    assert (422, "invalid", pointer) == answer.problem
    assert (2, pointer) == (error["line"], error["pointer"])


async def test_dry_run(server: LocalServer) -> None:
    """
    A dry run tells what an import would do, and changes nothing.
    """
    await server.api("PUT", "/devices/1", {"name": "old"})
    await server.api("PUT", "/devices/2", {"name": "same"})
    await server.poll("deviceId=3")
    content = b"deviceId,name\n1,new\n2,same\n3,seen\n4,unseen\n"
    before = (await server.api("GET", "/devices")).json()

    tried = await send(server, content, CSV, "?dryRun=true")
    after = (await server.api("GET", "/devices")).json()
    done = await send(server, content, CSV, "?dryRun=false")

    counts = {"created": 2, "updated": 1, "unchanged": 1}
    assert {**counts, "dryRun": True} == tried.json()
    assert before == after
    assert counts == done.json()


async def test_dry_run_is_refused(server: LocalServer) -> None:
    """
    A dry run fails as the import would: on a wrong line, and on a foreign device.
    """
    other = (await server.api("POST", "/scopes", {"name": "other"})).json()
    await server.api("PUT", "/devices/1", {}, token=other["token"])

    wrong = await send(server, b"deviceId\nx", CSV, "?dryRun=true")
    foreign = await send(server, b"deviceId\n2\n1", CSV, "?dryRun=true")
    unclear = await send(server, b"deviceId\n2", CSV, "?dryRun=perhaps")

    assert (422, "invalid", "/deviceId") == wrong.problem
    assert (409, "conflict", None) == foreign.problem
    assert (422, "invalid", "/dryRun") == unclear.problem


async def test_names_the_line(server: LocalServer) -> None:
    """
    An error names the wrong line, counting from one.
    """
    json_rows = await send(server, b'{"deviceId":1}\n\n{"deviceId":"x"}', NDJSON)
    csv_rows = await send(server, b"deviceId\n1\nx\n", CSV)

    assert "ine 3" in json_rows.json()["detail"]
    assert "ine 3" in csv_rows.json()["detail"]


@pytest.mark.parametrize("kind", ["application/json", "text/plain"])
async def test_other_types(server: LocalServer, kind: str) -> None:
    """
    Other types are refused.
    """
    answer = await send(server, b'{"deviceId":1}', kind)

    assert (415, "unsupported-media-type", None) == answer.problem


async def test_nothing(server: LocalServer) -> None:
    """
    An empty file changes nothing.
    """
    for kind in (NDJSON, CSV):
        answer = await send(server, b"", kind)
        assert {"created": 0, "updated": 0, "unchanged": 0} == answer.json()


async def test_many_at_once(server: LocalServer) -> None:
    """
    Of large imports one is under way at a time; a few wait, and the others are told to
    come again, under their key, too. Small ones need not wait.
    """
    content, imports = ndjson(1, 1000), server.services.device_import
    keys = [{"Idempotency-Key": f"k{number}"} for number in range(MAX_WAITING + 1)]
    async with asyncio.TaskGroup() as group, imports.turn():
        waiting = [
            group.create_task(send(server, content, NDJSON, **key)) for key in keys
        ]
        await wait_until(lambda: any(each.done() for each in waiting))
        small = await send(server, ndjson(1, 9), NDJSON)

    assert 200 == small.status
    assert [200] * MAX_WAITING + [503] == sorted(
        each.result().status for each in waiting
    )
    again = [await send(server, content, NDJSON, **key) for key in keys]
    assert [200] * len(keys) == [each.status for each in again]
    replayed = [each.headers.get("Idempotency-Replayed") for each in again]
    assert ["true"] * MAX_WAITING == [each for each in replayed if each]


@pytest.mark.parametrize("kind", [NDJSON, CSV])
async def test_lines(
    server: LocalServer, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    A file has a largest number of lines, however short they are.
    """
    monkeypatch.setattr(device_import, "MAX_LINES", 100)
    line = b"deviceId\n7\n" if kind == CSV else b'{"deviceId":7}\n\n'
    content = line + b"\n" * 98

    most = await send(server, content, kind)
    more = await send(server, content + b"\n", kind)

    assert (200, 400) == (most.status, more.status)
    assert "A file may have at most 100 lines." == more.json()["detail"]


async def test_devices_of_a_file(
    server: LocalServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    A file has a largest number of devices; a line that comes again adds none.
    """
    monkeypatch.setattr(device_import, "MAX_DEVICES", 3)
    lines = [b'{"deviceId":%d}\n' % each for each in (7, 8, 9, 9, 10)]

    most = await send(server, b"".join(lines[:4]), NDJSON)
    more = await send(server, b"".join(lines), NDJSON)

    assert (200, 400) == (most.status, more.status)
    assert "A file may have at most 3 devices." == more.json()["detail"]
