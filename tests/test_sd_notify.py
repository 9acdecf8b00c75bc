"""What the service manager hears, over a real socket of its kind."""

import asyncio
import os
from pathlib import Path

import pytest

from pushserver.sd_notify import NotifySocket, feeding_watchdog
from tests.notified import notified_at


def test_both_kinds_of_addresses(tmp_path: Path) -> None:
    """
    A path and an abstract address, of which the variable has `@` for NUL, are reached.
    """
    path = str(tmp_path / "@notify")
    abstract = f"pushserver-tests-{os.getpid()}"
    for name, address in ((path, path), (f"\0{abstract}", f"@{abstract}")):
        with notified_at(name) as manager:
            NotifySocket.from_environ({"NOTIFY_SOCKET": address}).ready("Serves.")

            assert b"READY=1\nSTATUS=Serves." == manager.next()


def test_nobody_listens(tmp_path: Path) -> None:
    """
    Without a manager, or when it is gone, what it would be told is no error.
    """
    NotifySocket.from_environ({}).stopping("Stops.")
    gone = {"NOTIFY_SOCKET": str(tmp_path / "gone")}
    NotifySocket.from_environ(gone).stopping("Stops.")


@pytest.mark.parametrize(
    ("usec", "pid", "expected"),
    [
        ("3000000", None, 3.0),
        ("3000000", "ours", 3.0),
        ("3000000", "1", None),
        ("0", None, None),
        ("x", None, None),
    ],
)
def test_whose_watchdog_it_is(
    usec: str, pid: str | None, expected: float | None
) -> None:
    """
    The watchdog is ours if its variable names this process, or none.
    """
    environ = {"NOTIFY_SOCKET": "/run/x", "WATCHDOG_USEC": usec}
    if pid is not None:
        environ["WATCHDOG_PID"] = pid.replace("ours", str(os.getpid()))

    assert expected == NotifySocket.from_environ(environ).watchdog


async def test_a_loop_that_stands_still(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    The event loop itself feeds the watchdog: while it stands still, nothing comes.
    """
    path = str(tmp_path / "notify")
    monkeypatch.setenv("NOTIFY_SOCKET", path)
    monkeypatch.setenv("WATCHDOG_USEC", "60000")
    with notified_at(path) as manager:
        async with feeding_watchdog():
            for _ in range(3):
                assert b"WATCHDOG=1" == await asyncio.to_thread(manager.next)
            # It is this test that holds the loop up; else it would never be quiet.
            manager.rest()
