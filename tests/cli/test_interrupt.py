"""What Ctrl-C does to a command."""

import asyncio
import signal

import pytest

from pushserver.cli.interrupt import run


async def wakeup() -> int:
    """Return the descriptor by which signals wake the loop."""
    number = signal.set_wakeup_fd(-1)
    signal.set_wakeup_fd(number)
    return number


def test_done() -> None:
    """What was done is returned, and signals are as they were."""

    async def work() -> int:
        return 7

    assert 7 == run(work())
    assert signal.default_int_handler is signal.getsignal(signal.SIGINT)


def test_interrupted() -> None:
    """Ctrl-C ends the command wherever it waits."""

    async def work() -> None:
        signal.raise_signal(signal.SIGINT)
        await asyncio.Event().wait()

    with pytest.raises(KeyboardInterrupt):
        run(work())


def test_always_heard() -> None:
    """A signal wakes the loop, also one that was just about to wait."""
    assert -1 != run(wakeup())
    assert -1 == asyncio.run(wakeup())
