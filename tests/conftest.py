"""Fixtures for every test: a clock that is handed in, and the real program."""

import gc
import signal
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Sequence
from pathlib import Path

import pytest
import structlog
from hypothesis import HealthCheck, settings

from tests.clock import ManualClock
from tests.postgres import emptied
from tests.program import Program

# What nobody reads is drawn plainly: colours and what functions knew take minutes.
structlog.configure(
    processors=[
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.format_exc_info,
        structlog.processors.KeyValueRenderer(key_order=["level", "event"]),
    ]
)

# How long it takes to make examples up says how busy the machine is, and nothing else.
settings.register_profile(
    "patient",
    settings(),
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("patient")
# For `scripts/test --quick`: fewer of them.
settings.register_profile(
    "quick", settings(), max_examples=settings().max_examples // 4
)

# Who runs the tests in the background has Ctrl-C ignored, also in what they start.
signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_finish() -> None:
    """Keep the collector away from all that lives as long as the tests do."""
    gc.collect()
    gc.freeze()


STORES = ("sqlite", "postgres")
CASES = ("first", "others")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Let the tests of one store be run alone."""
    parser.addoption("--store", choices=STORES, help="run tests of this store alone")
    parser.addoption("--whole", action="store_true", help="leave no case out")
    parser.addoption(
        "--cases", choices=CASES, help="run the first case of each test, or the others"
    )


#: Of a web test's many cases the first of so many runs on the second store, too, in
#: the everyday run: how a request is read and answered is no matter of the store.
SAMPLE = 10


def pytest_collection_modifyitems(
    config: pytest.Config, items: list[pytest.Item]
) -> None:
    """Leave out what the options say, and most of web tests on the second store."""
    out = set()
    if not (config.getoption("--whole") or config.getoption("--store")):
        out |= _too_many(items)
    if (cases := config.getoption("--cases")) is not None:
        first = _first(items)
        out |= set(items) - first if cases == "first" else first
    items[:] = [item for item in items if item not in out]
    config.hook.pytest_deselected(items=list(out))


def _too_many(items: Sequence[pytest.Item]) -> set[pytest.Item]:
    """Return most cases of web tests on the second store."""
    seen: Counter[str] = Counter()
    out = set()
    for item in items:
        name = item.nodeid.partition("[")[0]
        again = "[postgres" in item.nodeid and name.startswith("tests/web/")
        seen[name] += again
        if again and seen[name] % SAMPLE != 1:
            out.add(item)
    return out


def _first(items: Sequence[pytest.Item]) -> set[pytest.Item]:
    """Return the first case of each test; of those of stores, for each store."""
    found: dict[tuple[str, bool], pytest.Item] = {}
    for item in items:
        name = item.nodeid.partition("[")[0]
        other = name.startswith("tests/storage/") and "[postgres" in item.nodeid
        found.setdefault((name, other), item)
    return set(found.values())


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Have each test that takes a store run on each of them, or on its `only_on`."""
    if "backend" in metafunc.fixturenames:
        mark = metafunc.definition.get_closest_marker("only_on")
        stores = mark.args if mark else STORES
        wanted = metafunc.config.getoption("--store")
        chosen = [each for each in stores if wanted in (None, each)]
        metafunc.parametrize("backend", chosen, scope="session")


@pytest.fixture(name="database")
def _database(backend: str, tmp_path: Path) -> str:
    """Return the address of an empty database, of each kind in turn."""
    return f"sqlite:///{tmp_path / 'store.db'}" if backend == "sqlite" else emptied()


@pytest.fixture(name="clock")
def _clock() -> ManualClock:
    """Return a clock that moves when it is told to."""
    return ManualClock()


@pytest.fixture(name="program")
def _program(tmp_path: Path, database: str) -> Iterator[Program]:
    """Return the program, not started yet, with a folder and a database of its own."""
    program = Program(tmp_path, database)
    yield program
    program.kill()


@pytest.fixture(name="server")
async def _server(program: Program) -> AsyncIterator[Program]:
    """Return the real program, listening on a free port of the loopback."""
    program.start()
    yield program
    program.stop()
