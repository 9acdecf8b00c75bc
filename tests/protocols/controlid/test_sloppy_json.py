"""Mending takes time in proportion to what was sent, whatever that is."""

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


@pytest.mark.parametrize("run", RUNS)
@pytest.mark.parametrize("start", STARTS)
@pytest.mark.parametrize("end", [b"", b'"}'])
def test_linear(run: bytes, start: bytes, end: bytes) -> None:
    """Four times as much takes four times as long, not sixteen times."""

    def body(size: int) -> bytes:
        return start + run * (size // len(run)) + end

    assert is_linear(lambda size: lambda: parse_result(body(size)), SIZE)
