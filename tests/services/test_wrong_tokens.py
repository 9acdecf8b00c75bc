"""Wrong tokens: who waits, who is turned away, and what the log says."""

import asyncio
from collections import Counter

import attrs
import pytest
from structlog.testing import capture_logs

from pushserver.errors import TooManyWrongTokens
from pushserver.services.wrong_tokens import (
    FREE_TRIES,
    MAX_ADDRESSES,
    MAX_LINES,
    MAX_WAITING,
    MAX_WAITING_IN_ALL,
    WrongTokens,
)


@attrs.define(eq=False)
class Delays:
    """Delays that take until `end` is called."""

    ending: asyncio.Event = attrs.Factory(asyncio.Event)
    started: int = 0

    async def __call__(self, _seconds: float) -> None:
        """Wait for the end."""
        self.started += 1
        await self.ending.wait()


async def tried(wrong: WrongTokens, *addresses: str | None) -> list[asyncio.Task[None]]:
    """Try from each address; return the tries when all that can be answered are."""
    tries = [asyncio.create_task(wrong.slow_down(address)) for address in addresses]
    await asyncio.wait(tries, timeout=0)
    await asyncio.wait(tries, timeout=0)
    return tries


def refused(tries: list[asyncio.Task[None]]) -> int:
    """Return how many were turned away."""
    return sum(isinstance(t.exception(), TooManyWrongTokens) for t in tries if t.done())


async def test_some_are_free() -> None:
    """
    A few from an address are answered at once; the next one waits.
    """
    delays = Delays()
    wrong = WrongTokens(Counter(), delays)

    free = await tried(wrong, *["192.0.2.1"] * FREE_TRIES)
    slow = await tried(wrong, "192.0.2.1")
    other = await tried(wrong, "192.0.2.2")

    assert all(each.done() for each in free + other)
    assert not slow[0].done()
    delays.ending.set()
    await slow[0]
    assert FREE_TRIES + 2 == wrong.counts["tokens.wrong"]


async def test_so_many_wait() -> None:
    """
    Beyond so many of an address that wait, one is turned away; when they were answered,
    one waits again.
    """
    delays = Delays()
    wrong = WrongTokens(Counter(), delays)

    tries = await tried(wrong, *["192.0.2.1"] * (FREE_TRIES + MAX_WAITING))
    turned_away = await tried(wrong, "192.0.2.1")
    delays.ending.set()
    await asyncio.gather(*tries)
    again = await tried(wrong, "192.0.2.1")

    assert 0 == refused(tries)
    assert 1 == refused(turned_away)
    assert 0 == refused(again)


async def test_so_many_wait_in_all() -> None:
    """
    Many addresses together do not keep more than so many waiting.
    """
    delays = Delays()
    wrong = WrongTokens(Counter(), delays)
    addresses = [f"192.0.2.{n}" for n in range(MAX_WAITING_IN_ALL // MAX_WAITING)]
    for address in addresses:
        await tried(wrong, *[address] * FREE_TRIES)
    await tried(wrong, *["198.51.100.1"] * FREE_TRIES)

    tries = await tried(wrong, *addresses * MAX_WAITING)
    turned_away = await tried(wrong, "198.51.100.1")

    assert (MAX_WAITING_IN_ALL, 0) == (delays.started, refused(tries))
    assert 1 == refused(turned_away)
    delays.ending.set()
    await asyncio.gather(*tries)


@pytest.mark.parametrize(
    ("addresses", "logged"),
    [
        (["192.0.2.1", "192.0.2.2"], {"192.0.2.1": 1, "192.0.2.2": 1}),
        (["2001:db8::1", "2001:db8::ffff:2"], {"2001:db8::/64": 2}),
        (["no:address"], {"no:address": 1}),
        (["::ffff:192.0.2.1", "192.0.2.1"], {"192.0.2.1": 2}),
        (["fe80::1%eth0", None], {"fe80::/64": 1, "unknown": 1}),
    ],
)
async def test_whose(addresses: list[str | None], logged: dict[str, int]) -> None:
    """
    An address counts for itself; those of one IPv6 network together.
    """
    wrong = WrongTokens(Counter())
    for address in addresses:
        await wrong.slow_down(address)

    with capture_logs() as logs:
        assert len(addresses) == await wrong.log_tries()
        assert 0 == await wrong.log_tries()

    assert logged == {line["address"]: line["count"] for line in logs}
    assert {"warning"} == {line["log_level"] for line in logs}


async def test_lines_and_addresses_are_bounded() -> None:
    """
    Only so many addresses are told apart, and have a line; the rest are counted.
    """
    wrong = WrongTokens(Counter(), Delays())
    for number in range(MAX_ADDRESSES + FREE_TRIES):
        await wrong.slow_down(f"10.0.{number // 256}.{number % 256}")

    with capture_logs() as logs:
        await wrong.log_tries()

    assert MAX_LINES + 1 == len(logs)
    assert ("others", FREE_TRIES) == (logs[0]["address"], logs[0]["count"])
    assert MAX_ADDRESSES + 1 - MAX_LINES == logs[-1]["addresses"]
    assert MAX_ADDRESSES + FREE_TRIES == sum(line["count"] for line in logs)
