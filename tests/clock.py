"""A clock for tests."""

from pushserver.clock import SECOND

#: 2026-01-01T00:00:00Z
START = 1_767_225_600 * SECOND


class ManualClock:
    """Stands still until a test ticks it; the wall clock may jump beside it."""

    def __init__(self, start: int = START) -> None:
        self._now = start
        self._pending_jump = 0

    def now(self) -> int:
        """Return the present instant in microseconds UTC."""
        return self._now

    def tick(self, seconds: float) -> None:
        """Let *seconds* pass."""
        self._now += round(seconds * SECOND)

    def jump(self, seconds: float) -> None:
        """Set the wall clock, forward or back, without time passing."""
        self._pending_jump += round(seconds * SECOND)

    def resync(self) -> int:
        """Follow the wall clock; return the jump."""
        jump, self._pending_jump = self._pending_jump, 0
        self._now += jump
        return jump
