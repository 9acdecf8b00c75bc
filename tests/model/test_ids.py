"""Ids grow, whatever the clock does; numbers are read strictly."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pushserver.clock import SECOND
from pushserver.errors import Invalid
from pushserver.model.ids import MAX_INT64, IdGenerator, first_id_at, parse_int64
from tests.clock import START, ManualClock


def test_grow_while_the_clock_stands(clock: ManualClock) -> None:
    """Ids grow strictly within one instant, beyond what its counter holds."""
    source = IdGenerator(clock.now)

    generated = [source() for _ in range(10_000)]

    assert sorted(set(generated)) == generated


def test_grow_when_the_clock_goes_back(clock: ManualClock) -> None:
    """A clock that goes back makes no id that was there before, nor a smaller one."""
    source = IdGenerator(clock.now)
    before = [source() for _ in range(3)]
    clock.tick(seconds=-86_400)

    after = [source() for _ in range(5000)]

    assert sorted({*before, *after}) == [*before, *after]


def test_grow_after_a_restart(clock: ManualClock) -> None:
    """A new generator continues above the largest id that the old one made."""
    old = IdGenerator(clock.now)
    largest = [old() for _ in range(5000)][-1]
    clock.tick(seconds=-3600)

    new = IdGenerator(clock.now, floor=largest)

    assert new() > largest


@given(
    steps=st.lists(st.integers(-(10**12), 10**12), max_size=50),
    node=st.integers(0, 1023),
)
def test_grow_always(steps: list[int], node: int) -> None:
    """Ids are positive int64 and grow strictly whatever the clock says."""
    instants = iter([START, *steps])
    source = IdGenerator(lambda: START + next(instants), node=node)

    generated = [source() for _ in range(len(steps) + 1)]

    assert sorted(set(generated)) == generated
    assert all(0 < one <= MAX_INT64 for one in generated)


def test_nodes_differ(clock: ManualClock) -> None:
    """Two servers make different ids in the same instant."""
    first, second = (IdGenerator(clock.now, node=node) for node in (1, 2))

    generated = {first() for _ in range(5000)} & {second() for _ in range(5000)}

    assert set() == generated


def test_first_of_an_instant(clock: ManualClock) -> None:
    """An id made at an instant is not below that instant's first, nor a later one's."""
    generated = IdGenerator(clock.now)()

    assert first_id_at(START) <= generated < first_id_at(START + SECOND)


def test_far_in_time() -> None:
    """Ids last until 2090, and before 2024 they start at nought."""
    sixty_six_years = 66 * 365 * 86_400 * SECOND

    assert 0 == first_id_at(0)
    assert IdGenerator(lambda: 1_704_067_200 * SECOND + sixty_six_years)() <= MAX_INT64


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("0", 0),
        ("1", 1),
        ("00012", 12),
        ("478435", 478435),
        ("6613047045004349", 6613047045004349),
        ("9223372036854775807", 2**63 - 1),
    ],
)
def test_parse(text: str, number: int) -> None:
    """Plain ASCII digits up to the largest int64 are a number."""
    assert number == parse_int64(text, field_name="deviceId")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "1_2",
        "１２",  # noqa: RUF001 - full-width digits, which `int` takes
        "+1",
        "-1",
        " 12 ",
        "12\n",
        "9223372036854775808",
        "99999999999999999999",
        "00000000000000000001",
        "0x10",
        "1e3",
        "1.0",
        "٣",
        "²",
        "null",
    ],
)
def test_parse_refused(text: str) -> None:
    """Whatever else `int` would take, or not, is refused and the field is named."""
    with pytest.raises(Invalid, match="deviceId") as caught:
        parse_int64(text, field_name="deviceId", pointer="/deviceId")

    assert "/deviceId" == caught.value.pointer


@given(st.text(max_size=25))
def test_parse_never_breaks(text: str) -> None:
    """A text is read to the number that it shows, or refused."""
    try:
        number = parse_int64(text, field_name="x")
    except Invalid:
        return

    assert str(number) == text.lstrip("0") or (number == 0 and set(text) == {"0"})
