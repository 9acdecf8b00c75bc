"""Whether whoever asked for a change may still decide it when it is made."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

import attrs


@attrs.frozen
class Authority:
    """
    What somebody asks for changes with: a token, or a session in its place.

    `require` raises once it is known here to have ended. A session may have been ended
    anywhere: what is committed requires that the one with this hash is still stored.
    """

    require: Callable[[], None]
    session_hash: str | None = None


#: That of whoever this runs for. Devices, and the server itself, have none.
AUTHORITY: ContextVar[Authority | None] = ContextVar("AUTHORITY", default=None)


@contextmanager
def authority_of_the_server() -> Iterator[None]:
    """Let the block write what has to be written, whoever it runs for."""
    previous = AUTHORITY.set(None)
    try:
        yield
    finally:
        AUTHORITY.reset(previous)
