"""What `doctor` makes of the server's own status."""

from pushserver.cli.checks import Level
from pushserver.cli.server_checks import check_status


def test_failing_workers() -> None:
    """
    Work that fails again and again is named; where none does, nothing is said.
    """
    (finding,) = check_status({"failingWorkers": {"deadlines": 3}})

    assert (Level.WRONG, "workers") == (finding.level, finding.check)
    assert "deadlines (3 times)" in finding.found
    assert [] == check_status({"failingWorkers": {}})
    assert [] == check_status({})
