"""What programs get wrong: each with the status that says it, and a pointer."""

import gzip
import json
import pickle
from typing import Any

import pytest

from pushserver.services import off_loop
from pushserver.services.off_loop import MAX_IN_THREAD
from pushserver.web.api import ROUTES
from pushserver.web.api.command_parsing import COMMAND_OR_LIST
from pushserver.web.api.command_requests import CommandBatchIn
from tests.each_case import each_case
from tests.web.local_server import DEVICE, TOKEN, LocalServer

PATH = f"/devices/{DEVICE}/commands"
DEEP = b'{"endpoint":"x","body":' + b"[" * 10_000 + b"]" * 10_000 + b"}"

UNREADABLE = (
    b"no JSON",
    b"",
    b"{",
    b'{"endpoint":"x"',
    b"\xff\xfe",
    b'{"endpoint":"x","body":NaN}',
    b'{"endpoint":"x","body":{"a":"\\ud800"}}',
    b'{"endpoint":"\\ud800"}',
    b'{"endpoint":"x\xff"}',
    b'{"endpoint":"x","body":"a\nb"}',
    b'{"endpoint":"x"} {"endpoint":"y"}',
    DEEP,
)


@each_case("body", UNREADABLE)
async def test_unreadable(server: LocalServer, body: bytes) -> None:
    """
    What cannot be parsed is 400.
    """
    kind = {"Content-Type": "application/json"}
    answer = await server.api("POST", PATH, body, headers=kind)

    assert (400, "malformed", None) == answer.problem


LONG = "9" * 4301


@each_case(
    ("path", "body"),
    [
        (PATH, '{"endpoint":"x","body":{"a":%s}}'),
        (PATH, '{"endpoint":"x","metadata":%s}'),
        (PATH, '[{"endpoint":"x"},{"endpoint":"x","metadata":{"a":[%s]}}]'),
        ("/operations", '{"deviceId":"1","steps":[{"endpoint":"x","body":[%s]}]}'),
    ],
)
async def test_long_numbers(server: LocalServer, path: str, body: str) -> None:
    """
    A number that programs in Python could not read again is 422, as text it is taken.
    """
    kind = {"Content-Type": "application/json"}
    await server.api("PUT", "/devices/1", {})
    number = await server.api("POST", path, (body % LONG).encode(), headers=kind)
    text = body % f'"{LONG}"'
    taken = await server.api("POST", path, text.encode(), headers=kind)

    assert (422, "invalid") == number.problem[:2]
    assert "This number is too large." == number.json()["detail"]
    assert 201 == taken.status


@pytest.mark.parametrize("path", [PATH, "/operations", "/devices/import"])
async def test_type_that_is_no_text(server: LocalServer, path: str) -> None:
    """
    A Content-Type of bytes that are no text is refused like any other wrong one.
    """
    answer = await server.send_raw(
        f"POST /api/v1{path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {TOKEN}\r\n"
        "Connection: close\r\n"
        "Content-Type: \xff\xfe\r\nContent-Length: 2\r\n\r\n{}".encode("latin-1")
    )

    assert b"HTTP/1.1 415 " == answer[:13]
    assert "\ufffd".encode() in answer


async def test_byte_order_mark(server: LocalServer) -> None:
    """
    The mark that editors put before UTF-8 belongs to no body of JSON.
    """
    mark, kind = b"\xef\xbb\xbf", {"Content-Type": "application/json"}
    enqueued = await server.api("POST", PATH, mark + b'{"endpoint":"x"}', headers=kind)
    array = await server.api("POST", PATH, mark + b'[{"endpoint":"x"}]', headers=kind)
    put = await server.api("PUT", "/devices/1", mark + b'{"name":"x"}', headers=kind)
    desired = await server.api(
        "PATCH", "/devices/1/shadow", mark + b'{"general":{"a":"b"}}', headers=kind
    )

    statuses = [answer.status for answer in (enqueued, array, put, desired)]
    assert [201, 201, 201, 200] == statuses
    assert "x" == (await server.get_device(1))["name"]


