"""`purge` against a real server."""

from tests.cli.conftest import PollOnce, Run


def test_purge(run: Run, poll_once: PollOnce, device_id: str) -> None:
    """
    The history before an instant is deleted, and the command prints how much that was.
    """
    run("enqueue", device_id, "system_information")
    poll_once()

    shown = run("purge", "2999-01-01T00:00:00Z", "--json").only

    assert shown["deleted"] >= 2
    assert "Deleting" in run("purge", "2999-01-01T00:00:00Z").err
    assert [] == run("commands", "list", "--device", device_id, "--json").lines


def test_refused(run: Run) -> None:
    """An instant that is none is refused."""
    done = run("purge", "yesterday")

    assert 1 == done.code
    assert "before" in done.err
