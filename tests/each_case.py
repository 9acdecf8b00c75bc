"""Cases of a test that share what it takes: one server answers them all."""

import inspect
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import wraps
from typing import Any

import attrs
import pytest

#: A test; it may be a coroutine function.
Test = Callable[..., Any]
#: How a case is called, and the values that the test is given for it.
Case = tuple[str, Mapping[str, Any]]


@attrs.frozen
class _Cases:
    """A test that takes the values of a case, and its cases."""

    test: Test
    cases: Sequence[Case]


def each_case(
    names: str | tuple[str, ...],
    values: Iterable[Any],
    ids: Callable[[Any], str] = repr,
) -> Callable[[Test], Test]:
    """
    Do what `pytest.mark.parametrize` does, in one test with a subtest for each case.

    For cases that leave nothing behind over which others stumble: to set up what a test
    takes costs more than most cases do.
    """
    own = [(ids(value)[:80], _named(names, value)) for value in values]

    def decorate(test: Test) -> Test:
        inner = getattr(test, "each_case", _Cases(test, [("", {})]))
        cases = [
            (f"{name} {inner_name}".rstrip(), {**named, **inner_named})
            for name, named in own
            for inner_name, inner_named in inner.cases
        ]
        return _one_test(_Cases(inner.test, cases))

    return decorate


def _named(names: str | tuple[str, ...], value: Any) -> Mapping[str, Any]:
    if isinstance(names, str):
        return {names: value}
    return dict(zip(names, value, strict=True))


def _one_test(each: _Cases) -> Test:
    """Return a test that takes what the test takes, but for the values of cases."""

    async def run_async(subtests: pytest.Subtests, **fixtures: Any) -> None:
        for name, values in each.cases:
            with subtests.test(name):
                await each.test(**fixtures, **values)

    def run(subtests: pytest.Subtests, **fixtures: Any) -> None:
        for name, values in each.cases:
            with subtests.test(name):
                each.test(**fixtures, **values)

    is_async = inspect.iscoroutinefunction(each.test)
    one_test = wraps(each.test)(run_async if is_async else run)
    taken = inspect.signature(each.test).parameters
    fixtures = [taken[name] for name in taken if name not in each.cases[0][1]]
    subtests = inspect.Parameter("subtests", inspect.Parameter.KEYWORD_ONLY)
    signature = inspect.Signature([*fixtures, subtests])
    vars(one_test).update(__signature__=signature, each_case=each)
    return one_test
