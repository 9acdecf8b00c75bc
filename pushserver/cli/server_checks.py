"""What `doctor` makes of the server's own status: pure functions."""

from pushserver.cli.checks import Finding, Level
from pushserver.client import Json


def check_status(status: Json) -> list[Finding]:
    """Judge what the server says of itself; a tenant is told nothing of it."""
    return [*_failing_workers(status)]


def _failing_workers(status: Json) -> list[Finding]:
    failing = status.get("failingWorkers")
    if not failing:
        return []
    names = ", ".join(f"{name} ({rounds} times)" for name, rounds in failing.items())
    found = f"Work in the background fails again and again: {names}."
    todo = "See worker.round_failed in the server's log."
    return [Finding(Level.WRONG, "workers", found, todo)]
