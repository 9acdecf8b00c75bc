"""A fleet and what serves it, and the load that follows."""

import attrs

#: Commands for a device: 20 a day, a fifth of them in the morning's busiest hour.
COMMANDS_A_DAY = 20.0
BUSY_HOUR_COMMANDS = COMMANDS_A_DAY / 5
HOUR, DAY = 3600.0, 86_400.0
#: Who was seen is written so often (seconds), for so many of a process at the most.
FLUSH_INTERVAL = 2.0
MAX_FLUSHED_DEVICES = 5000


@attrs.frozen(kw_only=True)
class SimulationPlan:
    """
    *devices* shared out evenly among *processes*, each of which has a core of its own.

    A device polls every *period* seconds or, if *held*, has each poll held for so long
    and polls again at once. *commands* are those for a device in an hour. *concurrency*
    is of a task over all devices that runs all the while; 0: there is none.
    """

    devices: int
    processes: int = 1
    period: float = 5.0
    holds_polls: bool = False
    commands_per_hour: float = BUSY_HOUR_COMMANDS
    concurrency: int = 0
    database_cores: int = 2

    @property
    def description(self) -> str:
        """Say what the devices do."""
        load_kind = "polls held for" if self.holds_polls else "a poll every"
        return f"{load_kind} {self.period:g} s"

    @property
    def polls_per_second(self) -> float:
        """Polls a second, of the whole fleet."""
        return self.devices / self.period

    @property
    def commands_per_second(self) -> float:
        """Commands a second, of the whole fleet."""
        return self.devices * self.commands_per_hour / HOUR

    @property
    def seen_per_flush(self) -> float:
        """Devices that one process writes as seen at each flush."""
        share = min(1.0, FLUSH_INTERVAL / self.period)
        return min(MAX_FLUSHED_DEVICES, share * self.devices / self.processes)
