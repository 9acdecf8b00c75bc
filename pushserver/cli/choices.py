"""Words of which there are only some, such as states and permissions."""

from collections.abc import Iterable
from difflib import SequenceMatcher

from pushserver.cli.errors import UsageError


def choose(text: str, choices: Iterable[str], noun: str) -> str:
    """
    Return the one of *choices* that *text* is, in whichever case it is written.

    Raises:
        UsageError: it is none of them; they are named, the nearest first.
    """
    words = list(choices)
    by_lower_case = {word.lower(): word for word in words}
    found = by_lower_case.get(text.lower())
    if found is None:
        there_are = ", ".join(nearest_first(text, words))
        raise UsageError(f"{text!r} is no {noun}; there are {there_are}.")
    return found


def choose_each(texts: Iterable[str], choices: Iterable[str], noun: str) -> list[str]:
    """
    Return the ones of *choices* that *texts* are.

    Raises:
        UsageError: one is none of them.
    """
    words = list(choices)
    return [choose(text, words, noun) for text in texts]


def nearest_first(text: str, words: Iterable[str]) -> list[str]:
    """Return *words*, those that are most like *text* first."""
    return sorted(words, key=lambda word: -_likeness(text, word))


def _likeness(text: str, word: str) -> float:
    return SequenceMatcher(None, text.lower(), word.lower()).ratio()
