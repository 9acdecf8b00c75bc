"""Fixtures for every test: a clock that is handed in, and the real program."""

import gc
import os
import signal
from collections import Counter
from collections.abc import AsyncIterator, Generator, Iterable, Iterator
from pathlib import Path

import pytest
import structlog
from hypothesis import HealthCheck, settings

from pushserver.clock import CORRECTIONS
from tests.clock import ManualClock
from tests.postgres import empty_database
from tests.program import Program
from tests.run_order import mixed
from tests.sqlite import copy_new_store

# Render logs without colours and local variables: that saves minutes.
structlog.configure(
    processors=[
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.format_exc_info,
        structlog.processors.KeyValueRenderer(key_order=["level", "event"]),
    ]
)

# Slow generation of examples only shows a busy machine: do not fail on it.
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

# A shell ignores Ctrl-C in what it runs in the background; the tests need it.
signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Keep the garbage collector off objects that live as long as the tests."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.collect()
        gc.freeze()
        # A fifth of the time of a test with a server went by looking for what no name
        # refers to any more; there is little of that, and memory enough.
        gc.set_threshold(50_000, 20, 100)
        gc.enable()


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """Have more workers than there are processors: often some of them only wait."""
    return 2 + (os.cpu_count() or 1)


STORES = ("sqlite", "postgres")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add options that select tests by store."""
    parser.addoption("--store", choices=STORES, help="run only the tests of this store")
    parser.addoption("--few", action="store_true", help="run a quarter of the cases")
    parser.addoption("--whole", action="store_true", help="leave no case out")


#: Every how many tests of a module one also runs on the second store, in the everyday
#: run, where the tests differ in what is asked, and not in what is stored; the others
#: are proofs there.
SECOND_STORE_STRIDE = 5
#: Every how many cases of a test one runs with `--few`.
FEW_STRIDE = 4
#: The folders of these tests; what a store promises is tested in `tests/storage`.
STORE_INDEPENDENT = (
    "tests/protocols/",
    "tests/services/",
    "tests/web/",
    "tests/workers/",
)


@pytest.hookimpl(wrapper=True)
def pytest_collection_modifyitems(
    config: pytest.Config, items: list[pytest.Item]
) -> Generator[None]:
    """
    Leave cases out as the options say; have some tests compute while others wait.
    """
    is_whole, is_few = config.getoption("--whole"), config.getoption("--few")
    if not (is_whole or is_few or config.getoption("--store")):
        _leave_to_the_proofs(items)
    yield
    left_out = _between_strides(items) if is_few and not is_whole else set()
    items[:] = mixed(item for item in items if item not in left_out)
    config.hook.pytest_deselected(items=list(left_out))


def _leave_to_the_proofs(items: Iterable[pytest.Item]) -> None:
    """Mark most tests on the second store that ask little of it as proofs."""
    seen: Counter[str] = Counter()
    for item in items:
        if not _hardly_depends_on_its_store(item):
            continue
        module = item.nodeid.partition("::")[0]
        if seen[module] % SECOND_STORE_STRIDE:
            item.add_marker("proof")
        seen[module] += 1


def _hardly_depends_on_its_store(item: pytest.Item) -> bool:
    """Tell whether this is a case on the second store of what asks little of it."""
    return (
        "[postgres" in item.nodeid
        and item.nodeid.startswith(STORE_INDEPENDENT)
        and item.get_closest_marker("proof") is None
    )


def _between_strides(items: Iterable[pytest.Item]) -> set[pytest.Item]:
    """Return all cases of each test but its first one, and every so many after that."""
    seen: Counter[str] = Counter()
    skipped = set()
    for item in items:
        name = item.nodeid.partition("[")[0]
        if seen[name] % FEW_STRIDE:
            skipped.add(item)
        seen[name] += 1
    return skipped


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Have each test that takes a store run on each of them, or on its `only_on`."""
    if "backend" in metafunc.fixturenames:
        stores = _marked_stores(metafunc, "only_on") or STORES
        proofs = _marked_stores(metafunc, "proof_on")
        selected_store = metafunc.config.getoption("--store")
        cases = [
            pytest.param(each, marks=[pytest.mark.proof] if each in proofs else [])
            for each in stores
            if selected_store in (None, each)
        ]
        metafunc.parametrize("backend", cases, scope="session")


def _marked_stores(metafunc: pytest.Metafunc, marker_name: str) -> tuple[str, ...]:
    marker = metafunc.definition.get_closest_marker(marker_name)
    return marker.args if marker else ()


@pytest.fixture(name="empty_database")
def _empty_database(backend: str, tmp_path: Path) -> str:
    """Return the address of a database in which nothing is, of each kind in turn."""
    if backend == "sqlite":
        return f"sqlite:///{tmp_path / 'store.db'}"
    return empty_database()


@pytest.fixture(name="database")
def _database(empty_database: str) -> str:
    """Return the address of a database with a new store in it, of each kind in turn."""
    if empty_database.startswith("sqlite:"):
        copy_new_store(Path(empty_database.removeprefix("sqlite:///")))
    return empty_database


@pytest.fixture(name="clock")
def _clock() -> ManualClock:
    """Return a clock that moves only when a test ticks it."""
    return ManualClock()


@pytest.fixture(name="no_collector")
def _no_collector() -> Iterator[None]:
    """Collect no garbage but what a test does; a server collects none that is old."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()


@pytest.fixture(autouse=True)
def _right_wall_clock() -> None:
    """Forget by how much the wall clock of an earlier test was wrong."""
    CORRECTIONS.replace(())


@pytest.fixture(name="program")
def _program(tmp_path: Path, empty_database: str) -> Iterator[Program]:
    """Return the program, not started yet, with a folder and a database of its own."""
    program = Program(tmp_path, empty_database)
    yield program
    program.kill()


@pytest.fixture(name="server")
async def _server(program: Program) -> AsyncIterator[Program]:
    """Return the real program, listening on a free port of the loopback."""
    program.start()
    yield program
    program.stop()
