"""The PostgreSQL store: any number of processes over one database."""

import asyncio
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import AsyncExitStack
from functools import partial
from typing import Self, TypeVar

import attrs

from pushserver.clock import Clock
from pushserver.errors import Misconfigured, Unavailable
from pushserver.model.changes import Changes
from pushserver.model.command import Order
from pushserver.model.device import Device, Stray
from pushserver.model.event import EventType
from pushserver.model.ids import IdSource
from pushserver.model.lane import Lane
from pushserver.model.load import Load
from pushserver.model.news import News
from pushserver.model.state import IN_FLIGHT, State
from pushserver.storage.deciding import Decision, Recall, Then
from pushserver.storage.postgres import times
from pushserver.storage.postgres.desk import Desk
from pushserver.storage.postgres.hours import Hours
from pushserver.storage.postgres.known import Known
from pushserver.storage.postgres.link import READER, WRITER, Link
from pushserver.storage.postgres.loads import loads
from pushserver.storage.postgres.moving import Moving
from pushserver.storage.postgres.rounds import Rounds
from pushserver.storage.postgres.schema import install
from pushserver.storage.postgres.session import Database, Pool, Session
from pushserver.storage.postgres.settled import Settled
from pushserver.storage.sql.history import SqlHistory
from pushserver.storage.sql.interests import SqlInterests
from pushserver.storage.sql.newest import largest_id
from pushserver.storage.sql.operations import SqlOperations
from pushserver.storage.sql.orders import Orders
from pushserver.storage.sql.places import Places
from pushserver.storage.sql.shadows import SqlShadows
from pushserver.storage.sql.store import SqlStore
from pushserver.storage.sql.subscriptions import SqlSubscriptions
from pushserver.storage.sql.tasks import SqlTasks
from pushserver.storage.sql.upgrades import SqlUpgrades
from pushserver.storage.sql.work import Job, Writer

T = TypeVar("T")

#: Connections that write, and that read: for hand-outs, for lists, for workers.
_WRITERS, _HOT, _LISTS, _WORKERS = 4, 2, 2, 1
#: Seconds that a round may take, and a reading.
_ROUND, _READING = 5, 20
#: And what is asked all the time: a network that is silent for so long is gone.
_DESK = 2


