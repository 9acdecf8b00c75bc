"""In which order tests run, so that processors compute while some of the tests wait."""

import os
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby

import pytest

#: Tests that wait more than they compute: for programs that start, stop or time out.
_EACH_WAITS = "tests/docs/examples/test_pages_run.py"
_WAITING = ("tests/e2e/", _EACH_WAITS)
#: Folders whose tests share a server, which ends when a test from elsewhere runs.
_ONE_SERVER = ("tests/cli/", "tests/simulate/")
#: The part of each worker's tests over which those that wait are spread: at the end
#: all others would wait for them.
_SPREAD_OVER = 0.7

#: Tests that stay together.
Group = Sequence[pytest.Item]


def mixed(items: Iterable[pytest.Item]) -> list[pytest.Item]:
    """
    Return the tests with those that wait spread among the others.

    The pages come first, the longest before the others. pytest-xdist gives each worker
    a stretch of all, of about the same length.
    """
    workers = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    groups = [tuple(group) for _, group in groupby(items, key=_group_of)]
    waiting = [each for each in groups if each[0].nodeid.startswith(_WAITING)]
    waiting.sort(key=lambda group: not group[0].nodeid.startswith(_EACH_WAITS))
    stretches = _stretches([each for each in groups if each not in waiting], workers)
    return [
        item
        for number, stretch in enumerate(stretches)
        for group in _spread(waiting[number::workers], stretch)
        for item in group
    ]


def _group_of(item: pytest.Item) -> str:
    """Return what is the same for tests that stay together."""
    if item.nodeid.startswith(_EACH_WAITS):
        return item.nodeid
    folder = next((each for each in _ONE_SERVER if item.nodeid.startswith(each)), "")
    return folder or item.nodeid.partition("::")[0]


def _stretches(groups: Iterable[Group], count: int) -> list[list[Group]]:
    """Divide groups, in order, into so many lists with about as many tests each."""
    groups = list(groups)
    total, passed = sum(map(len, groups)) or 1, 0
    stretches: list[list[Group]] = [[] for _ in range(count)]
    for group in groups:
        stretches[passed * count // total].append(group)
        passed += len(group)
    return stretches


def _spread(few: Sequence[Group], many: Iterable[Group]) -> Iterator[Group]:
    """Yield all groups, the few among the first of the many."""
    many = list(many)
    step = _SPREAD_OVER * sum(map(len, many)) / (len(few) or 1)
    waiting, passed, placed = iter(few), 0, 0
    for group in many:
        while placed * step <= passed and placed < len(few):
            yield next(waiting)
            placed += 1
        yield group
        passed += len(group)
    yield from waiting
