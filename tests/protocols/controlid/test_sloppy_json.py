"""Mending takes time in proportion to what was sent, whatever that is."""

from collections.abc import Callable
from functools import partial

import pytest

from pushserver.protocols.controlid.result import parse_result
from tests.growth import RUNS, is_linear

STARTS = (
    b'{"error":"x\t',
    b'{"a":[',
    b"response=",
    b'{"response":{}}',
    b'{"a":"' + b"[" * 300 + b'"',
    b"",
)
SIZE = 10_000


@pytest.mark.parametrize("start", STARTS)
@pytest.mark.parametrize("end", [b"", b'"}'])
def test_linear(start: bytes, end: bytes) -> None:
    """Four times as much takes four times as long, not sixteen times."""

    def read(run: bytes, size: int) -> Callable[[], object]:
        body = start + run * (size // len(run)) + end
        return lambda: parse_result(body)

    for run in RUNS:
        assert is_linear(partial(read, run), SIZE), run
