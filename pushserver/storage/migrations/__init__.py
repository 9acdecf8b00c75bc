"""The numbered steps from each schema to the next, read from the files in this folder.

A step is written for every store; `part_for` reads its sections. Its header says what
servers of the schema before it do when it is applied while they run:

    -- running servers: stop
    -- running servers: keep working
    -- running servers: stop before 0024

The last is for what takes away what servers of schema 24 no longer use. The database
records it as the oldest schema whose servers may work over it: so a server without the
newer file learns whether it may go on.
"""

import re
from collections.abc import Sequence
from importlib.resources import files
from importlib.resources.abc import Traversable

import attrs

from pushserver.errors import Misconfigured, Outdated

_NAME = re.compile(r"(\d{4})_\w+\.sql")
_SERVERS = re.compile(
    r"^-- running servers: (stop|keep working|stop before \d{4})$", re.MULTILINE
)


@attrs.frozen
class Migration:
    """
    The step that makes schema `number` of the one before it.

    `servers` is what the header says that running servers do.
    """

    number: int
    name: str
    servers: str
    text: str = attrs.field(repr=False)

    @property
    def oldest_server(self) -> int:
        """The oldest schema whose servers go on; 0: all do."""
        if self.servers == "stop":
            return self.number
        before = self.servers.removeprefix("stop before ")
        return int(before) if before.isdecimal() else 0


@attrs.frozen
class SchemaVersion:
    """
    Which schema a database has; servers of older ones than `oldest_server` stop.

    Raises:
        Misconfigured: one of them, as it was stored, is no whole number.
    """

    number: int
    oldest_server: int

    def __attrs_post_init__(self) -> None:
        if not all(isinstance(each, int) for each in attrs.astuple(self)):
            raise Misconfigured(
                "The table schema_version of the database has what no pushserver has"
                " written: choose another database."
            )


def read_migrations(folder: Traversable) -> tuple[Migration, ...]:
    """
    Read the steps of a folder, in order.

    Raises:
        ValueError: a number is missing, or a header does not say what servers do.
    """
    found = (
        _migration(file) for file in folder.iterdir() if _NAME.fullmatch(file.name)
    )
    migrations = tuple(sorted(found, key=lambda each: each.number))
    numbers = [each.number for each in migrations]
    if not numbers or numbers != list(range(1, len(numbers) + 1)):
        raise ValueError(f"The steps are numbered {numbers}, not from 1 without a gap")
    return migrations


def _migration(file: Traversable) -> Migration:
    text = file.read_text("utf-8")
    servers = _SERVERS.findall(text)
    if len(servers) != 1:
        raise ValueError(f"{file.name} has to say once what running servers do")
    return Migration(
        number=int(file.name[:4]),
        name=file.name.removesuffix(".sql"),
        servers=servers[0],
        text=text,
    )


MIGRATIONS = read_migrations(files(__name__))
#: The schema that this release creates and works over.
SCHEMA_VERSION = MIGRATIONS[-1].number


def newest(migrations: Sequence[Migration]) -> SchemaVersion:
    """Return the version of a database to which all of *migrations* were applied."""
    oldest_server = max(each.oldest_server for each in migrations)
    return SchemaVersion(migrations[-1].number, oldest_server)


def missing(
    found: SchemaVersion, migrations: Sequence[Migration]
) -> Sequence[Migration]:
    """Return the steps that a database lacks."""
    return [each for each in migrations if each.number > found.number]


def is_outdated(found: SchemaVersion) -> bool:
    """Tell whether servers of this release must not work over a database any more."""
    return found.number > SCHEMA_VERSION and found.oldest_server > SCHEMA_VERSION


def refuse_newer(found: SchemaVersion) -> None:
    """
    Check that servers of this release may work over a database.

    Raises:
        Outdated: it is newer, and only newer ones may.
    """
    if is_outdated(found):
        raise Outdated(
            f"The database has schema {found.number}, this release has"
            f" {SCHEMA_VERSION}; start a newer release."
        )
