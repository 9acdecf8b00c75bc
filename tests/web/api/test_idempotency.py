"""Idempotency-Key: the same request again gets the same answer, and is done once."""

import asyncio
from typing import Any

import pytest

from pushserver.model.scope import FIRST_SCOPE
from tests.web.site import DEVICE, LOAD_USERS, OPEN_DOOR, Answer, Site, until

PATH = f"/devices/{DEVICE}/commands"


async def post(site: Site, body: Any = LOAD_USERS, **how: Any) -> Answer:
    """Enqueue under a key."""
    headers = {"Idempotency-Key": how.pop("key", "k1"), **how.pop("headers", {})}
    return await site.api("POST", how.pop("path", PATH), body, headers=headers, **how)


async def commands(site: Site) -> list[dict[str, Any]]:
    """Return every command."""
    items: list[dict[str, Any]] = (await site.api("GET", "/commands")).json()["items"]
    return items


@pytest.mark.parametrize(
    ("body", "made"), [(LOAD_USERS, 1), ([LOAD_USERS, OPEN_DOOR], 2)]
)
async def test_same_answer(site: Site, body: Any, made: int) -> None:
    """
    The same key and request: the same answer to the letter, and nothing done twice.
    """
    first = await post(site, body)
    await site.push()
    again = await post(site, body)

    assert (201, first.body) == (again.status, again.body)
    assert first.headers.get("Location") == again.headers.get("Location")
    assert made == len(await commands(site))


async def test_same_bytes(site: Site) -> None:
    """
    The same holds for raw bytes.
    """
    how = {
        "path": f"{PATH}?endpoint=x",
        "headers": {"Content-Type": "application/octet-stream"},
    }

    first, again = await post(site, b"a", **how), await post(site, b"a", **how)
    other = await post(site, b"b", **how)

    assert first.body == again.body
    assert (422, "idempotency-mismatch", None) == other.problem


async def test_other_request(site: Site) -> None:
    """
    The same key with another body, or another query, is refused.
    """
    await post(site)
    other = await post(site, OPEN_DOOR)

    assert (422, "idempotency-mismatch", None) == other.problem
    assert 1 == len(await commands(site))


async def test_own_of_each_token_and_path(site: Site) -> None:
    """
    A key belongs to its token and its path.
    """
    token = await site.token("commands:write", "devices:write")

    answers = [
        await post(site),
        await post(site, token=token),
        await post(site, path="/devices/1/commands"),
        await post(site, key="k2"),
    ]

    assert {201} == {answer.status for answer in answers}
    assert 4 == len({answer.json()["id"] for answer in answers})


async def test_a_day(site: Site) -> None:
    """
    After 24 hours a key is new again.
    """
    first = await post(site)
    site.clock.tick(seconds=86_399)
    same = await post(site)
    site.clock.tick(seconds=2)
    new = await post(site)

    assert first.json()["id"] == same.json()["id"]
    assert first.json()["id"] != new.json()["id"]


async def test_still_running(site: Site) -> None:
    """
    While the first request waits for its outcome, the second is told to come later.
    """
    waits = {"Prefer": "wait=30"}
    first = asyncio.create_task(post(site, headers=waits))
    order = await taken(site)
    second = await post(site)
    await site.result()

    done = await first
    again = await post(site)

    assert "load_objects" == order["endpoint"]
    assert (409, "idempotency-running", None) == second.problem
    assert "SUCCESSFUL" == done.json()["state"]
    assert done.body == again.body


async def test_two_at_once(site: Site) -> None:
    """
    Of twenty requests with one key at the same time one is done.
    """
    answers = await asyncio.gather(*(post(site) for _ in range(20)))

    assert {answer.status for answer in answers} <= {201, 409}
    assert 1 == len({a.json()["id"] for a in answers if a.status == 201})
    assert 1 == len(await commands(site))


async def test_refused_is_not_kept(site: Site) -> None:
    """
    A request that was refused has not used its key.
    """
    refused = await post(site, {"endpoint": "a/b"})
    taken_now = await post(site)

    assert (422, 201) == (refused.status, taken_now.status)


@pytest.mark.parametrize("key", ["x" * 256, "ü\u0080"])
async def test_no_key(site: Site, key: str) -> None:
    """
    What is no key is refused.
    """
    answer = await post(site, key=key)

    assert (422, "invalid", None) == answer.problem


async def taken(site: Site) -> dict[str, Any]:
    """Poll until there is a command."""
    answers: list[Answer] = []

    async def told() -> bool:
        answers.append(await site.push())
        return not answers[-1].is_empty

    await until(told)
    order: dict[str, Any] = answers[-1].json()
    return order


async def test_program_gone(site: Site) -> None:
    """
    A program that hung up before its answer gets it by asking again.
    """
    text = b'{"endpoint":"x"}'
    kind = {"Content-Type": "application/json"}
    async with site.line() as (_, writer):
        writer.write(
            f"POST /api/v1{PATH} HTTP/1.1\r\nHost: x\r\nIdempotency-Key: k1\r\n"
            "Content-Type: application/json\r\n"
            "Authorization: Bearer admin-of-the-tests\r\n"
            f"Content-Length: {len(text)}\r\n\r\n".encode()
            + text
        )
        await until(lambda: site.services.fleet.find(FIRST_SCOPE, DEVICE) is not None)
    answer = await post(site, text, headers=kind)
    async with asyncio.timeout(10):
        while answer.status == 409:
            answer = await post(site, text, headers=kind)

    assert 201 == answer.status
    assert 1 == len(await commands(site))
