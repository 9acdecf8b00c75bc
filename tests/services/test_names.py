"""Names are looked up without holding up anybody who does not ask for them."""

import asyncio
import socket
import threading
from collections.abc import Callable, Iterator
from typing import Any

import attrs
import pytest

from pushserver.services import names as module
from pushserver.services.guard import Guard
from pushserver.services.names import AT_ONCE, Found, Names
from tests.web.site import until

ADDRESS = "93.184.1.1"
FOUND: Found = [(socket.AF_INET, ADDRESS)]


@attrs.define
class Machine:
    """Knows every name but those of `.invalid`; is silent about those of `.dead`."""

    asked: list[str] = attrs.Factory(list)
    end: threading.Event = attrs.Factory(threading.Event)

    def getaddrinfo(self, host: str, *_: Any, **__: Any) -> list[Any]:
        """Answer as `socket.getaddrinfo` does."""
        self.asked.append(host)
        if host.endswith(".dead"):
            self.end.wait(30)
        if host.endswith((".dead", ".invalid")):
            raise socket.gaierror(socket.EAI_NONAME, "not known")
        return [(socket.AF_INET, 0, 0, "", (ADDRESS, 0))]


@pytest.fixture(name="machine")
def _machine(monkeypatch: pytest.MonkeyPatch) -> Iterator[Machine]:
    """Return what is asked instead of this machine."""
    machine = Machine()
    monkeypatch.setattr(socket, "getaddrinfo", machine.getaddrinfo)
    yield machine
    machine.end.set()


@pytest.fixture(name="set_module")
def _set(monkeypatch: pytest.MonkeyPatch) -> Callable[[str, float], None]:
    """Return what sets a time of the module."""
    return lambda name, value: monkeypatch.setattr(module, name, value)


async def unknown(names: Names, host: str) -> bool:
    """Tell whether a name does not resolve."""
    try:
        await names.find(host)
    except socket.gaierror:
        return True
    return False


async def test_found(machine: Machine) -> None:
    """A name is looked up, an address is one already."""
    names = Names()

    assert FOUND == await names.find("receiver.example")
    assert [(socket.AF_INET6, "::1")] == await names.find("::1")
    assert ["receiver.example"] == machine.asked


async def test_dead_names_hold_up_nobody(machine: Machine) -> None:
    """However many names nobody answers for, others are found meanwhile."""
    names = Names()
    dead = [
        asyncio.create_task(unknown(names, f"{n}.dead")) for n in range(AT_ONCE - 1)
    ]
    async with asyncio.timeout(10):
        assert FOUND == await names.find("receiver.example")
        assert "done" == await asyncio.to_thread(lambda: "done")

    assert not any(task.done() for task in dead)
    machine.end.set()
    assert all(await asyncio.gather(*dead))


async def test_once_at_a_time(machine: Machine) -> None:
    """Whoever asks for a name that is looked up just now waits for the same answer."""
    names = Names()
    both = asyncio.gather(*(unknown(names, "a.dead") for _ in range(20)))
    await until(lambda: bool(machine.asked))
    machine.end.set()

    assert [True] * 20 == await both
    assert ["a.dead"] == machine.asked


async def test_not_again_at_once(
    machine: Machine, set_module: Callable[[str, float], None]
) -> None:
    """A name that does not resolve is looked up again, but not at once."""
    names = Names()
    assert await unknown(names, "a.invalid")
    assert await unknown(names, "a.invalid")
    assert ["a.invalid"] == machine.asked

    set_module("KEPT", -1)
    names = Names()
    assert await unknown(names, "a.invalid")
    assert await unknown(names, "a.invalid")
    assert 3 == len(machine.asked)


async def test_too_long(
    machine: Machine, set_module: Callable[[str, float], None]
) -> None:
    """A name that takes long does not resolve; a URL with it is accepted."""
    set_module("PATIENCE", 0.01)
    names = Names()

    assert await unknown(names, "a.dead")
    await Guard(names=names).resolve("https://b.dead/")
    assert 2 == len(machine.asked)


async def test_few_are_remembered(
    machine: Machine, set_module: Callable[[str, float], None]
) -> None:
    """What does not resolve is not remembered without end."""
    set_module("MOST", 2)
    names = Names()
    for host in ("a.invalid", "b.invalid", "c.invalid", "a.invalid"):
        assert await unknown(names, host)

    assert 4 == len(machine.asked)
