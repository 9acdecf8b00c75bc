"""`purge` against a real server."""

import pytest

from tests.cli.conftest import PollOnce, Run


def test_purge(run: Run, poll_once: PollOnce, device_id: str) -> None:
    """
    The history before an instant is deleted, and the command prints how much that was.
    """
    run("enqueue", device_id, "system_information", "--adopt")
    poll_once()

    shown = run("purge", "2999-01-01T00:00:00Z", "--yes", "--json").only

    assert shown["deleted"] >= 2
    assert "Deleting" in run("purge", "2999-01-01T00:00:00Z", "--yes").err
    assert [] == run("commands", "list", "--device", device_id, "--json").lines


def test_refused(run: Run) -> None:
    """An instant that is none is refused."""
    done = run("purge", "yesterday")

    assert 1 == done.code
    assert "before" in done.err


@pytest.mark.parametrize("before", ["2999-01-01", "2026-01-31", "2026-01-31T00:00:00Z"])
def test_asked(run: Run, before: str) -> None:
    """
    What is deleted is asked about; where nobody answers, nothing is done.
    """
    done = run("purge", before)

    assert 2 == done.code
    assert "--yes" in done.err
    assert before in done.err


def test_date(run: Run) -> None:
    """A date is its first moment in UTC."""
    shown = run("purge", "2026-01-31", "--yes", "--json").only

    assert {"before": "2026-01-31T00:00:00Z", "deleted": 0} == shown


def test_dry_run(run: Run, poll_once: PollOnce, device_id: str) -> None:
    """A dry run asks nothing, and only counts."""
    run("enqueue", device_id, "system_information", "--adopt")
    poll_once()

    shown = [run("purge", "2999-01-01", "--dry-run", "--json").only for _ in range(2)]

    assert shown[0] == shown[1]
    assert shown[0]["dryRun"] is True
    assert shown[0]["deleted"] >= 2
