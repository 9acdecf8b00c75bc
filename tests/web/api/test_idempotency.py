"""Idempotency-Key: the same request again gets the same answer, and is done once."""

import asyncio
from typing import Any

import pytest

from pushserver.model.scope import DEFAULT_SCOPE_ID
from tests.web.local_server import (
    DEVICE,
    LOAD_USERS,
    OPEN_DOOR,
    LocalServer,
    Response,
    wait_until,
)

PATH = f"/devices/{DEVICE}/commands"


async def post(server: LocalServer, body: Any = LOAD_USERS, **options: Any) -> Response:
    """Enqueue under a key."""
    headers = {
        "Idempotency-Key": options.pop("key", "k1"),
        **options.pop("headers", {}),
    }
    return await server.api(
        "POST", options.pop("path", PATH), body, headers=headers, **options
    )


async def commands(server: LocalServer) -> list[dict[str, Any]]:
    """Return every command."""
    items: list[dict[str, Any]] = (await server.api("GET", "/commands")).json()["items"]
    return items


@pytest.mark.parametrize(
    ("body", "status"), [(LOAD_USERS, 1), ([LOAD_USERS, OPEN_DOOR], 2)]
)
async def test_same_answer(server: LocalServer, body: Any, status: int) -> None:
    """
    The same key and request: the same answer to the letter, and nothing done twice.
    """
    first = await post(server, body)
    await server.poll()
    again = await post(server, body)

    assert (201, first.body) == (again.status, again.body)
    assert first.headers.get("Location") == again.headers.get("Location")
    assert status == len(await commands(server))


async def test_same_bytes(server: LocalServer) -> None:
    """
    The same holds for raw bytes.
    """
    options = {
        "path": f"{PATH}?endpoint=x",
        "headers": {"Content-Type": "application/octet-stream"},
    }

    first, again = (
        await post(server, b"a", **options),
        await post(server, b"a", **options),
    )
    other = await post(server, b"b", **options)

    assert first.body == again.body
    assert (422, "idempotency-mismatch", None) == other.problem


async def test_other_request(server: LocalServer) -> None:
    """
    The same key with another body, or another query, is refused.
    """
    await post(server)
    other = await post(server, OPEN_DOOR)

    assert (422, "idempotency-mismatch", None) == other.problem
    assert 1 == len(await commands(server))


async def test_own_of_each_token_and_path(server: LocalServer) -> None:
    """
    A key belongs to its token and its path.
    """
    token = await server.create_token("commands:write", "devices:write")

    answers = [
        await post(server),
        await post(server, token=token),
        await post(server, path="/devices/1/commands"),
        await post(server, key="k2"),
    ]

    assert {201} == {answer.status for answer in answers}
    assert 4 == len({answer.json()["id"] for answer in answers})


async def test_one_device_in_other_words(server: LocalServer) -> None:
    """
    A key stands for the device that a path names, however it is spelled.
    """
    number = str(DEVICE)
    encoded = f"%{ord(number[0]):x}{number[1:]}"
    plain = [number, f"00{number}", encoded]
    spelled = plain + [f"controlid{c}{each}" for c in (":", "%3A") for each in plain]
    paths = [f"/devices/{each}/commands" for each in spelled]
    answers = [await post(server, OPEN_DOOR, path=path) for path in paths]
    others = [await post(server, path=path) for path in paths]

    assert [201] * len(paths) == [each.status for each in answers]
    assert {answers[0].body} == {each.body for each in answers}
    assert {(422, "idempotency-mismatch", None)} == {each.problem for each in others}
    assert 1 == len(await commands(server))


async def test_another_order_of_the_query(server: LocalServer) -> None:
    """
    Nor does it matter how a query is spelled, and in which order; its values do.
    """
    path = f"{PATH}/bytes?"
    options = {"headers": {"Content-Type": "application/octet-stream"}}
    first, again, other = [
        await post(server, b"a", path=path + query, **options)
        for query in (
            "endpoint=x&queryString=a%3D1%26b%3D2",
            "queryString=%61=1%26b=2&endpoint=x",
            "endpoint=x&queryString=a%3D1&b=2",
        )
    ]

    assert (201, first.body) == (again.status, again.body)
    assert 422 == other.status
    assert 1 == len(await commands(server))


async def test_replayed_without_waiting(server: LocalServer) -> None:
    """
    A stored answer is repeated at once, and does not say that it waited.
    """
    await post(server)
    again = await post(server, headers={"Prefer": "wait=30"})

    assert (201, "PENDING") == (again.status, again.json()["state"])
    assert "Preference-Applied" not in again.headers


async def test_a_day(server: LocalServer) -> None:
    """
    After 24 hours a key is new again.
    """
    first = await post(server)
    server.clock.tick(seconds=86_399)
    same = await post(server)
    server.clock.tick(seconds=2)
    new = await post(server)

    assert first.json()["id"] == same.json()["id"]
    assert first.json()["id"] != new.json()["id"]


async def test_still_running(server: LocalServer) -> None:
    """
    While the first request waits for its outcome, the second is asked to come later.
    """
    waits = {"Prefer": "wait=30"}
    first = asyncio.create_task(post(server, headers=waits))
    order = await poll_until_order(server)
    second = await post(server)
    await server.post_result()

    done = await first
    again = await post(server)

    assert "load_objects" == order["endpoint"]
    assert (409, "idempotency-running", None) == second.problem
    assert "SUCCESSFUL" == done.json()["state"]
    assert done.body == again.body


async def test_two_at_once(server: LocalServer) -> None:
    """
    Of twenty requests with one key at the same time one is done.
    """
    answers = await asyncio.gather(*(post(server) for _ in range(20)))

    assert {answer.status for answer in answers} <= {201, 409}
    assert 1 == len({a.json()["id"] for a in answers if a.status == 201})
    assert 1 == len(await commands(server))


async def test_refused_is_not_kept(server: LocalServer) -> None:
    """
    A request that was refused has not used its key.
    """
    refused = await post(server, {"endpoint": "a/b"})
    taken_now = await post(server)

    assert (422, 201) == (refused.status, taken_now.status)


@pytest.mark.parametrize("key", ["x" * 256, "ü\u0080"])
async def test_no_key(server: LocalServer, key: str) -> None:
    """
    What is no key is refused.
    """
    answer = await post(server, key=key)

    assert (422, "invalid", None) == answer.problem


async def poll_until_order(server: LocalServer) -> dict[str, Any]:
    """Poll until there is a command."""
    answers: list[Response] = []

    async def is_handed_out() -> bool:
        answers.append(await server.poll())
        return not answers[-1].is_empty

    await wait_until(is_handed_out)
    order: dict[str, Any] = answers[-1].json()
    return order


async def test_program_gone(server: LocalServer) -> None:
    """
    A program that hung up before its answer gets it by asking again.
    """
    text = b'{"endpoint":"x"}'
    kind = {"Content-Type": "application/json"}
    async with server.connect() as (_, writer):
        writer.write(
            f"POST /api/v1{PATH} HTTP/1.1\r\nHost: x\r\nIdempotency-Key: k1\r\n"
            "Content-Type: application/json\r\n"
            "Authorization: Bearer admin-of-the-tests\r\n"
            f"Content-Length: {len(text)}\r\n\r\n".encode()
            + text
        )
        await wait_until(
            lambda: server.services.devices.find(DEFAULT_SCOPE_ID, DEVICE) is not None
        )
    answer = await post(server, text, headers=kind)
    async with asyncio.timeout(15):
        while answer.status == 409:
            answer = await post(server, text, headers=kind)

    assert 201 == answer.status
    assert 1 == len(await commands(server))
