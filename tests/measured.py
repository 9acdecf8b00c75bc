"""Which tests the coverage is taken of: what many cases show is watched in one."""

import os
from collections.abc import Iterator, Sequence

import pytest
from coverage import Coverage

#: What starts the watching in the programs that a test starts.
_PROGRAMS = "COVERAGE_PROCESS_CONFIG"


class Measured:
    """
    Switches the coverage on for the first case of each test, and off for all others.

    Watching which lines are run takes half as long again. End-to-end tests, which wait
    for the clock, are left alone.
    """

    def __init__(self, coverage: Coverage, items: Sequence[pytest.Item]) -> None:
        self._coverage = coverage
        self._items = frozenset(_first(items))
        self._is_on = True
        self._programs = os.environ.get(_PROGRAMS)
        # A worker is watched as a program that was started, too, below pytest's own.
        coverage.stop()
        while (below := Coverage.current()) is not None:
            below.stop()
        coverage.start()

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Iterator[None]:
        """Run a test with the coverage on or off, as it was chosen."""
        self._switch(on=item in self._items)
        return (yield)

    def pytest_sessionfinish(self) -> None:
        """Leave it as pytest-cov expects it."""
        self._switch(on=True)

    def _switch(self, *, on: bool) -> None:
        if on == self._is_on:
            return
        self._is_on = on
        if on:
            self._coverage.start()
            if self._programs is not None:
                os.environ[_PROGRAMS] = self._programs
        else:
            self._coverage.stop()
            os.environ.pop(_PROGRAMS, None)


def _first(items: Sequence[pytest.Item]) -> set[pytest.Item]:
    """Return the first case of each test; of those of stores, for each store."""
    found: dict[tuple[str, bool], pytest.Item] = {}
    for item in items:
        name = item.nodeid.partition("[")[0]
        if not name.startswith("tests/e2e/"):
            other = name.startswith("tests/storage/") and "[postgres" in item.nodeid
            found.setdefault((name, other), item)
    return set(found.values())
