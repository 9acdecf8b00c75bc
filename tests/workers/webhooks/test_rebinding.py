"""A receiver's name that leads elsewhere by the time that a webhook is sent."""

import ipaddress
import socket
from typing import Any

import pytest

from pushserver.services.ssrf_guard import SsrfGuard
from pushserver.workers.webhooks.sender import WebhookSender
from tests.workers.webhooks.receiver import respond_with, running_receiver, target

#: An address that is allowed here, as public ones are everywhere.
PUBLIC = "127.0.0.2"
INSIDE = "127.0.0.1"


def answer_in_turn(*answers: tuple[str, ...]) -> Any:
    """Return a resolver that gives each answer once, the last one for ever."""
    remaining = iter(answers)
    last: list[tuple[str, ...]] = [()]

    def getaddrinfo(_host: str, *_: Any, **__: Any) -> list[Any]:
        last[0] = next(remaining, last[0])
        return [(socket.AF_INET, 0, 0, "", (address, 0)) for address in last[0]]

    return getaddrinfo


@pytest.mark.parametrize(
    "later", [(INSIDE,), (PUBLIC, INSIDE), (INSIDE, PUBLIC)], ids=str
)
async def test_only_to_what_was_checked(
    monkeypatch: pytest.MonkeyPatch, later: tuple[str, ...]
) -> None:
    """
    A name that was public when the URL was checked, and leads inside when a connection
    is made, gets none there, also if a public address is beside it.
    """
    resolver = answer_in_turn((PUBLIC,), later)
    monkeypatch.setattr(socket, "getaddrinfo", resolver)
    guard = SsrfGuard(allow_http=True, networks=[ipaddress.ip_network(PUBLIC)])
    async with (
        running_receiver(respond_with()) as receiver,
        WebhookSender(guard, "1.2.3") as sender,
    ):
        url = receiver.url.replace("127.0.0.1", "receiver.example")
        await guard.check_resolved(url)
        sent = await sender.send(target(url))

    assert (False, []) == (sent.ok, receiver.requests)
