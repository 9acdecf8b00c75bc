"""Habits are drawn from a seed, and quirks have names."""

from random import Random

import pytest

from pushserver.simulate import Quirks, ResultFormat, draw_quirks, parse_quirk_names
from pushserver.simulate.quirks import QUIRK_NAMES


def drawn(seed: int, quirks: str) -> Quirks:
    """Return the habits that a seed draws."""
    return draw_quirks(Random(seed), parse_quirk_names(quirks))  # noqa: S311 - it repeats


def test_same_seed_same_habits() -> None:
    """
    The same seed makes the same device.
    """
    assert drawn(5, "all") == drawn(5, "all")


def test_none_is_faultless() -> None:
    """
    Without quirks a device is a faultless one.
    """
    assert Quirks() == drawn(1, "none")


def test_named_are_had_by_all() -> None:
    """
    A quirk that is named is had by every device, and no other is.
    """
    expected = Quirks(no_uuid=True, result_format=ResultFormat.FORM_FIELDS)

    assert [expected] * 9 == [drawn(seed, "no-uuid, form_fields") for seed in range(9)]


def test_all_is_a_mixture() -> None:
    """
    With every quirk on, each form and both kinds of a trait are met in a fleet.
    """
    fleet = [drawn(seed, "all") for seed in range(200)]

    assert set(ResultFormat) == {habits.result_format for habits in fleet}
    assert {True, False} == {habits.no_uuid for habits in fleet}
    assert {True, False} == {habits.doubled_path for habits in fleet}


def test_somebody_can_tell_whose_result_it_is() -> None:
    """
    No device of a mixed fleet sends neither uuid nor endpoint.
    """
    fleet = [drawn(seed, "all") for seed in range(500)]

    assert not [each for each in fleet if each.no_uuid and each.no_endpoint]


def test_unknown_quirk_is_named() -> None:
    """
    A quirk that does not exist is refused, and the message lists those that do.
    """
    with pytest.raises(ValueError, match="No quirk is called upside_down") as refused:
        parse_quirk_names("no_uuid,upside_down")

    assert all(quirk in str(refused.value) for quirk in QUIRK_NAMES)
