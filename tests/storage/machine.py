"""A machine under each store, whose clocks a test moves."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, closing, contextmanager

import attrs
import psycopg

from pushserver.clock import SECOND, SystemClock
from pushserver.storage.base import Store
from tests.clock import FakeMachine
from tests.storage.locations import StoreLocation, open_store
from tests.warm_connections import new_connections

# The database's functions come after those of a schema of ours.
_FAKE_CLOCK = (
    "CREATE TABLE wall (ahead BIGINT); INSERT INTO wall VALUES (0);"
    " CREATE FUNCTION public.clock_timestamp() RETURNS timestamptz"
    " LANGUAGE sql VOLATILE AS $$ SELECT pg_catalog.clock_timestamp()"
    " + (SELECT ahead FROM public.wall) * interval '1 microsecond' $$"
)
_REMOVE_CLOCK = "DROP FUNCTION public.clock_timestamp; DROP TABLE wall"
_REAL_CLOCK = (
    "SELECT CAST(extract(epoch FROM pg_catalog.clock_timestamp()) * 1000000 AS BIGINT)"
)


@contextmanager
def own_database_clock(database: str) -> Iterator[int]:
    """Let a database have a clock of its own for the block; return what it shows."""
    with (
        new_connections(),
        closing(psycopg.connect(database, autocommit=True)) as link,
    ):
        link.execute(_FAKE_CLOCK.encode())
        own = f'ALTER DATABASE "{link.info.dbname}"'
        link.execute(f"{own} SET search_path = public, pg_catalog".encode())
        (now,) = link.execute(_REAL_CLOCK).fetchone() or (0,)
        try:
            yield now
        finally:
            link.execute(f"{own} RESET search_path; {_REMOVE_CLOCK}".encode())


def move_database_clock(database: str, seconds: float) -> None:
    """Let the database's clock jump."""
    with closing(psycopg.connect(database, autocommit=True)) as link:
        forward = round(seconds * SECOND)
        link.execute("UPDATE wall SET ahead = ahead + %s", (forward,))


@attrs.define
class StoreMachine:
    """
    The machine of the server, and the wall clock that its store goes by.

    Between two steps of a test hardly any time passes by itself.
    """

    location: StoreLocation
    database: str
    machine: FakeMachine = attrs.Factory(FakeMachine)

    @property
    def is_postgres(self) -> bool:
        """Tell whether the wall clock is the database's."""
        return self.database.startswith("postgres")

    @contextmanager
    def with_own_wall_clock(self) -> Iterator[None]:
        """Let the wall clock show what the test wants for the block."""
        if self.is_postgres:
            with own_database_clock(self.database) as now:
                self.machine.wall_ns = now * 1000
                yield
        else:
            yield

    def pass_by(self, seconds: float, *, jump: float = 0) -> None:
        """Let time pass; the wall clock may jump as well."""
        self.machine.pass_by(round(seconds * SECOND), jump=round(jump * SECOND))
        self._set_wall(seconds + jump)

    def restart(self, down: float, *, jump: float = 0) -> None:
        """Start the machine anew after it was off for so long."""
        self.machine.restart(round(down * SECOND), jump=round(jump * SECOND))
        self._set_wall(down + jump)

    def _set_wall(self, forward: float) -> None:
        if self.is_postgres:
            move_database_clock(self.database, forward)

    @asynccontextmanager
    async def server(
        self, machine: FakeMachine | None = None
    ) -> AsyncIterator[tuple[Store, SystemClock]]:
        """Run a server's store, or that of one on another machine, for the block."""
        clock = (machine or self.machine).clock()
        async with open_store(self.location, clock) as store:
            yield store, clock
