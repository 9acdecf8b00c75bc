"""Values that no pushserver has written, as a start may find them in a database."""

import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pushserver.errors import Misconfigured

#: What comes of values that have another type, or name nothing.
_ERRORS = (TypeError, ValueError, LookupError, AttributeError, ArithmeticError)


@contextmanager
def refusing_foreign_values() -> Iterator[None]:
    """
    Let the block, which is a part of a start, read the database.

    Raises:
        Misconfigured: it has a value that no pushserver has written. Where that was met
            is said; the value is not, for it may be anything.
    """
    try:
        yield
    except _ERRORS as error:
        last = traceback.extract_tb(error.__traceback__)[-1]
        raise Misconfigured(
            "Cannot start: the database has a value that no pushserver has written"
            f" ({type(error).__name__} in {last.name}, {Path(last.filename).name}, line"
            f" {last.lineno})."
        ) from error