#: (what, the pointer to the field that is wrong)
WRONG: tuple[tuple[Any, str | None], ...] = (
    (None, None),
    (7, None),
    ("x", None),
    ({}, "/endpoint"),
    ({"endpoint": ""}, "/endpoint"),
    ({"endpoint": "/"}, "/endpoint"),
    ({"endpoint": ".fcgi"}, "/endpoint"),
    ({"endpoint": None}, "/endpoint"),
    ({"endpoint": 7}, "/endpoint"),
    ({"endpoint": "a/b"}, "/endpoint"),
    ({"endpoint": "../load_objects"}, "/endpoint"),
    ({"endpoint": "load_objects?x=1"}, "/endpoint"),
    ({"endpoint": "load objects"}, "/endpoint"),
    ({"endpoint": "load\nobjects"}, "/endpoint"),
    ({"endpoint": "x\x00"}, "/endpoint"),
    ({"endpoint": "é"}, "/endpoint"),
    ({"endpoint": "x" * 10_000}, "/endpoint"),
    ({"endpoint": "x", "verb": "DELETE"}, "/verb"),
    ({"endpoint": "x", "verb": "get"}, "/verb"),
    ({"endpoint": "x", "verb": ""}, "/verb"),
    ({"endpoint": "x", "unknown": 1}, "/unknown"),
    ({"endpoint": "x", "querystring": "a=1"}, "/querystring"),
    ({"endpoint": "x", "state": "SUCCESSFUL"}, "/state"),
    ({"endpoint": "x", "queryString": "a=1\nb=2"}, "/queryString"),
    ({"endpoint": "x", "queryString": "a=1\r"}, "/queryString"),
    ({"endpoint": "x", "queryString": "a=\x00"}, "/queryString"),
    ({"endpoint": "x", "queryString": "a b"}, "/queryString"),
    ({"endpoint": "x", "queryString": "x" * 100_000}, "/queryString"),
    ({"endpoint": "x", "queryString": 7}, "/queryString"),
    ({"endpoint": "x", "queryString": ["a"]}, "/queryString"),
    ({"endpoint": "x", "queryString": {"a": {}}}, "/queryString"),
    ({"endpoint": "x", "contentType": "nonsense"}, "/contentType"),
    ({"endpoint": "x", "contentType": "a/b\r\nX: y"}, "/contentType"),
    ({"endpoint": "x", "priority": 101}, "/priority"),
    ({"endpoint": "x", "priority": -101}, "/priority"),
    ({"endpoint": "x", "priority": 1.5}, "/priority"),
    ({"endpoint": "x", "priority": 2**70}, "/priority"),
    ({"endpoint": "x", "priority": "1"}, "/priority"),
    ({"endpoint": "x", "delivery": "exactlyOnce"}, "/delivery"),
    ({"endpoint": "x", "maxAttempts": 0}, "/maxAttempts"),
    ({"endpoint": "x", "maxAttempts": 2**63}, "/maxAttempts"),
    ({"endpoint": "x", "expiresIn": 0}, "/expiresIn"),
    ({"endpoint": "x", "expiresIn": -1}, "/expiresIn"),
    ({"endpoint": "x", "expiresIn": 1e300}, "/expiresIn"),
    ({"endpoint": "x", "expiresIn": 2**64}, "/expiresIn"),
    ({"endpoint": "x", "expiresIn": "60"}, "/expiresIn"),
    ({"endpoint": "x", "responseTimeout": 0}, "/responseTimeout"),
    ({"endpoint": "x", "responseTimeout": 9007199254740993}, "/responseTimeout"),
    ({"endpoint": "x", "notBefore": "tomorrow"}, "/notBefore"),
    ({"endpoint": "x", "notBefore": "2026-01-01T00:00:00"}, "/notBefore"),
    ({"endpoint": "x", "notBefore": 1767225600}, "/notBefore"),
    ({"endpoint": "x", "notBefore": "2026-02-30T00:00:00Z"}, "/notBefore"),
)


@each_case(("body", "pointer"), WRONG)
async def test_wrong_field(server: LocalServer, body: Any, pointer: str | None) -> None:
    """
    A field that is wrong is 422, and the pointer names it; words say what it must be.
    """
    answer = await server.api("POST", PATH, json.dumps(body).encode())

    assert (422, "invalid", pointer) == answer.problem
    assert "`" not in answer.json()["detail"]
    assert [] == (await server.api("GET", "/commands")).json()["items"]


@each_case("body", ["%%%", "a", "YQ", "YQ==\n", "é", 7, {"a": 1}, ["a"]])
async def test_bad_base64(server: LocalServer, body: Any) -> None:
    """
    Octets in JSON that are no base64 are refused.
    """
    request = {"endpoint": "x", "contentType": "Application/Octet-Stream", "body": body}

    answer = await server.api("POST", PATH, request)

    assert (422, "invalid", "/body") == answer.problem


