"""Mending takes time in proportion to what was sent, whatever that is."""

import time
from collections.abc import Callable

import pytest

from pushserver.protocols.controlid.result import parse_result

#: Runs of what expressions might try again and again; each follows a spoilt text.
RUNS = (
    b'"', b"\\", b'"\\', b'\\"', b"\\\\", b"[", b"[]", b"{", b'{"', b",", b", ", b",]",
    b"9", b"9.", b"1e9", b"-", b"-1,", b"NaN", b"N", b"I", b" ", b"\t", b"\0", b"\\u",
    b"\\ud800", b"\\u0041", b"&", b"=&", b"a=", b"%", b"%e3", b"+", b"\xff", b"\xffa",
    b"\xc3\xa3", b"\xef\xbb\xbf", b'"\t",', b"error",
)  # fmt: skip
STARTS = (
    b'{"error":"x\t',
    b'{"a":[',
    b"response=",
    b'{"response":{}}',
    b'{"a":"' + b"[" * 300 + b'"',
    b"",
)
SIZE = 10_000


def seconds_for(work: Callable[[], object]) -> float:
    """Return the processor's time for *work*, the least of some tries."""
    taken = []
    for _ in range(3):
        start = time.process_time()
        work()
        taken.append(time.process_time() - start)
    return min(taken)


@pytest.mark.parametrize("run", RUNS)
@pytest.mark.parametrize("start", STARTS)
@pytest.mark.parametrize("end", [b"", b'"}'])
def test_linear(run: bytes, start: bytes, end: bytes) -> None:
    """Four times as much takes four times as long, not sixteen times."""

    def body(size: int) -> bytes:
        return start + run * (size // len(run)) + end

    short = seconds_for(lambda: parse_result(body(SIZE)))
    long = seconds_for(lambda: parse_result(body(4 * SIZE)))

    assert long < 10 * max(short, 0.0005)
