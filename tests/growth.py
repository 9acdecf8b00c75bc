"""Whether work takes time in proportion to what it is given."""

import gc
import time
from collections.abc import Callable

#: Runs of what parsers and expressions might try again and again.
RUNS = (
    b'"', b"\\", b'"\\', b'\\"', b"\\\\", b"[", b"[]", b"{", b'{"', b",", b", ", b",]",
    b"9", b"9.", b"1e9", b"-", b"-1,", b"NaN", b"N", b"I", b" ", b"\t", b"\0", b"\\u",
    b"\\ud800", b"\\u0041", b"&", b"=&", b"a=", b"%", b"%e3", b"+", b"\xff", b"\xffa",
    b"\xc3\xa3", b"\xef\xbb\xbf", b'"\t",', b"error", b"\r", b"\n", b"\r\n",
)  # fmt: skip
#: A busy machine makes work seem long now and then, not each time.
_TRIES = 4
#: Shorter work is not measured: how long the clock takes would count.
_SHORTEST = 0.0005


def seconds_for(work: Callable[[], object]) -> float:
    """Return the processor's time for *work*, without collecting others' garbage."""
    gc.disable()
    try:
        start = time.process_time()
        work()
        return time.process_time() - start
    finally:
        gc.enable()


def is_linear(work: Callable[[int], Callable[[], object]], size: int) -> bool:
    """
    Tell whether four times as much takes about four times as long, not sixteen times.

    *work* makes what is to be done for a size.
    """
    little, much = work(size), work(4 * size)
    short = long = float("inf")
    for _ in range(_TRIES):
        short, long = min(short, seconds_for(little)), min(long, seconds_for(much))
        if long < 10 * max(short, _SHORTEST):
            return True
    return False