@pytest.mark.parametrize(
    "instant",
    [
        "9999-12-31T23:59:59Z",
        "9999-12-31T23:59:59-23:59",
        "0001-01-01T00:00:00Z",
        "0001-01-01T00:00:00+23:59",
        "1969-12-31T23:59:59.999999Z",
    ],
)
async def test_far_instants(server: LocalServer, instant: str) -> None:
    """
    An instant at the ends of the calendar is taken and shown, or refused as a field.
    """
    body = {"endpoint": "x", "notBefore": instant, "expiresIn": 31_000_000}

    answer = await server.api("POST", PATH, body)

    if answer.status == 201:
        assert len("2026-01-01T00:00:00.000000Z") == len(answer.json()["expiresAt"])
    else:
        assert (422, "invalid", "/notBefore") == answer.problem


QUERIES = (
    ("", "/endpoint"),
    ("endpoint=x&unknown=1", "/unknown"),
    ("endpoint=x&endpoint=y", "/endpoint"),
    ("endpoint=x&priority=nan", "/priority"),
    ("endpoint=x&expiresIn=nan", "/expiresIn"),
    ("endpoint=x&expiresIn=inf", "/expiresIn"),
    ("endpoint=x&expiresIn=-1", "/expiresIn"),
    ("endpoint=x&responseTimeout=nan", "/responseTimeout"),
    ("endpoint=x&responseTimeout=1e999", "/responseTimeout"),
    ("endpoint=x&notBefore=now", "/notBefore"),
    ("endpoint=x&maxAttempts=9223372036854775808", "/maxAttempts"),
    ("endpoint=x&queryString=a%0Ab", "/queryString"),
    ("endpoint=a%2Fb", "/endpoint"),
)


@each_case(("query", "pointer"), QUERIES)
async def test_wrong_parameter(server: LocalServer, query: str, pointer: str) -> None:
    """
    The same holds for the parameters beside raw bytes.
    """
    kind = {"Content-Type": "application/octet-stream"}
    answer = await server.api("POST", f"{PATH}?{query}", b"x", headers=kind)

    assert (422, "invalid", pointer) == answer.problem


@each_case("kind", ["text/plain", "application/x-www-form-urlencoded", "nonsense", ""])
async def test_other_types(server: LocalServer, kind: str) -> None:
    """
    A body of another type is 415.
    """
    body = b'{"endpoint":"x"}'
    answer = await server.api("POST", PATH, body, headers={"Content-Type": kind})

    assert (415, "unsupported-media-type", None) == answer.problem


@pytest.mark.parametrize(
    ("chunks", "status"),
    [(b"0\r\n\r\n", b"201"), (b"2\r\n{}\r\n0\r\n\r\n", b"415")],
)
async def test_other_type_of_chunks(
    server: LocalServer, chunks: bytes, status: bytes
) -> None:
    """
    Where a body may be left out, no chunks are none, whatever their type.
    """
    head = (
        f"POST /api/v1/devices/{DEVICE}/key HTTP/1.1\r\nHost: x\r\n"
        f"Authorization: Bearer {TOKEN}\r\nConnection: close\r\n"
        "Content-Type: text/plain\r\nTransfer-Encoding: chunked\r\n\r\n"
    )
    await server.api("PUT", f"/devices/{DEVICE}", {})
    answer = await server.send_raw(head.encode() + chunks)

    assert status == answer.split()[1]


async def test_no_type(server: LocalServer) -> None:
    """
    So is one without a type.
    """
    answer = await server.request(
        "POST",
        f"/api/v1{PATH}",
        data=b'{"endpoint":"x"}',
        headers={"Authorization": "Bearer admin-of-the-tests"},
        skip_auto_headers=("Content-Type",),
    )

    assert (415, "unsupported-media-type", None) == answer.problem


@pytest.mark.parametrize(
    "kind", ["application/json; charset=utf-8", "Application/JSON"]
)
async def test_same_type(server: LocalServer, kind: str) -> None:
    """
    Parameters and the case of a type do not matter.
    """
    body = b'{"endpoint":"x"}'
    answer = await server.api("POST", PATH, body, headers={"Content-Type": kind})

    assert 201 == answer.status


@each_case("encoding", ["gzip", "deflate", "br", "GZIP", "nonsense"])
async def test_compressed(server: LocalServer, encoding: str) -> None:
    """
    A compressed body is 415, whatever is in it, and never inflated.
    """
    headers = {"Content-Encoding": encoding, "Content-Type": "application/json"}
    body = gzip.compress(b'{"endpoint":"x"}' + bytes(10_000_000))

    answer = await server.api("POST", PATH, body, headers=headers)

    assert (415, "unsupported-media-type", None) == answer.problem


