"""The fast lane differs in nothing but speed from what it stands in for."""

import asyncio
import itertools
from contextlib import ExitStack
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, given, seed, settings

from tests.web.fast_lane.both_ways import ADOPTED, HELD, Talk, both_ways
from tests.web.fast_lane.requests import talks

#: Whom both servers believe what proxies say: nobody, and the client.
PROXIES = ["", "127.0.0.1"]


def _compare(
    folder: Path,
    proxies: str,
    max_examples: int,
    rows_every: int,
    part: int | None = None,
) -> None:
    """
    Talk to both servers; compare what is stored now and then, and at the end.

    A *part* is made of the same talks each time: what fails in it fails again.
    """
    with asyncio.Runner() as runner, ExitStack() as stack:
        running = both_ways(folder, trusted_proxies=proxies)
        ways = runner.run(running.__aenter__())
        stack.callback(lambda: runner.run(running.__aexit__(None, None, None)))
        numbers = itertools.count()

        @settings(
            max_examples=max_examples,
            deadline=None,
            database=None,
            # What came before changes the servers: the same bytes fail no second time.
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(talks())
        def check(talk: Talk) -> None:
            number = next(numbers)
            expected, actual = runner.run(ways.talk(talk, number))
            assert expected == actual
            if number % rows_every == 0:
                assert ways.plain.rows() == ways.fast.rows()

        (check if part is None else seed(part)(check))()
        assert ways.plain.rows() == ways.fast.rows()


@pytest.mark.parametrize("proxies", PROXIES)
def test_whatever_is_sent(tmp_path: Path, proxies: str) -> None:
    """
    Answers, headers, log lines, counts, devices, events and rows are the same.
    """
    _compare(tmp_path, proxies, max_examples=200, rows_every=50)


@pytest.mark.proof
@pytest.mark.parametrize("part", range(50))
def test_very_much_is_sent(tmp_path: Path, part: int) -> None:
    """
    The same holds for fifty thousand.
    """
    _compare(tmp_path, PROXIES[part % 2], 1000, rows_every=250, part=part)


async def test_end_while_held(tmp_path: Path) -> None:
    """
    Whoever ends while its poll is held gets the same to the last answer, which is told.
    """
    held = f"GET /push?deviceId={HELD} HTTP/1.1\r\nHost: x\r\n\r\n"
    plain = f"GET /push?deviceId={ADOPTED} HTTP/1.1\r\nHost: x\r\n\r\n"
    async with both_ways(tmp_path) as ways:
        expected, actual = await ways.talk(Talk([f"{held}{plain}GET /pu".encode()]))

    assert expected == actual
    assert b"Connection: close" in (actual.answer or b"")


async def test_bytes_behind_known_poll(tmp_path: Path) -> None:
    """
    What follows a poll without a uuid is no part of it, whatever it looks like.
    """
    plain = f"GET /push?deviceId={ADOPTED} HTTP/1.1\r\nHost: x\r\n\r\n".encode()
    async with both_ways(tmp_path) as ways:
        expected, actual = await ways.talk(Talk([plain, plain, plain + b"&uuid=GET"]))

    assert expected == actual
