"""Filters of lists that are one of several words."""

from collections.abc import Iterable, Mapping
from typing import TypeVar

from pushserver.errors import Invalid

T = TypeVar("T", bound=str)


def chosen(given: Mapping[str, str], name: str, choices: Iterable[T]) -> T | None:
    """
    Return which of *choices* is given; None if nothing is: that means any.

    Raises:
        Invalid: something else is, which must not mean any.
    """
    text = given.get(name, "").strip()
    if not text:
        return None
    known = {str(each): each for each in choices}
    if text not in known:
        raise Invalid(f"{name} is one of {', '.join(known)}.", pointer=f"/{name}")
    return known[text]
