"""The types of events, as options name them."""

from collections.abc import Iterable

from pushserver.cli.choices import choose
from pushserver.model.event import EventType


def choose_events(texts: Iterable[str]) -> list[str]:
    """
    Return the types of events that *texts* are; one with a `*` the server judges.

    Raises:
        UsageError: one is none.
    """
    return [t if "*" in t else choose(t, EventType, "event") for t in texts]