@pytest.mark.parametrize("kind", ["application/json", "application/octet-stream"])
async def test_too_large(server: LocalServer, kind: str) -> None:
    """
    65 MiB are 413, and said so to who sends them.
    """
    path = f"{PATH}?endpoint=x" if "octet" in kind else PATH
    answer = await server.api(
        "POST", path, bytes(65 * 1024 * 1024), headers={"Content-Type": kind}
    )

    assert (413, "too-large", None) == answer.problem


async def test_large(server: LocalServer) -> None:
    """
    48 MiB of photos, which are 64 in base64, go out as they came.
    """
    photos = bytes(48 * 1024 * 1024)
    kind = {"Content-Type": "application/octet-stream"}

    answer = await server.api("POST", f"{PATH}?endpoint=x", photos, headers=kind)

    assert 201 == answer.status
    assert 64 * 1024 * 1024 == len((await server.poll()).json()["body"])


@pytest.mark.parametrize("path", [PATH, f"{PATH}/batch"])
async def test_large_json(server: LocalServer, path: str) -> None:
    """
    JSON of many values is decoded, however long that takes: it is no bad input.
    """
    command = {"endpoint": "x", "body": list(range(1000))}
    batch = [command] * 200
    assert MAX_IN_THREAD < len(json.dumps(batch))

    answer = await server.api("POST", path, batch)

    assert (201, 200) == (answer.status, len(answer.json()["items"]))


async def test_busy_machine(
    server: LocalServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    JSON that a busy machine has no time to decode may come again: it is not too large.
    """
    monkeypatch.setattr(off_loop, "CHILD_TIMEOUT", 0.01)
    batch = [{"endpoint": "x", "body": list(range(1000))}] * 200

    answer = await server.api("POST", PATH, batch)

    assert (503, "unavailable", None) == answer.problem
    assert "1" == answer.headers["Retry-After"]


def test_every_body_can_be_decoded_apart() -> None:
    """
    The type of each call's body can be named to the process that decodes a large one.
    """
    types = [COMMAND_OR_LIST, CommandBatchIn]
    types += [each.body_type for each in ROUTES if each.body_type is not None]

    assert types == [
        pickle.loads(pickle.dumps(each))  # noqa: S301 - our own
        for each in types
    ]


async def test_broken_off(server: LocalServer) -> None:
    """
    A body that breaks off enqueues nothing.
    """
    await server.api("PUT", f"/devices/{DEVICE}", {})
    async with server.connect() as (_, writer):
        writer.write(
            f"POST /api/v1{PATH} HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n"
            "Content-Type: application/json\r\n"
            "Authorization: Bearer admin-of-the-tests\r\n\r\n"
            '{"endpoint":"x"}'.encode()
        )
        await writer.drain()

    assert [] == (await server.api("GET", "/commands")).json()["items"]


@pytest.mark.parametrize("instant", ["tomorrow", "2026-01-01T00:00:00", 1767225600])
async def test_what_an_instant_looks_like(server: LocalServer, instant: Any) -> None:
    """
    Who writes an instant in another way is told how it is written.
    """
    answer = await server.api("POST", PATH, {"endpoint": "x", "notBefore": instant})

    expected = "This must be an instant with its offset from UTC, such as"
    assert f"{expected} 2026-01-31T00:00:00Z." == answer.json()["detail"]


BAD_IDS = ("x", "-1", "1_2", "%EF%BC%91", "9223372036854775808", "%00", "1%20", "1.0")


@each_case("wrong", BAD_IDS)
@each_case(
    ("method", "path"),
    [
        ("POST", "/devices/{}/commands"),
        ("GET", "/devices/{}/commands"),
        ("GET", "/devices/{}"),
        ("PUT", "/devices/{}"),
        ("POST", "/devices/{}/key"),
        ("GET", "/commands/{}"),
        ("DELETE", "/commands/{}"),
        ("GET", "/commands/{}/result"),
        ("DELETE", "/tokens/{}"),
    ],
)
async def test_bad_ids(server: LocalServer, method: str, path: str, wrong: str) -> None:
    """
    An id that is no int64 is a wrong field, named as the description names it.
    """
    body = {"endpoint": "x"} if path.endswith("commands") else {}
    answer = await server.api(
        method, path.format(wrong), body if method in ("POST", "PUT") else None
    )

    assert (422, "invalid", None) == answer.problem
    name = path.split("/")[1].removesuffix("s") + "Id"
    expected = f"{name} must be a decimal number from 0 to 9223372036854775807."
    assert expected == answer.json()["detail"]
