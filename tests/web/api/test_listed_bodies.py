"""Lists of commands: without their bodies, unless somebody asks for them."""

from typing import Any

import pytest

from pushserver.model.scope import DEFAULT_SCOPE_ID
from pushserver.storage.history import CommandFilter
from pushserver.storage.sql.heavy_rows import PAGE_BYTES
from tests.web.local_server import DEVICE, LocalServer

PHOTO = "y" * 900_000
COUNT = PAGE_BYTES // len(PHOTO) + 2
PATHS = ["/commands", f"/devices/{DEVICE}/commands"]


async def enqueue_photos(server: LocalServer) -> None:
    """Enqueue more photos than a page of bodies holds."""
    for _ in range(COUNT):
        await server.enqueue(
            {"endpoint": "user_set_image", "body": {"photo": PHOTO}, "metadata": 7}
        )


async def page(server: LocalServer, path: str) -> dict[str, Any]:
    """Return a page of a list."""
    answer = await server.api("GET", path)
    assert 200 == answer.status, answer.body
    payload: dict[str, Any] = answer.json()
    return payload


@pytest.mark.parametrize("path", PATHS)
async def test_left_out(server: LocalServer, path: str) -> None:
    """
    A list has all of a command but its body, and its pages are not cut for bodies.
    """
    await enqueue_photos(server)

    listed = await page(server, path)

    assert COUNT == len(listed["items"])
    assert "nextCursor" not in listed
    assert {7} == {each["metadata"] for each in listed["items"]}
    assert not any("body" in each for each in listed["items"])


@pytest.mark.parametrize("path", PATHS)
async def test_asked_for(server: LocalServer, path: str) -> None:
    """
    With `include=body` a list has the bodies, and its pages end where they weigh.
    """
    await enqueue_photos(server)

    listed = await page(server, f"{path}?include=body")

    assert "nextCursor" in listed
    assert all({"photo": PHOTO} == each["body"] for each in listed["items"])


async def test_one(server: LocalServer) -> None:
    """
    A command that is asked for by its id has its body.
    """
    command = await server.enqueue({"endpoint": "x", "body": {"a": 1}})

    assert {"a": 1} == (await server.get_command(command["id"]))["body"]


async def test_not_read(server: LocalServer) -> None:
    """
    The store does not read what is left out.
    """
    await server.enqueue({"endpoint": "x", "body": {"a": 1}})

    (record,) = await server.services.store.commands(
        DEFAULT_SCOPE_ID, CommandFilter(), before=None, limit=9, include_bodies=False
    )

    assert record.command.order is not None
    assert record.command.order.body is None


async def test_nothing_else(server: LocalServer) -> None:
    """
    There is nothing else to include.
    """
    answer = await server.api("GET", "/commands?include=result")

    assert (422, "invalid", "/include/0") == answer.problem
