"""Names are looked up without holding up anybody who does not ask for them."""

import asyncio
import socket
import threading
from collections.abc import Callable, Iterator
from typing import Any

import attrs
import pytest

from pushserver.services import name_resolver as module
from pushserver.services.name_resolver import (
    MAX_CONCURRENT_LOOKUPS,
    NameResolver,
    ResolvedAddresses,
)
from pushserver.services.ssrf_guard import SsrfGuard
from tests.web.local_server import wait_until

ADDRESS = "93.184.1.1"
FOUND: ResolvedAddresses = [(socket.AF_INET, ADDRESS)]


@attrs.define
class FakeResolver:
    """Knows every name but those of `.invalid`; is silent about those of `.dead`."""

    lookups: list[str] = attrs.Factory(list)
    end: threading.Event = attrs.Factory(threading.Event)

    def getaddrinfo(self, host: str, *_: Any, **__: Any) -> list[Any]:
        """Answer as `socket.getaddrinfo` does."""
        self.lookups.append(host)
        if host.endswith(".dead"):
            self.end.wait(30)
        if host.endswith((".dead", ".invalid")):
            raise socket.gaierror(socket.EAI_NONAME, "not known")
        return [(socket.AF_INET, 0, 0, "", (ADDRESS, 0))]


@pytest.fixture(name="resolver")
def _resolver(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeResolver]:
    """Answer lookups in place of the machine."""
    machine = FakeResolver()
    monkeypatch.setattr(socket, "getaddrinfo", machine.getaddrinfo)
    yield machine
    machine.end.set()


@pytest.fixture(name="set_module")
def _set(monkeypatch: pytest.MonkeyPatch) -> Callable[[str, float], None]:
    """Return what sets a time of the module."""
    return lambda name, value: monkeypatch.setattr(module, name, value)


async def unknown(names: NameResolver, host: str) -> bool:
    """Return whether a name does not resolve."""
    try:
        await names.resolve(host)
    except socket.gaierror:
        return True
    return False


async def test_found(resolver: FakeResolver) -> None:
    """A name is looked up, an address is one already."""
    names = NameResolver()

    assert FOUND == await names.resolve("receiver.example")
    assert [(socket.AF_INET6, "::1")] == await names.resolve("::1")
    assert ["receiver.example"] == resolver.lookups


async def test_dead_names_hold_up_nobody(resolver: FakeResolver) -> None:
    """However many names get no answer, others are resolved meanwhile."""
    names = NameResolver()
    dead = [
        asyncio.create_task(unknown(names, f"{n}.dead"))
        for n in range(MAX_CONCURRENT_LOOKUPS - 1)
    ]
    async with asyncio.timeout(15):
        assert FOUND == await names.resolve("receiver.example")
        assert "done" == await asyncio.to_thread(lambda: "done")

    assert not any(task.done() for task in dead)
    resolver.end.set()
    assert all(await asyncio.gather(*dead))


async def test_once_at_a_time(resolver: FakeResolver) -> None:
    """Callers that ask for a name during its lookup share the answer."""
    names = NameResolver()
    both = asyncio.gather(*(unknown(names, "a.dead") for _ in range(20)))
    await wait_until(lambda: bool(resolver.lookups))
    resolver.end.set()

    assert [True] * 20 == await both
    assert ["a.dead"] == resolver.lookups


async def test_not_again_at_once(
    resolver: FakeResolver, set_module: Callable[[str, float], None]
) -> None:
    """A name that does not resolve is looked up again, but not at once."""
    names = NameResolver()
    assert await unknown(names, "a.invalid")
    assert await unknown(names, "a.invalid")
    assert ["a.invalid"] == resolver.lookups

    set_module("NEGATIVE_TTL", -1)
    names = NameResolver()
    assert await unknown(names, "a.invalid")
    assert await unknown(names, "a.invalid")
    assert 3 == len(resolver.lookups)


async def test_too_long(
    resolver: FakeResolver, set_module: Callable[[str, float], None]
) -> None:
    """A name that takes long does not resolve; a URL with it is accepted."""
    set_module("LOOKUP_TIMEOUT", 0.01)
    names = NameResolver()

    assert await unknown(names, "a.dead")
    await SsrfGuard(resolver=names).check_resolved("https://b.dead/")
    assert 2 == len(resolver.lookups)


async def test_few_are_remembered(
    resolver: FakeResolver, set_module: Callable[[str, float], None]
) -> None:
    """The number of remembered names that do not resolve is bounded."""
    set_module("MAX_NEGATIVE_ENTRIES", 2)
    names = NameResolver()
    for host in ("a.invalid", "b.invalid", "c.invalid", "a.invalid"):
        assert await unknown(names, host)

    assert 4 == len(resolver.lookups)
