"""Kapua's ids: every int64 there and back, and those of Kapua's own pages."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pushserver.dialects.kapua.ids import decode_id, encode_id
from pushserver.errors import Invalid
from pushserver.model.ids import MAX_INT64

INT64 = st.integers(~MAX_INT64, MAX_INT64)
EDGES = {
    0: "AA",
    1: "AQ",
    2: "Ag",
    127: "fw",
    128: "AIA",
    255: "AP8",
    256: "AQA",
    -1: "_w",
    -128: "gA",
    -129: "_38",
    MAX_INT64: "f_________8",
    ~MAX_INT64: "gAAAAAAAAAA",
}
#: The ids of the page on notifications, and one whose number Kapua itself prints.
PAGE = {
    "LQNak9Yzkus": 3243535747637285611,
    "AQ": 1,
    "Ag": 2,
    "Psx7WSjzxGU": 4525127348469875813,
    "WOBK1_0Nc68": 6404200961644786607,
    "RGoRWw9Pkhc": 4929771824906998295,
    "f1Hu1T8iIRw": 9174376515585057052,
    "cjmXXKvLUY8": 8230776218271306127,
}
#: This id on the page has superfluous last bits: encoded again it ends in a w.
NONCANONICAL, WITHOUT, NUMBER = "QNvLTfKO1hy", "QNvLTfKO1hw", 4673552573969389084


@given(INT64)
@example(0)
@example(MAX_INT64)
@example(~MAX_INT64)
def test_there_and_back(number: int) -> None:
    """Every int64 is read back from its id, padded or not."""
    text = encode_id(number)

    assert number == decode_id(text)
    assert number == decode_id(text + "=" * (-len(text) % 4))


@given(INT64)
def test_shortest(number: int) -> None:
    """An id is as short as Java's `BigInteger.toByteArray` makes it."""
    size = next(n for n in range(1, 9) if -(1 << 8 * n - 1) <= number < 1 << 8 * n - 1)

    assert -(-8 * size // 6) == len(encode_id(number))


@pytest.mark.parametrize(("number", "text"), EDGES.items())
def test_edges(number: int, text: str) -> None:
    """An id is written to the letter, also where it needs one byte more."""
    assert (text, number) == (encode_id(number), decode_id(text))


@pytest.mark.parametrize(("text", "number"), PAGE.items())
def test_page(text: str, number: int) -> None:
    """The ids of Kapua's page are read, and written as they were."""
    assert (number, text) == (decode_id(text), encode_id(number))


def test_stray_bits() -> None:
    """An id of the page with superfluous last bits is read as if it had none."""
    assert (NUMBER, NUMBER) == (decode_id(NONCANONICAL), decode_id(WITHOUT))
    assert WITHOUT == encode_id(NUMBER)


def test_leading_zero() -> None:
    """A zero byte that was written in vain is passed over."""
    assert 1 == decode_id("AAE")
    assert MAX_INT64 == decode_id("AH__________")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "=",
        "A",
        "AQAAA",
        "AQ===",
        "A=Q",
        "=AQ",
        "AQ ",
        " AQ",
        "AQ\n",
        "A+A",
        "A/A",
        "ÁQ",
        "١٢",
        "A\0",
        "A" * 5000,
        "AAAAAAAAAAAAAE",
        "AIAAAAAAAAAA",
        "_3__________",
    ],
)
def test_refused(text: str) -> None:
    """A text that is no base64url, or no int64, is refused."""
    with pytest.raises(Invalid):
        decode_id(text)


@given(st.text())
def test_any_text(text: str) -> None:
    """Whatever is read is an int64 that is written as an id for the same."""
    try:
        number = decode_id(text)
    except Invalid:
        return

    assert number == decode_id(encode_id(number))
