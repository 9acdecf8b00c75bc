"""This server's place among others over the same database.

One connection listens to what others tell, tells them what happened here, and holds
the locks that only one server can have: of a node's number, and of leading. Whoever
loses the connection has lost them, and knows nothing of the others until it is back.
"""

import asyncio
import random
from collections.abc import Callable, Collection, Iterable, Sequence
from contextlib import suppress

import attrs
import psycopg
import structlog

from pushserver.errors import Unavailable
from pushserver.model.changes import Changes
from pushserver.model.device import Device
from pushserver.model.ids import IdSource
from pushserver.model.news import News
from pushserver.storage.postgres.ear import Ear
from pushserver.storage.postgres.gathering import Gathering
from pushserver.storage.postgres.hours import Hours
from pushserver.storage.postgres.known import Known
from pushserver.storage.postgres.link import Link
from pushserver.storage.postgres.net import Net
from pushserver.storage.postgres.session import Session
from pushserver.storage.postgres.silence import cut_silent
from pushserver.storage.sql.work import watched

log = structlog.get_logger(__name__)

#: The first halves of locks with two; those of devices have one.
_NODE, _LEAD = 1, 2
_NODES = 1024
#: Seconds from one look to the next, and until a lost connection is made anew.
_EVERY, _PAUSE = 1.0, 0.2
#: Looks that one who is alone still takes: who went may have left something untold.
_LONELY = 10
# A machine that is gone must not lead for long, also if something between it and the
# database goes on to answer for it; but one that is busy may be silent for a while.
_GREET = (
    "LISTEN pushserver; SET tcp_keepalives_idle = 3; SET tcp_keepalives_interval = 1;"
    " SET tcp_keepalives_count = 3; SET idle_session_timeout = '8s';"
    # What is told is gone with a crash anyhow, and nobody should wait for the disk.
    " SET synchronous_commit = off"
)
# Who starts anew takes no number that another may have lost a moment ago.
_TAKE = (
    "SELECT (n + ?1) % ?2 FROM generate_series(0, ?2 - 1) AS n"
    f" WHERE pg_try_advisory_lock({_NODE}, CAST((n + ?1) % ?2 AS INTEGER)) LIMIT 1"
)
_TRY = f"SELECT pg_try_advisory_lock({_LEAD}, 0)"
_OTHERS = (
    "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND objsubid = 2"
    f" AND classid = {_NODE} AND granted AND pid <> pg_backend_pid() AND database ="
    " (SELECT oid FROM pg_database WHERE datname = current_database())"
)
_TELL = "SELECT pg_notify('pushserver', piece) FROM unnest(CAST(? AS TEXT[])) AS piece"
_PING = "SELECT 1"


