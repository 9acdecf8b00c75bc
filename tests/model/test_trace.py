"""W3C Trace Context: what is taken, and what is passed on."""

import re

from pushserver.model.trace import Trace
from tests.each_case import each_case

TRACE_ID, SPAN_ID = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
GIVEN = f"00-{TRACE_ID}-{SPAN_ID}-01"


@each_case(
    ("given", "taken"),
    [
        (GIVEN, GIVEN),
        (GIVEN[:-2] + "00", GIVEN[:-2] + "00"),
        # Later versions begin like this one, and may have more.
        (f"01{GIVEN[2:]}", GIVEN),
        (f"cc{GIVEN[2:]}-what-comes-later", GIVEN),
        (f"{GIVEN}-more", None),
        (f"cc{GIVEN[2:]}.more", None),
        (f"ff{GIVEN[2:]}", None),
        (f"00-{'0' * 32}-{SPAN_ID}-01", None),
        (f"00-{TRACE_ID}-{'0' * 16}-01", None),
        (GIVEN.upper(), None),
        (GIVEN[:-1], None),
        (f"{GIVEN}\n", None),
        (f" {GIVEN}", None),
        ("", None),
    ],
)
def test_traceparent(given: str, taken: str | None) -> None:
    """What the recommendation calls valid is taken, in its first version's form."""
    parsed = Trace.parse(given)

    assert taken == (parsed and parsed.traceparent)


@each_case(
    ("given", "kept"),
    [
        ("rojo=00f067aa0ba902b7,congo=t61rcWkgMzE", True),
        (f"a={'x' * 510}", True),
        (f"a={'x' * 511}", False),
        ("nothing", False),
        ("a=☃", False),
        ("a=1\r\nX-Other: 2", False),
        ("", False),
    ],
)
def test_tracestate(given: str, kept: bool) -> None:
    """What vendors add is kept as it came, if it is no longer than all have to keep."""
    parsed = Trace.parse(GIVEN, given)

    assert Trace(GIVEN, given if kept else None) == parsed


def test_child() -> None:
    """A child is in the same trace, sampled or not as its parent, with another id."""
    parent = Trace(GIVEN[:-2] + "00", "a=1")
    children = [parent.child() for _ in range(3)]

    assert {TRACE_ID} == {each.trace_id for each in children}
    assert 4 == len({parent.span_id, *(each.span_id for each in children)})
    assert children == [Trace.parse(*each) for each in children]  # type: ignore[arg-type]
    assert {"-00"} == {each.traceparent[-3:] for each in children}


def test_begin() -> None:
    """A new trace is valid, like no other, and sampled."""
    traces = [Trace.begin() for _ in range(3)]

    assert 3 == len({each.trace_id for each in traces})
    assert traces == [Trace.parse(each.traceparent) for each in traces]
    assert all(re.search("-01$", each.traceparent) for each in traces)
