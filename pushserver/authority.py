"""Whether whoever asked for a change may still decide it when it is made."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

#: Raises once whoever this runs for may change nothing any more. Devices, and the
#: server itself, have none.
AUTHORITY: ContextVar[Callable[[], None] | None] = ContextVar("AUTHORITY", default=None)


@contextmanager
def authority_of_the_server() -> Iterator[None]:
    """Let the block write what has to be written, whoever it runs for."""
    previous = AUTHORITY.set(None)
    try:
        yield
    finally:
        AUTHORITY.reset(previous)
