"""Notices when the database gets a schema that this release must not work over."""

import asyncio

import attrs
import structlog

from pushserver.storage.migrations import SCHEMA_VERSION, SchemaVersion, is_outdated
from pushserver.storage.postgres.connection.connection import Connection
from pushserver.storage.postgres.connection.schema import current_version

log = structlog.get_logger(__name__)


@attrs.define(eq=False)
class SchemaWatch:
    """Sets `outdated` when the schema has become too new for this release."""

    outdated: asyncio.Event = attrs.field(factory=asyncio.Event, init=False)
    seen: SchemaVersion | None = attrs.field(default=None, init=False)

    def look(self, link: Connection) -> None:
        """Read the schema's version, on the connection's thread."""
        self.seen = current_version(link)

    def judge(self) -> None:
        """Set `outdated` if the version read is too new; on the event loop."""
        seen = self.seen
        if seen is None or not is_outdated(seen) or self.outdated.is_set():
            return
        log.error(
            "schema.newer",
            database=seen.number,
            release=SCHEMA_VERSION,
            oldest_server=seen.oldest_server,
        )
        self.outdated.set()
