"""
Results in every form that devices send: each is stored, and read as far as it goes.
"""

import gzip
import json
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import urlencode

import msgspec
import pytest

from pushserver.web.body import MAX_BODY_SIZE
from tests.web.local_server import DEVICE, LOAD_USERS, LocalServer, Response

JSON = "application/json"
FORM = "application/x-www-form-urlencoded"
USERS = {"users": [{"id": 1, "name": "Walter White"}]}
MEGABYTE = 1024 * 1024

#: (body, content type, state, what the command's result must say)
FORMS: tuple[tuple[bytes, str | None, str, dict[str, Any]], ...] = (
    (json.dumps({"response": USERS}).encode(), JSON, "SUCCESSFUL", {"response": USERS}),
    (
        json.dumps({"response": json.dumps(USERS)}).encode(),
        JSON,
        "SUCCESSFUL",
        {"response": USERS},
    ),
    (json.dumps({"response": USERS}).encode(), FORM, "SUCCESSFUL", {"response": USERS}),
    (json.dumps({"response": USERS}).encode(), None, "SUCCESSFUL", {"response": USERS}),
    (
        urlencode({"response": json.dumps(USERS)}).encode(),
        FORM,
        "SUCCESSFUL",
        {"response": USERS},
    ),
    (
        urlencode({"response": json.dumps(USERS)}).encode(),
        JSON,
        "SUCCESSFUL",
        {"response": USERS},
    ),
    (b'{"response":"plain words"}', JSON, "SUCCESSFUL", {"response": "plain words"}),
    (b'{"response":{}}', "text/html; charset=x", "SUCCESSFUL", {"response": {}}),
    (b'{"response":{}}', ";;,=", "SUCCESSFUL", {"response": {}}),
    (b'{"response":{},"error":""}', JSON, "SUCCESSFUL", {"response": {}}),
    (b'{"response":{},"error":null}', JSON, "SUCCESSFUL", {"response": {}}),
    (
        b'{"error":"UNIQUE constraint failed: users.id","code":1}',
        JSON,
        "FAILED",
        {"error": "UNIQUE constraint failed: users.id", "code": 1},
    ),
    (
        urlencode({"error": "image too short", "code": 3}).encode(),
        FORM,
        "FAILED",
        {"error": "image too short", "code": 3},
    ),
    (
        b'{"transactions_results":[{"transactionid":1,"success":true,'
        b'"response":"{\\"changes\\":2}"}]}',
        JSON,
        "SUCCESSFUL",
        {"response": {"changes": 2}},
    ),
    (
        b'{"transactions_results":[{"transactionid":1,"success":false,'
        b'"response":"{\\"error\\":\\"no\\"}"}]}',
        JSON,
        "FAILED",
        {},
    ),
    (b"\xef\xbb\xbf" + b'{"response":{}}', JSON, "SUCCESSFUL", {"response": {}}),
    (b" \r\n" + b'{"response" : {} }\n', JSON, "SUCCESSFUL", {"response": {}}),
)


async def run_command(
    server: LocalServer, body: Any, headers: dict[str, str] | None = None
) -> tuple[Response, dict[str, Any]]:
    """Let a device answer a command with *body*; return how the command stands."""
    command = await server.enqueue(LOAD_USERS)
    await server.poll(f"deviceId={DEVICE}&uuid=u1")
    taken = await server.post_result(
        body, f"deviceId={DEVICE}&uuid=u1&endpoint=load_objects", headers=headers or {}
    )
    return taken, await server.get_command(command["id"])


@pytest.mark.parametrize(("body", "kind", "state", "expected"), FORMS)
async def test_form(
    server: LocalServer,
    body: bytes,
    kind: str | None,
    state: str,
    expected: dict[str, Any],
) -> None:
    """
    The content type is not trusted; the body says what became of the command.
    """
    taken, command = await run_command(
        server, body, {} if kind is None else {"Content-Type": kind}
    )

    assert taken.is_empty
    assert state == command["state"]
    assert expected == {name: command["result"][name] for name in expected}
    assert "uuid" == command["result"]["matchedBy"]


