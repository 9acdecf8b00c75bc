"""A server that joins others asks their leader what time it is."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import pytest

from pushserver.clock import SECOND
from pushserver.errors import Misconfigured
from pushserver.model.clock_start import ClockAnchor
from pushserver.storage.postgres.cluster import asked_time
from pushserver.storage.postgres.cluster.asked_time import (
    QUESTIONS,
    ask_others,
    say_time,
)
from pushserver.storage.postgres.cluster.server_locks import lock_free_node
from pushserver.storage.postgres.connection.connection import Connection
from tests.clock import START, FakeMachine
from tests.storage.cluster import open_server
from tests.storage.notice_recorder import PATIENCE

pytestmark = pytest.mark.only_on("postgres")
MACHINE = FakeMachine()


@pytest.fixture(name="link")
def _link(database: str) -> Iterator[Connection]:
    """Return the connection of a server that starts."""
    with closing(Connection(database)) as link:
        yield link


@pytest.fixture(name="other")
def _other(database: str) -> Iterator[Connection]:
    """Return the connection of one at work, which answers only what the test does."""
    with closing(Connection(database)) as other:
        lock_free_node(other, 1)
        other.execute_all(f"LISTEN {QUESTIONS}")
        yield other


def test_alone(link: Connection) -> None:
    """Who is alone asks nobody."""
    assert ask_others(link, MACHINE.clock()) is None


def test_another_question(link: Connection, other: Connection) -> None:
    """What answers another question is not believed: it may be too old."""

    def answer() -> None:
        (question,) = other.raw.notifies(timeout=PATIENCE, stop_after=1)
        say_time(other, ["another"], START)
        say_time(other, [question.payload], START + 7)

    with ThreadPoolExecutor() as executor:
        answered = executor.submit(answer)
        anchor = ask_others(link, MACHINE.clock())
        answered.result(PATIENCE)

    assert ClockAnchor(MACHINE.since_boot_ns // 1000, START + 7) == anchor


def test_late_answer(link: Connection, other: Connection) -> None:
    """An answer that is read late, as the machine stood still, is asked for again."""

    def answer() -> None:
        for turn, stood_still in enumerate((10 * SECOND, 0)):
            (question,) = other.raw.notifies(timeout=PATIENCE, stop_after=1)
            MACHINE.pass_by(stood_still)
            say_time(other, [question.payload], START + turn)

    with ThreadPoolExecutor() as executor:
        answered = executor.submit(answer)
        anchor = ask_others(link, MACHINE.clock())
        answered.result(PATIENCE)

    assert ClockAnchor(MACHINE.since_boot_ns // 1000, START + 1) == anchor


def test_asked_again(
    link: Connection, other: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A server that goes while it is asked leaves the one that starts alone."""
    monkeypatch.setattr(asked_time, "_PATIENCE", 0.01)

    def leave() -> None:
        list(other.raw.notifies(timeout=PATIENCE, stop_after=2))
        other.close()

    with ThreadPoolExecutor() as executor:
        left = executor.submit(leave)
        assert ask_others(link, MACHINE.clock()) is None
        left.result(PATIENCE)


@pytest.mark.usefixtures("other")
async def test_nobody_says(database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A server does not start at a time that those at work do not say."""
    monkeypatch.setattr(asked_time, "_PATIENCE", 0.01)
    with pytest.raises(Misconfigured, match="says what time it is"):
        async with open_server(database):
            pass
