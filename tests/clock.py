"""A clock for tests."""

import attrs

from pushserver.clock import CORRECTIONS, SECOND, Machine, SystemClock

#: 2026-01-01T00:00:00Z
START = 1_767_225_600 * SECOND


class ManualClock:
    """Stands still until a test ticks it; the wall clock may jump beside it."""

    def __init__(self, start: int = START) -> None:
        self._now = start
        self._ahead: int | None = None

    def now(self) -> int:
        """Return the present instant of server time, in microseconds."""
        return self._now

    def tick(self, seconds: float) -> None:
        """Let *seconds* pass."""
        self._now += round(seconds * SECOND)

    def jump(self, seconds: float) -> None:
        """Set the wall clock, forward or back, without time passing."""
        self._ahead = self.wall_ahead() + round(seconds * SECOND)

    def wall_ahead(self) -> int:
        """Return by how much the wall clock is ahead: as set, or as stored."""
        return CORRECTIONS.current if self._ahead is None else self._ahead


@attrs.define
class FakeMachine:
    """A machine whose clocks a test moves; its wall clock may jump."""

    wall_ns: int = START * 1000
    since_boot_ns: int = 5_000_000_000
    boot_id: str = "first"
    is_synchronized: bool = True

    def clock(self) -> SystemClock:
        """Return the clock of a server that starts on it."""
        return SystemClock(
            Machine(
                wall=lambda: self.wall_ns,
                since_boot=lambda: self.since_boot_ns,
                boot_id=self.boot_id,
                host="host",
                is_synchronized=lambda: self.is_synchronized,
            )
        )

    def pass_by(self, micros: int, *, jump: int = 0) -> None:
        """Let time pass; the wall clock may jump as well."""
        self.since_boot_ns += micros * 1000
        self.wall_ns += (micros + jump) * 1000

    def restart(self, down: int, *, jump: int = 0) -> None:
        """Start the machine anew after it was off for so long."""
        self.pass_by(down, jump=jump)
        self.since_boot_ns, self.boot_id = 1_000_000_000, f"{self.boot_id}, again"
