"""Servers over a PostgreSQL of their own, to be measured."""

import contextlib
from collections.abc import Iterator, Sequence

import attrs
import psycopg

from bench import postgres
from bench.row import Bench
from bench.servers import RunningServer, ServerKind, running
from bench.simulate.meter import Meter

#: How long syncs take is only counted where that is asked for.
_TIMED = "ALTER SYSTEM SET track_wal_io_timing = on"
_SYNCS = (
    "SELECT sum(fsync_time) / sum(fsyncs) / 1000 FROM pg_stat_io WHERE object = 'wal'"
)
_RESULTS = "SELECT count(*) FROM result"
_SIZE = "SELECT pg_database_size(current_database())"


@attrs.frozen
class Testbed:
    """A PostgreSQL at *url*, and where servers over it keep their logs."""

    bench: Bench
    url: str
    release: str

    @contextlib.contextmanager
    def servers(
        self, count: int = 1, *, hold: int = 0
    ) -> Iterator[Sequence[RunningServer]]:
        """Run so many servers over a new database."""
        with self.servers_over(
            postgres.new_database(self.url), count, hold=hold
        ) as servers:
            yield servers

    @contextlib.contextmanager
    def servers_over(
        self, url: str, count: int = 1, *, hold: int = 0
    ) -> Iterator[Sequence[RunningServer]]:
        """Run so many servers over the database at *url*."""
        with contextlib.ExitStack() as stack:
            yield [
                stack.enter_context(
                    running(
                        attrs.evolve(
                            self.bench.setup(
                                ServerKind.OURS, f"server{number}", hold=hold
                            ),
                            url=url,
                        )
                    )
                )
                for number in range(count)
            ]

    @contextlib.contextmanager
    def meter(
        self, servers: Sequence[RunningServer], url: str | None = None
    ) -> Iterator[Meter]:
        """Give a meter for *servers* and the database."""
        with psycopg.connect(url or self.url, autocommit=True) as connection:
            yield Meter([server.process_id for server in servers], connection)


@contextlib.contextmanager
def run_testbed(bench: Bench) -> Iterator[Testbed]:
    """Run a PostgreSQL for the length of the block."""
    with postgres.database_server(bench.folder) as url:
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(_TIMED)
            connection.execute("SELECT pg_reload_conf()")
            release = connection.info.parameter_status("server_version")
        yield Testbed(bench, url, str(release))


def sync_seconds(meter: Meter) -> float:
    """Return how long a sync of the database's log took, on average."""
    return _number(meter, _SYNCS)


def database_bytes(meter: Meter) -> float:
    """Return what the meter's database takes on disk."""
    return _number(meter, _SIZE)


def vacuum(meter: Meter) -> None:
    """Have the room of old rows used again, as happens by itself every minute."""
    meter.connection.execute("VACUUM")


def result_count(meter: Meter) -> int:
    """Return how many results there are in the meter's database."""
    return int(_number(meter, _RESULTS))


def _number(meter: Meter, sql: str) -> float:
    found = meter.connection.execute(sql).fetchone()
    assert found is not None
    return float(str(found[0]))