NESTED = b'{"response":' + b"[" * 10_000 + b"]" * 10_000 + b"}"
UNUSUAL_BODIES = (
    b"",
    b"null",
    b'{"response":{"name":"\\ud800"}}',
    b'{"response":{"name":"\xed\xa0\x80"}}',
    b'{"response":{"name":"caf\xe9"}}',
    b'{"response":NaN}',
    b'{"response":{"score":-Infinity}}',
    b'{"response":{"name":"a\\u0000b"}}',
    b'{"response":{"name":"a\0b"}}',
    b'{"response":1e999,"error":[]}',
    b'{"response":' + b"9" * 5000 + b"}",
    b'{"response":{},"response":{}}',
)
#: Nobody knows what these say.
UNREADABLE_BODIES = (
    b"\0",
    b"\xff\xfe\x00garbage\x80",
    b"certainly no JSON",
    b'{"response":{"us',
    NESTED,
    b"[" * 100_000,
    b'{"transactions_results":[]}',
    b'{"transactions_results":[1]}',
    b'{"transactions_results":{}}',
    b"response=%FF&error",
    b"\x1f\x8b\x08\x00\x00\x00\x00\x00",
)


@pytest.mark.parametrize(
    ("body", "state"),
    [
        *((body, "SUCCESSFUL") for body in UNUSUAL_BODIES),
        *((body, "TIMEOUT") for body in UNREADABLE_BODIES),
    ],
)
async def test_odd(server: LocalServer, body: bytes, state: str) -> None:
    """
    Whatever a device answers ends its command and is stored byte for byte; lists and
    the command itself stay valid JSON.
    """
    taken, command = await run_command(server, body)

    assert taken.is_empty
    assert state == command["state"]
    raw_result = await server.api("GET", f"/commands/{command['id']}/result")
    assert (200, body) == (raw_result.status, raw_result.body)
    for path in ("/results", "/commands", f"/devices/{DEVICE}/commands"):
        listed = await server.api("GET", path)
        assert 1 == len(msgspec.json.decode(listed.body)["items"])


@pytest.mark.parametrize("body", [b"\xff\xfe\0garbage", b'{"response":{"us', b"words"])
async def test_unreadable(server: LocalServer, body: bytes) -> None:
    """
    A body that cannot be read is said to be unreadable.
    """
    _, command = await run_command(server, body)

    assert command["result"]["unreadable"] is True
    assert (await server.list_results())[0]["unreadable"] is True


async def test_compressed(server: LocalServer) -> None:
    """
    A compressed body is stored as it came and never inflated.
    """
    bomb = gzip.compress(b'{"response":"' + bytes(20 * MEGABYTE) + b'"}')

    taken, command = await run_command(server, bomb, {"Content-Encoding": "gzip"})

    assert taken.is_empty
    assert ("TIMEOUT", True) == (command["state"], command["result"]["unreadable"])
    raw_result = await server.api("GET", f"/commands/{command['id']}/result")
    assert ("gzip", bomb) == (raw_result.headers["Content-Encoding"], raw_result.body)


async def test_largest(server: LocalServer) -> None:
    """
    A result of 64 MiB is accepted, stored and returned.
    """
    body = b'{"response":"' + b"x" * (MAX_BODY_SIZE - 15) + b'"}'
    assert 64 * MEGABYTE == len(body)

    taken, command = await run_command(server, body)

    assert taken.is_empty
    assert "SUCCESSFUL" == command["state"]
    raw_result = await server.api("GET", f"/commands/{command['id']}/result")
    assert body == raw_result.body


async def test_too_large(server: LocalServer) -> None:
    """
    65 MiB are refused, and their command has failed.
    """
    command = await server.enqueue()
    await server.poll()

    taken = await server.post_result(bytes(65 * MEGABYTE))

    assert (413, "too-large", None) == taken.problem
    command = await server.get_command(command["id"])
    assert ("FAILED", "result over 64 MiB") == (
        command["state"],
        command["result"]["error"],
    )


async def test_too_large_in_chunks(server: LocalServer) -> None:
    """
    The limit holds for a body that does not say how long it is.
    """

    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(65):
            yield bytes(MEGABYTE)

    await server.api("PUT", f"/devices/{DEVICE}", {})

    assert 413 == (await server.post_result(chunks())).status
    (result,) = await server.list_results()
    assert "result over 64 MiB" == result["error"]


async def test_in_chunks(server: LocalServer) -> None:
    """
    A body in chunks is one body.
    """

    async def chunks() -> AsyncIterator[bytes]:
        for part in (b'{"resp', b'onse":', b"{}}"):
            yield part

    taken, command = await run_command(server, chunks())

    assert taken.is_empty
    assert {} == command["result"]["response"]


async def test_raw_and_content_type(server: LocalServer) -> None:
    """
    The raw result comes back under the very type that the device gave it.
    """
    _, command = await run_command(server, b"<ok/>", {"Content-Type": "text/xml; q=ü"})

    raw_result = await server.api("GET", f"/commands/{command['id']}/result")

    assert ("text/xml; q=ü", b"<ok/>") == (
        raw_result.headers["Content-Type"],
        raw_result.body,
    )
