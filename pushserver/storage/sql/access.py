"""The connections that all parts of a store share."""

from collections.abc import Awaitable, Callable

import attrs

from pushserver.storage.sql.connection import SqlReader, no_low_watermark
from pushserver.storage.sql.write_jobs import SqlWriter


@attrs.define(eq=False, kw_only=True, repr=False)
class SqlAccess:
    """
    Single commands are read on `hot_reader`, lists on `list_reader`.

    Workers use a third connection, so that no long list delays a door or a step.
    """

    hot_reader: SqlReader
    list_reader: SqlReader
    write: SqlWriter
    low_watermark: Callable[[], Awaitable[int]] = no_low_watermark
