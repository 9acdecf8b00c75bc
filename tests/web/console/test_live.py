"""The stream tells which topics changed in the scope, until the session ends."""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
import pytest

from pushserver.model.scope import DEFAULT_SCOPE_ID
from pushserver.services.live_topics import Topic
from pushserver.web.api import token_life
from pushserver.web.console import live
from tests.web.console.visitor import Visitor
from tests.web.local_server import DEVICE, wait_until


@asynccontextmanager
async def stream(visitor: Visitor, topics: str) -> AsyncIterator[aiohttp.StreamReader]:
    """Open the stream of a page that shows these topics."""
    async with visitor.server.session.get(
        f"{visitor.server.url}/console/live?topics={topics}",
        headers={"Cookie": visitor.cookie},
    ) as response:
        assert "text/event-stream" == response.content_type
        await response.content.readuntil(b"\n\n")
        yield response.content


def without_round(message: bytes) -> bytes:
    """Return a message without the line that names its round."""
    return re.sub(rb"^id: [0-9a-f]{16}-[0-9]+\n", b"", message)


async def test_tells_what_changed(visitor: Visitor) -> None:
    """
    What a commit changed is told at once; what the page does not show is not.
    """
    async with stream(visitor, "commands") as content, asyncio.timeout(10):
        await visitor.server.enqueue()
        message = await content.readuntil(b"\n\n")

    assert b'event: changed\ndata: ["commands"]\n\n' == without_round(message)


async def test_tells_what_services_wrote(
    visitor: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    What no command is about is told at once, too, on the server that wrote it.
    """
    monkeypatch.setattr(live, "LONG_INTERVAL", 0.05)
    server, messages = visitor.server, []
    acts = [
        ("PUT", f"/devices/{DEVICE}", {"name": "Door"}),
        ("DELETE", f"/devices/{DEVICE}", None),
        ("POST", "/tokens", {"name": "guards", "permissions": ["devices:read"]}),
    ]
    topics = "devices,tokens,subscriptions"
    async with stream(visitor, topics) as content, asyncio.timeout(10):
        for method, path, body in acts:
            await server.api(method, path, body)
            messages.append((await content.readuntil(b"\n\n")).split()[-1].decode())
        await server.poll("deviceId=77")
        messages.append((await content.readuntil(b"\n\n")).split()[-1].decode())
        server.services.subscription_registry.apply_changes(DEFAULT_SCOPE_ID)
        messages.append((await content.readuntil(b"\n\n")).split()[-1].decode())

    assert [
        '["devices"]',
        '["devices"]',
        '["tokens"]',
        '["devices"]',
        '["subscriptions"]',
    ] == messages


async def test_ends_with_the_session(visitor: Visitor) -> None:
    """
    Who signs out is told nothing more, and no longer counts as one who waits.
    """
    async with stream(visitor, "commands") as content, asyncio.timeout(10):
        await visitor.send("/sign-out")
        await visitor.server.enqueue()
        rest = await content.read()
    await wait_until(lambda: visitor.server.services.wait_bounds.waiting_count == 0)

    assert without_round(rest) in (b"", b'event: changed\ndata: ["commands"]\n\n')


async def test_ends_within_a_second(
    visitor: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    A stream without news ends soon after its session, long before the next heartbeat.
    """
    monkeypatch.setattr(token_life, "CHECK_INTERVAL", 0.01)
    async with stream(visitor, "tasks") as content, asyncio.timeout(10):
        await visitor.send("/sign-out")
        rest = await content.read()

    assert b"" == rest


async def test_seen(visitor: Visitor, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    Parts that show when devices were seen are fetched again now and then.
    """
    monkeypatch.setattr(live, "SEEN_INTERVAL", 0.05)
    monkeypatch.setattr(live, "LONG_INTERVAL", 0.05)
    async with stream(visitor, "devices,seen") as content, asyncio.timeout(10):
        message = await content.readuntil(b"\n\n")

    assert b'event: changed\ndata: ["seen"]\n\n' == without_round(message)


async def test_watches(visitor: Visitor) -> None:
    """
    Each page collects what changed since it read: what it shows, in its own scope.
    """
    topics, server = visitor.server.services.live_topics, visitor.server
    scope, other = DEFAULT_SCOPE_ID, DEFAULT_SCOPE_ID + 1
    both = frozenset({Topic.COMMANDS, Topic.DEVICES})
    with (
        topics.watching(scope, both) as one,
        topics.watching(scope, both) as another,
        topics.watching(scope, frozenset({Topic.TASKS})) as of_tasks,
        topics.watching(other, both) as stranger,
    ):
        await server.enqueue()
        await server.enqueue()
        first = one.take()
        await server.api("PUT", f"/devices/{DEVICE}", {"name": "Door"})
        second = one.take()
        await server.enqueue()

        assert (set(both), {Topic.DEVICES}) == (first, second)
        assert {Topic.COMMANDS} == one.take()
        assert set(both) == another.take()
        assert set() == of_tasks.take() | stranger.take()
        assert not one.wakeup.is_set()
        assert not stranger.wakeup.is_set()
        assert 4 == topics.watch_count
    assert 0 == topics.watch_count
