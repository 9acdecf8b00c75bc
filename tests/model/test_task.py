"""Tasks: the limit of failures, and what is counted."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pushserver.model.task import FailureLimit, OperationCounts


@given(st.integers(1, 9_999_999))
def test_number(number: int) -> None:
    """A number is written as it is read."""
    limit = FailureLimit.parse(str(number))

    assert (str(number), limit) == (str(limit), FailureLimit.parse(str(limit)))


@given(st.integers(1, 100_000))
def test_percentage(thousandths: int) -> None:
    """A percentage may have up to three decimals."""
    limit = FailureLimit.parse(f"{thousandths / 1000:.3f}%")

    assert limit == FailureLimit.parse(str(limit))
    assert thousandths == round(limit.value * 1000)


@pytest.mark.parametrize(
    "text",
    ["", "0", "-1", "0%", "0.0%", "100.1%", "101%", "2.5", "1e3", "5 %", "٣", "nan"],
)
def test_no_limit(text: str) -> None:
    """Anything else is none."""
    with pytest.raises(ValueError, match=text or "^$"):
        FailureLimit.parse(text)


@pytest.mark.parametrize(
    ("text", "devices", "enough"),
    [
        ("1", 100, 1),
        ("5", 100, 5),
        ("5", 2, 5),
        ("5%", 100, 5),
        ("5%", 101, 6),
        ("5%", 10, 1),
        ("0.1%", 10, 1),
        ("100%", 10, 10),
        ("33.3%", 3, 1),
    ],
)
def test_reached(text: str, devices: int, enough: int) -> None:
    """A percentage is of all devices, rounded up; one failure is the least."""
    limit = FailureLimit.parse(text)

    assert (False, True) == (
        limit.reached(enough - 1, devices),
        limit.reached(enough, devices),
    )


def test_counts() -> None:
    """All are for whom it is; nobody knows is no success."""
    counts = OperationCounts(waiting=1, running=2, completed=4, failed=8, stale=16)

    assert (31, 28, 24) == (counts.total, counts.finished, counts.failures)