@attrs.define(eq=False, kw_only=True)
class Desk:
    """
    Tells `listeners` what others did, on the event loop, after `known` heard it.

    `writers` are the database's processes by which this server writes: what they tell
    is known here.
    """

    session: Session
    hours: Hours
    new_id: IdSource
    known: Known
    writers: Callable[[], Collection[int]]
    gathering: Gathering = attrs.Factory(Gathering)
    net: Net = attrs.Factory(Net)
    ear: Ear = attrs.Factory(Ear)
    listeners: list[Callable[[News], None]] = attrs.Factory(list)
    is_open: bool = attrs.field(default=False, init=False)
    _leads: bool = attrs.field(default=False, init=False)
    _node: int | None = attrs.field(default=None, init=False)
    _alone: int = attrs.field(default=0, init=False)
    _bell: asyncio.Event = attrs.field(factory=asyncio.Event, init=False)
    _link: Link | None = attrs.field(default=None, init=False)
    _pid: int = attrs.field(default=0, init=False)
    _task: "asyncio.Task[None] | None" = attrs.field(default=None, init=False)

    @property
    def leads(self) -> bool:
        """Tell whether it is this server that does what is done once for all."""
        return self._leads and self.is_open

    def hears(self) -> bool:
        """Tell whether what others do is heard here."""
        return self.is_open

    def note(self, changes: Changes) -> None:
        """Tell others what was committed."""
        self.gathering.note(changes, self.known)
        self._ring()

    def see(self, devices: Iterable[Device]) -> None:
        """Tell others what was seen of *devices*."""
        self.gathering.see(devices)
        self._ring()

    async def hear(self) -> None:
        """
        Hear what others told until now.

        Raises:
            Unavailable: nobody can be heard.
        """
        if not self.is_open:
            raise Unavailable("The connection to other servers is lost.")
        await self._turn(ask=True)

    def prefer(self, node: int) -> None:
        """Take this number, or the next that is free, when a place is taken."""
        self._node = node

    def _ring(self) -> None:
        if self._alone >= _LONELY:
            self.gathering.clear()
        elif self.gathering:
            self._bell.set()

    async def open(self) -> None:
        """
        Take a place.

        Raises:
            Unavailable: the database is away.
        """
        self._say(await self._enter())
        self._task = asyncio.create_task(self._stay(), name="desk")

    async def close(self) -> None:
        """Give the place back, once what was gathered is told."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])
        if self.is_open:
            telling = self._take()
            with suppress(Unavailable):
                await self.session.run(lambda link: _tell(link, telling))
        self.is_open = False
        await self.session.close()

    async def _stay(self) -> None:
        """Hear and tell; come back whenever the connection was lost."""
        while True:
            try:
                if not self.is_open:
                    self._say(await self._enter())
                await self._turns()
            except Unavailable as error:
                self.is_open = self._leads = False
                log.warning("desk.lost", reason=error.detail)
                await asyncio.sleep(_PAUSE)
            except Exception:
                log.exception("desk.failed")
                await asyncio.sleep(_PAUSE)

    async def _enter(self) -> News:
        """Take the locks; return that everything is to be looked at."""
        found, offset = await self.session.run(self._greet)
        self.hours.hear(offset)
        self.is_open = True
        return attrs.evolve(found, everything=True)

    def _greet(self, link: Link) -> tuple[News, int]:
        link.raw.execute(_GREET, prepare=False)
        self.ear.open(link)
        self._link, self._pid = link, link.pid
        start = random.randrange(_NODES) if self._node is None else self._node  # noqa: S311 - no secret
        found = link.execute(_TAKE, (start, _NODES)).fetchone()
        if found is None:
            raise Unavailable("There are too many servers over this database.")
        self._node = int(found[0])
        self.new_id.become(self._node)
        self._leads = bool((link.execute(_TRY).fetchone() or (False,))[0])
        _tell(link, ["{}"])
        self._alone = 0 if _others(link) else _LONELY
        return self.net.spread(link, self.hours.now()), self.hours.ask(link)

    async def _turns(self) -> None:
        loop = asyncio.get_running_loop()
        due = loop.time()
        while True:
            look = loop.time() >= due
            if look:
                due = loop.time() + _EVERY
            if look or self.gathering or not self._listen():
                await self._turn(look=look)
            await self._wait(due)

    def _listen(self) -> bool:
        """Hear what came, at once, if nothing is being done on the connection."""
        link = self._link
        if link is None or not link.is_open or not self.session.is_idle:
            return False
        self._bell.clear()
        try:
            self.ear.take_in(link)
        except psycopg.Error:
            return False
        self._hear()
        return True

    async def _turn(self, *, look: bool = False, ask: bool = False) -> None:
        """Hear what came, tell what was gathered, and *look* around; *ask* for more."""
        self._bell.clear()
        telling = self._take()
        try:
            found = await self.session.run(
                lambda link: self._do(link, telling, look, ask)
            )
        except Unavailable:
            self.gathering.lose()
            raise
        self._hear()
        if found is not None:
            self._say(found)

    def _hear(self) -> None:
        for news in self.ear.heard({*self.writers(), self._pid}):
            self._alone = 0
            self._say(news)

    def _say(self, news: News) -> None:
        if news == _NOTHING:
            return
        self.known.hear(news)
        for listener in self.listeners:
            watched(listener, news)

    def _take(self) -> Sequence[str]:
        """Return what is to be told, if there may be anybody."""
        if self._alone >= _LONELY:
            self.gathering.clear()
        return self.gathering.take()

    def _do(
        self, link: Link, telling: Sequence[str], look: bool, ask: bool
    ) -> News | None:
        if link is not self._link:
            link.close()
            raise Unavailable("The connection was lost.")
        if ask:
            # Before it answers, the database sends what was told until then.
            link.execute(_PING)
        self.ear.take_in(link)
        _tell(link, telling)
        return self._look(link) if look else None

    def _look(self, link: Link) -> News | None:
        """Lead if nobody does; look for what was missed unless there is nobody."""
        if not self._leads:
            self._leads = bool((link.execute(_TRY).fetchone() or (False,))[0])
        cut_silent(link, self.session.database.sessions)
        self._alone = 0 if _others(link) else self._alone + 1
        self.hours.hear(self.hours.ask(link))
        if self._alone >= _LONELY and not self.net.is_behind:
            return None
        return self.net.look(link, self.hours.now(), self.new_id.node)

    async def _wait(self, due: float) -> None:
        """Wait until somebody tells something, here or elsewhere, or it is time."""
        loop, link = asyncio.get_running_loop(), self._link
        if link is None or not link.is_open:
            return
        line = link.raw.fileno()
        loop.add_reader(line, self._bell.set)
        try:
            async with asyncio.timeout_at(due):
                await self._bell.wait()
        except TimeoutError:
            return
        finally:
            loop.remove_reader(line)


def _others(link: Link) -> int:
    """Return how many other servers there are."""
    return int((link.execute(_OTHERS).fetchone() or (0,))[0])


def _tell(link: Link, pieces: Sequence[str]) -> None:
    if pieces:
        link.execute_columns(_TELL, [(piece,) for piece in pieces])


_NOTHING = News()
