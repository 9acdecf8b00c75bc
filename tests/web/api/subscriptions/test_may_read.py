"""A subscription is sent no more than whoever made and changed it may read."""

from typing import Any

import pytest

from tests.web.api.shadows import run_command
from tests.web.local_server import DEVICE, LOAD_USERS, LocalServer
from tests.web.receiver import running_receiver

REFUSAL = b'{"error": "zoe is unknown", "code": 7}'
EVENTS = ["command.status", "shadow.status", "upgrade.result"]
WRITES = "subscriptions:write"
READS: dict[tuple[str, ...], tuple[bool, bool]] = {
    (): (False, False),
    ("results:read",): (True, False),
    ("commands:read",): (False, True),
    ("results:read", "commands:read"): (True, True),
    ("admin",): (True, True),
}


async def sent(
    server: LocalServer, changed_by: str | None = None, **request: Any
) -> bytes:
    """Let a command and a shadow fail, and return what a subscription is sent."""
    token = request.pop("token")
    async with running_receiver() as receiver:
        body = {"url": receiver.url, "events": EVENTS, **request}
        created = await server.api("POST", "/subscriptions", body, token=token)
        assert 201 == created.status, created.body
        if changed_by is not None:
            path = f"/subscriptions/{created.json()['id']}"
            changed = await server.api(
                "PATCH", path, {"description": "x"}, token=changed_by
            )
            assert 200 == changed.status, changed.body
        await server.enqueue(LOAD_USERS)
        await run_command(server, REFUSAL)
        desired = {"general": {"language": "zulu"}}
        await server.api("PATCH", f"/devices/{DEVICE}/shadow", desired)
        await run_command(server, REFUSAL)
        await server.deliver_webhooks()
        return b"\n".join(each.content for each in receiver.received)


@pytest.mark.parametrize("reads", READS, ids=" ".join)
async def test_made(server: LocalServer, reads: tuple[str, ...]) -> None:
    """
    What a device answered goes to who reads results, values to who reads commands.
    """
    token = await server.create_token(WRITES, *reads)

    posted = await sent(server, token=token)

    assert b'"FAILED"' in posted
    assert READS[reads] == (b"zoe is unknown" in posted, b"zulu" in posted)


@pytest.mark.parametrize("reads", READS, ids=" ".join)
async def test_changed(server: LocalServer, reads: tuple[str, ...]) -> None:
    """
    Whoever may read less and changes it, leaves no more in it than that.
    """
    token = await server.create_token("admin")
    other = await server.create_token(WRITES, *reads)

    posted = await sent(server, token=token, changed_by=other)

    assert READS[reads] == (b"zoe is unknown" in posted, b"zulu" in posted)


async def test_not_widened(server: LocalServer) -> None:
    """
    Whoever may read more and changes it, puts nothing into it.
    """
    token = await server.create_token(WRITES)
    other = await server.create_token("admin")

    posted = await sent(server, token=token, changed_by=other)

    assert (False, False) == (b"zoe is unknown" in posted, b"zulu" in posted)


async def test_platforms(server: LocalServer) -> None:
    """
    So it is in a platform's format, which takes reading results in any case.
    """
    token = await server.create_token(WRITES, "results:read")

    posted = await sent(
        server, token=token, format="oceanconnect", events=["shadow.status"]
    )

    assert b'"properties":{}' in posted
    assert b"zulu" not in posted
