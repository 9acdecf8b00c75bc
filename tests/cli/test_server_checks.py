"""What `doctor` makes of the server's own status."""

from collections.abc import Sequence

import pytest

from pushserver.cli.checks import Level
from pushserver.cli.server_checks import check_status
from pushserver.client import Json


def test_failing_workers() -> None:
    """
    Work that fails again and again is named; where none does, nothing is said.
    """
    (finding,) = check_status({"failingWorkers": {"deadlines": 3}})

    assert (Level.WRONG, "workers") == (finding.level, finding.check)
    assert "deadlines (3 times)" in finding.found
    assert [] == check_status({"failingWorkers": {}})
    assert [] == check_status({})


def integrity(*faults: str) -> Json:
    """Return the status of a server that checked its database two hours ago."""
    outcome = {"checkedAt": "2026-11-20T11:00:00Z", "faults": [*faults]}
    return {"now": "2026-11-20T13:30:00Z", "integrity": outcome}


def test_integrity() -> None:
    """
    The age and the outcome of the last check are named; before it, nothing is.
    """
    (sound,) = check_status(integrity())
    (damaged,) = check_status(integrity("command: Tree 5 page 7", "task: x"))

    assert (Level.OK, True) == (sound.level, "2 hours ago" in sound.found)
    assert (Level.WRONG, True) == (damaged.level, "command: Tree 5" in damaged.found)
    assert "restore" in damaged.todo


def test_old_check() -> None:
    """
    A check that was left out for three nights is a notice.
    """
    status = integrity()
    levels = []
    for now in ("2026-11-23T11:00:00Z", "2026-11-23T11:00:01Z"):
        (found,) = check_status({**status, "now": now})
        levels.append(found.level)

    assert [Level.OK, Level.NOTICE] == levels


@pytest.mark.parametrize(
    ("ahead", "synchronized", "levels"),
    [
        (5, True, [Level.OK]),
        (5.1, True, [Level.WRONG]),
        (-5.1, False, [Level.WRONG, Level.NOTICE]),
        (0, False, [Level.NOTICE]),
    ],
)
def test_host_clocks(
    ahead: float, *, synchronized: bool, levels: Sequence[Level]
) -> None:
    """
    A machine whose clock is not the database's, or nobody keeps right, is named.
    """
    clocks = [{"host": "box", "ahead": ahead, "synchronized": synchronized}]
    findings = check_status({"clocks": clocks})

    assert levels == [each.level for each in findings]
    assert all("box" in each.found for each in findings if each.level is not Level.OK)


def test_no_host_clocks() -> None:
    """
    A tenant is not told of the servers' clocks.
    """
    assert [] == check_status({})


GIB = 1024**3


@pytest.mark.parametrize(
    ("size", "free", "readable", "expected"),
    [
        (0, GIB, False, [(Level.OK, "storage")]),
        (20 * GIB, GIB, False, [(Level.NOTICE, "disk")]),
        (0, GIB // 5, False, [(Level.WRONG, "disk")]),
        (0, GIB, True, [(Level.WRONG, "fileModes")]),
        (0, 0, True, [(Level.WRONG, "disk"), (Level.WRONG, "fileModes")]),
    ],
)
def test_storage(
    size: int, free: int, readable: bool, expected: list[tuple[Level, str]]
) -> None:
    """
    A disk that is as good as full is wrong, one that is small beside its database a
    notice, and a file that other users read is wrong.
    """
    storage = {"size": size, "free": free, "readableByOthers": readable}
    status = {**integrity(), "storage": storage}
    _, *findings = check_status(status)

    assert expected == [(each.level, each.check) for each in findings]
    assert all(each.todo for each in findings if each.level is not Level.OK)


@pytest.mark.parametrize(
    ("now", "level"),
    [("2026-11-23T10:59:59Z", Level.OK), ("2026-11-23T11:00:00Z", Level.NOTICE)],
)
def test_never_checked(now: str, level: Level) -> None:
    """
    A file that was not checked yet is fine for some days, and then a notice.
    """
    storage = {"size": 0, "free": GIB, "readableByOthers": False}
    started = {"startedAt": "2026-11-20T11:00:00Z", "now": now}
    finding, _ = check_status({**started, "storage": storage})

    assert (level, "integrity") == (finding.level, finding.check)
