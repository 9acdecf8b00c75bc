"""A fleet from a file: NDJSON or CSV, in one call."""

import json

import pytest

from tests.web.local_server import LocalServer, Response

NDJSON = "application/x-ndjson"
CSV = "text/csv"
FLEET, MANY = 100_000, 10_000


async def send(server: LocalServer, content: bytes, kind: str) -> Response:
    """Import a file."""
    headers = {"Content-Type": kind}
    return await server.api("POST", "/devices/import", content, headers=headers)


def ndjson(start: int, stop: int) -> bytes:
    """Return a file of devices."""
    rows = (
        {"deviceId": str(n) if n % 2 else n, "name": f"D{n}", "tags": {"n": str(n)}}
        for n in range(start, stop)
    )
    return b"\n".join(json.dumps(row).encode() for row in rows)


async def test_whole_fleet(server: LocalServer) -> None:
    """
    100,000 devices come in one call, and again without a change.
    """
    content = ndjson(1, FLEET + 1)

    first = await send(server, content, NDJSON)
    second = await send(server, content, NDJSON)

    assert 200 == first.status
    assert {"created": FLEET, "updated": 0, "unchanged": 0} == first.json()
    assert {"created": 0, "updated": 0, "unchanged": FLEET} == second.json()
    listed = (await server.api("GET", "/devices?tag=n:99999")).json()["items"]
    assert ["D99999"] == [device["name"] for device in listed]


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


@pytest.mark.parametrize(
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
