"""What servers and their database used of processors between two instants."""

import contextlib
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Self

import attrs
import psycopg

from bench.machine import processor_seconds

#: How the connections by which servers write call themselves.
WRITER = "pushserver writer"
_PROCESSES = (
    "SELECT pid, coalesce(application_name, '') FROM pg_stat_activity"
    " WHERE pid <> pg_backend_pid()"
)
_NEXT_TRANSACTION = "SELECT pg_snapshot_xmax(pg_current_snapshot())::text::bigint"


@attrs.frozen(kw_only=True)
class CpuUsage:
    """
    Seconds of processors within *took* seconds.

    `servers` are in the order of the meter's. The database's are parted into those who
    write, and those who read and tell. `rounds` are transactions that wrote something.
    """

    seconds: float
    servers: Sequence[float]
    writing: float
    reading: float
    rounds: int

    @property
    def database(self) -> float:
        """All that the database used."""
        return self.writing + self.reading

    def minus(self, idle: Self) -> Self:
        """Return what is left without what is used when nothing is asked."""
        share = self.seconds / idle.seconds
        return attrs.evolve(
            self,
            servers=[
                used - share * by_itself
                for used, by_itself in zip(self.servers, idle.servers, strict=True)
            ],
            writing=self.writing - share * idle.writing,
            reading=self.reading - share * idle.reading,
        )


@attrs.frozen(kw_only=True)
class _Sample:
    at: float
    servers: Sequence[float]
    database: Mapping[int, tuple[str, float]]
    rounds: int


@attrs.frozen
class Meter:
    """Reads for processes of servers, and for all of the database at *connection*."""

    servers: Sequence[int]
    connection: psycopg.Connection[tuple[object, ...]]

    @contextlib.contextmanager
    def measure(self) -> Iterator[list[CpuUsage]]:
        """Give a list that has what the block used once that is over."""
        used: list[CpuUsage] = []
        before = self._read()
        yield used
        used.append(_difference(before, self._read()))

    def measure_idle(self, seconds: float) -> CpuUsage:
        """Return what is used when nobody asks for anything."""
        with self.measure() as used:
            time.sleep(seconds)
        return used[0]

    def _read(self) -> _Sample:
        found = self.connection.execute(_PROCESSES).fetchall()
        database = {}
        for process_id, name in found:
            assert isinstance(process_id, int)
            with contextlib.suppress(FileNotFoundError):
                database[process_id] = (str(name), processor_seconds(process_id))
        counted = self.connection.execute(_NEXT_TRANSACTION).fetchone()
        assert counted is not None
        return _Sample(
            at=time.perf_counter(),
            servers=[processor_seconds(each) for each in self.servers],
            database=database,
            rounds=int(str(counted[0])),
        )


def _difference(before: _Sample, after: _Sample) -> CpuUsage:
    # The database's own processes write what others changed.
    used = {
        process_id: seconds - before.database.get(process_id, ("", 0.0))[1]
        for process_id, (_, seconds) in after.database.items()
    }
    cpu_seconds = sum(
        seconds
        for process_id, seconds in used.items()
        if after.database[process_id][0] not in ("", WRITER)
    )
    return CpuUsage(
        seconds=after.at - before.at,
        servers=[b - a for a, b in zip(before.servers, after.servers, strict=True)],
        writing=sum(used.values()) - cpu_seconds,
        reading=cpu_seconds,
        rounds=after.rounds - before.rounds,
    )