@attrs.define(eq=False, kw_only=True, repr=False)
class PostgresStore(SqlStore):
    """
    A database that others write, too.

    Decisions are taken on lanes that were read and locked for them; `known` is only
    what this process happens to know.
    """

    now: Callable[[], int]
    rounds: Rounds
    known: Known
    desk: Desk
    workers: Pool
    new_id: IdSource
    interest: dict[int, frozenset[EventType]]
    closing: AsyncExitStack
    release: str

    @classmethod
    async def open(cls, url: str, clock: Clock) -> Self:
        """
        Open the database, making the tables where there are none.

        Raises:
            Misconfigured: it cannot be opened.
        """
        database, closing = Database(url), AsyncExitStack()
        try:
            return await cls._open(database, clock, closing)
        except Unavailable as error:
            await closing.aclose()
            raise Misconfigured(f"Cannot open the database: {error}") from error
        except BaseException:
            await closing.aclose()
            raise

    @classmethod
    async def _open(
        cls, database: Database, clock: Clock, closing: AsyncExitStack
    ) -> Self:
        def session(patience: int, name: str = READER, **how: bool) -> Session:
            made = Session(database, patience, name, **how)
            closing.push_async_callback(made.close)
            return made

        def pool(size: int, *, picky: bool = False) -> Pool:
            return Pool([session(_READING, picky=picky) for _ in range(size)])

        def own() -> set[int]:
            return {each.pid for each in writers if each.pid is not None}

        writers = [session(_ROUND, WRITER) for _ in range(_WRITERS)]
        hours = Hours(clock)
        await writers[0].run(partial(install, now=clock.now()))
        hours.hear(await writers[0].run(hours.ask))
        floor = await writers[0].run(largest_id)
        new_id = IdSource(hours.now, floor=floor)
        interest: dict[int, frozenset[EventType]] = {}
        known = Known(set(), Orders(), clock.now)
        rounds = Rounds(writers, known, clock.now, new_id, interest, hours)
        # What is rare and what is not has to be listed in different ways.
        write, lists = Writer(rounds), pool(_LISTS, picky=True)
        workers = pool(_WORKERS)
        desk = Desk(
            session=session(_DESK, speaks_for_all=True),
            hours=hours,
            new_id=new_id,
            known=known,
            writers=own,
        )
        closing.push_async_callback(desk.close)
        known.hears = desk.hears
        settled = Settled(
            session=session(_DESK),
            hours=hours,
            new_id=new_id,
            here=rounds.settled,
            writers=own,
            behind=desk.net.doubt,
        )
        await desk.open()
        store = cls(
            now=clock.now,
            rounds=rounds,
            known=known,
            desk=desk,
            hot=pool(_HOT),
            lists=lists,
            workers=workers,
            write=write,
            settled=settled,
            operations=SqlOperations(lists, workers, write, Places(remembers=False)),
            tasks=SqlTasks(workers, write, Moving(session(_READING))),
            upgrades=SqlUpgrades(lists),
            shadows=SqlShadows(lists, workers),
            subscriptions=SqlSubscriptions(workers, write, settled),
            interests=SqlInterests(workers, write),
            history=SqlHistory(workers, write),
            new_id=new_id,
            interest=interest,
            closing=closing,
            release=await writers[0].run(_release),
        )
        store.watch(store._keep_orders)
        store.watch(desk.note)
        return store

    async def change(
        self,
        device_id: int,
        decide: Decision[T],
        recall: Recall | None = None,
        then: Then[T] | None = None,
    ) -> T:
        """Let *decide* change the device's lane, in one of the next rounds."""
        future = asyncio.get_running_loop().create_future()
        job = Job(future, device_id, decide, recall, then)
        value: T = await self.rounds.submit(job)
        return value

    async def order(self, command_id: int) -> Order:
        """Return what the command orders, from memory if it is there."""
        return self.known.orders.find(command_id) or await super().order(command_id)

    def is_idle(self, device_id: int, now: int, grace: int) -> bool:
        """Tell whether there is nothing for the device, as far as is known here."""
        return self.known.is_idle(device_id, now, grace)

    def lane(self, device_id: int) -> Lane | None:
        """Return the lane as this process had it last."""
        return self.known.get(device_id)

    async def loads(
        self, device_ids: Collection[int], scope_id: int | None = None
    ) -> Mapping[int, Load]:
        """Ask the database: this process may never have heard of the lanes."""
        return await self.lists.run(lambda c: loads(c, device_ids, scope_id))

    async def overdue(self, now: int) -> Sequence[int]:
        """Return devices in whose lanes something is due."""
        return await self.workers.run(lambda c: times.overdue(c, now))

    async def live(self, device_ids: Collection[int]) -> Collection[int]:
        """Ask the database, and what waits here to be decided."""
        # What is decided while the database is asked is seen by one of the two.
        waiting = self.rounds.devices & set(device_ids)
        return waiting | await self.workers.run(lambda c: times.live(c, device_ids))

    async def shift(self, jump: int) -> None:
        """Move the deadlines in the database: one server does so for all."""
        if self.leads:
            await self.write(lambda c: times.shift(c, jump, self.now(), self.new_id()))
        self.known.shift(jump)

    async def save_seen(
        self, devices: Sequence[Device], strays: Sequence[Stray], *, keep: int
    ) -> None:
        """Write what was seen, and tell it to others."""
        await super().save_seen(devices, strays, keep=keep)
        self.desk.see(devices)

    @property
    def leads(self) -> bool:
        """Whether this server has the lock of the one that leads."""
        return self.desk.leads

    @property
    def version(self) -> str:
        """Name the database's release, as it was at the start."""
        return f"PostgreSQL {self.release}"

    @property
    def is_shared(self) -> bool:
        """Others may come at any time."""
        return True

    def follow(self, listener: Callable[[News], None]) -> None:
        """Tell *listener* what others did."""
        self.desk.listeners.append(listener)

    async def hear(self) -> None:
        """Let the desk ask."""
        await self.desk.hear()

    def watch(self, observer: Callable[[Changes], None]) -> None:
        """Call *observer* after each commit."""
        self.rounds.observers.append(observer)

    async def close(self) -> None:
        """Write what waits and close."""
        await self.rounds.stop()
        await self.closing.aclose()

    def _keep_orders(self, changes: Changes) -> None:
        for command in changes.added:
            if command.state is State.PENDING:
                self.known.orders.admit(command)
        for move in changes.moves:
            if move.command.state not in IN_FLIGHT:
                self.known.orders.drop(move.command.id)


def _release(link: Link) -> str:
    """Return the database's release, as it says it itself."""
    return str(link.raw.info.parameter_status("server_version"))
