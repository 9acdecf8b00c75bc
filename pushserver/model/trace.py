"""Where work belongs in a distributed trace, as W3C Trace Context 1.0 writes it.

A trace goes through programs and servers. Each piece of work in it, a span, has an id
of its own, and names the one that caused it.
"""

import re
from random import getrandbits
from typing import NamedTuple, Self

TRACEPARENT_HEADER, TRACESTATE_HEADER = "traceparent", "tracestate"
_TRACEPARENT = re.compile(
    r"(?!ff)([0-9a-f]{2})-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})(-.*)?"
)
#: As many characters of a `tracestate` as everybody has to pass on.
_MAX_STATE = 512
_VERSION = "00"
_SAMPLED = "01"


class Trace(NamedTuple):
    """One span of a trace; `state` is what its vendors add, the header `tracestate`."""

    traceparent: str
    state: str | None = None

    @classmethod
    def begin(cls) -> Self:
        """Return the first span of a new trace; nobody must be unable to guess it."""
        ids = f"{getrandbits(128):032x}-{getrandbits(64) | 1:016x}"
        return cls(f"{_VERSION}-{ids}-{_SAMPLED}")

    @classmethod
    def parse(cls, traceparent: str, state: str = "") -> Self | None:
        """Return the span in these two headers; None if it is not valid."""
        found = _TRACEPARENT.fullmatch(traceparent)
        if found is None or (found[1] == _VERSION and found[5]):
            return None
        text = f"{_VERSION}-{found[2]}-{found[3]}-{found[4]}"
        return cls(text, state if _is_state(state) else None)

    @property
    def trace_id(self) -> str:
        """The id of the whole trace."""
        return trace_id_of(self.traceparent)

    @property
    def span_id(self) -> str:
        """The id of this span."""
        return self.traceparent[36:52]

    @property
    def flags(self) -> int:
        """Its flags: the lowest bit says whether it is sampled."""
        return int(self.traceparent[53:55], 16)

    @property
    def headers(self) -> dict[str, str]:
        """The headers that tell others of this span."""
        state = {} if self.state is None else {TRACESTATE_HEADER: self.state}
        return {TRACEPARENT_HEADER: self.traceparent, **state}

    def child(self) -> "Trace":
        """Return a new span that this one caused."""
        span_id = f"{getrandbits(64) | 1:016x}"
        return Trace(
            f"{self.traceparent[:36]}{span_id}{self.traceparent[52:]}", self.state
        )


def _is_state(text: str) -> bool:
    """Tell whether *text* may be passed on; what it means is its vendors' business."""
    is_printable = text.isascii() and text.isprintable()
    return is_printable and "=" in text and len(text) <= _MAX_STATE


def trace_id_of(traceparent: str) -> str:
    """Return the id of the trace in a valid *traceparent*."""
    return traceparent[3:35]
