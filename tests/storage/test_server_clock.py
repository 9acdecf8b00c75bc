"""Server time goes on across restarts, whatever the wall clock does meanwhile."""

from collections.abc import Iterator
from contextlib import AsyncExitStack
from typing import Any, cast

import attrs
import pytest
from psycopg import Cursor

from pushserver.clock import CORRECTIONS, SECOND, ClockPeriod, wall_time
from pushserver.model.command import Command
from pushserver.services.clock_watch import ClockWatch
from pushserver.storage.base import Store
from pushserver.storage.postgres.connection.connection import Connection
from pushserver.storage.postgres.store import PostgresStore
from tests.clock import FakeMachine
from tests.model.factories import at_most_once_command, command
from tests.storage.cluster import wait_until_leading
from tests.storage.locations import StoreLocation
from tests.storage.machine import StoreMachine
from tests.storage.queue_actions import enqueue_commands, get_lane

YEAR = 365 * 86_400
JUMPS = pytest.mark.parametrize("jump", [-YEAR, -3600, 0, 3600, 10 * YEAR])
#: What the test itself takes, at most, in seconds.
SLACK = 5
#: By how much the measured clock of a database may be behind.
EARLY = 0.5


@pytest.fixture(name="machine")
def _machine(location: StoreLocation, database: str) -> Iterator[StoreMachine]:
    """Return the machine of a server over each store."""
    machine = StoreMachine(location, database)
    with machine.with_own_wall_clock():
        yield machine


async def enqueue(store: Store, now: int, seconds: int = 30) -> None:
    """Enqueue a door and something that may be given twice, for so many seconds."""
    limits: dict[str, Any] = {"created_at": now, "expires_at": now + seconds * SECOND}
    await enqueue_commands(store, at_most_once_command(**limits), command(**limits))


async def waiting(store: Store) -> list[Command]:
    """Return what waits: the door, and the other."""
    return (await get_lane(store)).waiting


def seconds_left(commands: list[Command], now: int) -> list[float]:
    """Return how long the commands still wait."""
    return [(each.expires_at - now) / SECOND for each in commands]


@JUMPS
async def test_restart_of_the_server(machine: StoreMachine, jump: int) -> None:
    """Seconds that pass while a server is off count, and no others do."""
    async with machine.server() as (store, clock):
        await enqueue(store, clock.now())
    machine.pass_by(10, jump=jump)

    async with machine.server() as (store, clock):
        left = seconds_left(await waiting(store), clock.now())
        wall = clock.wall()
        assert abs(wall_time(clock.now()) - wall) < SECOND

    assert all(20 - SLACK < each <= 20 + EARLY for each in left), left


@pytest.mark.parametrize("jump", [-1, -0.9, 0.9])
async def test_many_restarts(machine: StoreMachine, jump: float) -> None:
    """A wall clock that moves a little at each restart never makes a door late."""
    async with machine.server() as (store, clock):
        await enqueue(store, clock.now(), 60)
    # A database's clock that goes forward by less than a second is followed.
    forward = jump if machine.is_postgres and jump > 0 else 0
    for passed in range(1, 11):
        machine.pass_by(1, jump=jump)
        async with machine.server() as (store, clock):
            left = seconds_left(await waiting(store), clock.now())
        least, most = 60 - passed * (1 + forward) - SLACK, 60 - passed + EARLY
        assert all(least < each <= most for each in left), (passed, left)


@JUMPS
async def test_jump_before_a_restart(machine: StoreMachine, jump: int) -> None:
    """So it is when the wall clock jumped while the server ran."""
    async with machine.server() as (store, clock):
        await enqueue(store, clock.now())
        machine.pass_by(10, jump=jump)
        await store.clock.anchor_clock()
    machine.pass_by(10)

    async with machine.server() as (store, clock):
        left = seconds_left(await waiting(store), clock.now())

    assert all(10 - SLACK < each <= 10 + EARLY for each in left), left


async def test_back_again(machine: StoreMachine) -> None:
    """A wall clock that was wrong leaves nothing behind: no names, and no ids."""
    async with machine.server() as (store, _):
        first = store.new_id()
    for jump in (10 * YEAR, -10 * YEAR):
        machine.pass_by(60, jump=jump)
        async with machine.server() as (store, clock):
            last = store.new_id()
            now = clock.now()

    assert abs(CORRECTIONS.current) < SECOND
    assert first < last
    assert abs(wall_time(now) - machine.machine.wall_ns // 1000) < SLACK * SECOND


@pytest.mark.parametrize(("down", "left"), [(10, 20), (40, -10)])
async def test_restart_of_the_machine(
    machine: StoreMachine, down: int, left: int
) -> None:
    """A wall clock that is kept right tells how long a machine was off."""
    async with machine.server() as (store, clock):
        await enqueue(store, clock.now())
    machine.restart(down)

    async with machine.server() as (store, clock):
        found = seconds_left(await waiting(store), clock.now())

    assert all(left - SLACK < each <= left + EARLY for each in found), found


@JUMPS
async def test_doubt(machine: StoreMachine, jump: int) -> None:
    """
    If nobody keeps it right, a door expires; the rest has the seconds that were left.
    """
    async with machine.server() as (store, clock):
        await enqueue(store, clock.now(), 86_400)
        await store.clock.anchor_clock()
    machine.machine.is_synchronized = False
    machine.restart(10, jump=jump)

    async with machine.server() as (store, clock):
        door, other = seconds_left(await waiting(store), clock.now())
        assert abs(wall_time(clock.now()) - clock.wall()) < SECOND

    assert door <= 0
    assert 86_400 - SLACK < other <= 86_400 + EARLY


async def test_a_clock_without_battery(machine: StoreMachine) -> None:
    """A machine that starts in 1970, even if trusted, leaves doors in doubt."""
    async with machine.server() as (store, clock):
        await enqueue(store, clock.now())
    machine.restart(10, jump=-50 * YEAR)

    async with machine.server() as (store, clock):
        door, other = seconds_left(await waiting(store), clock.now())

    assert door <= 0 < other


@JUMPS
async def test_planned(machine: StoreMachine, jump: int) -> None:
    """What is planned for an instant stays planned for what people call so."""
    async with machine.server() as (store, clock):
        name = clock.wall() + 20 * YEAR * SECOND
        planned = command(not_before=name, expires_at=name + 30 * SECOND)
        await enqueue_commands(store, planned)
    machine.pass_by(10, jump=jump)

    async with machine.server() as (store, clock):
        (found,) = await waiting(store)
        assert abs(wall_time(found.not_before or 0) - name) < 2 * SECOND
        assert found.not_before is not None
        assert 30 * SECOND == found.expires_at - found.not_before


async def test_names_of_the_past(machine: StoreMachine) -> None:
    """What was before the machine was started anew is called as it was then."""
    async with machine.server() as (store, clock):
        before, name = clock.now(), clock.wall()
        machine.pass_by(60)
        await store.clock.anchor_clock()
    machine.machine.is_synchronized = False
    machine.restart(10, jump=3600)

    async with machine.server() as (_, clock):
        assert abs(wall_time(before) - name) < SECOND
        assert abs(wall_time(clock.now()) - clock.wall()) < SECOND


async def test_servers_know_each_other(machine: StoreMachine) -> None:
    """Each server at work says how far its machine's clock is from the store's."""
    async with machine.server() as (store, _):
        machine.machine.wall_ns += 7_000_000_000
        (only,) = await store.clock.anchor_clock()

    ahead = 7 * SECOND if machine.is_postgres else 0
    assert ("host", True) == (only.host, only.is_synchronized)
    assert abs(only.ahead - ahead) < SLACK * SECOND


@pytest.mark.only_on("postgres")
async def test_the_database_clock_jumps(machine: StoreMachine) -> None:
    """The time of all servers goes on, and the leader tells what it is called."""
    async with machine.server() as (a, ours), machine.server() as (b, theirs):
        await enqueue(a, ours.now())
        before = ours.now()
        machine.pass_by(0, jump=3600)
        await measure(a)
        await measure(b)
        watch = ClockWatch(a, ours)

        assert 1 == await watch.follow() + await watch.follow()
        await measure(b)
        assert abs(CORRECTIONS.current - 3600 * SECOND) < SLACK * SECOND
        for clock in (ours, theirs):
            assert 0 <= clock.now() - before < SLACK * SECOND
        assert all(
            20 < each <= 30 + EARLY for each in seconds_left(await waiting(a), before)
        )


@pytest.mark.only_on("postgres")
async def test_the_database_clock_goes_back(machine: StoreMachine) -> None:
    """A clock that went back is noticed at the next look; server time goes on."""
    async with machine.server() as (store, clock):
        before = clock.now()
        machine.pass_by(10, jump=-3600)
        await measure(store)

        assert abs(clock.wall_ahead() + 3600 * SECOND) < SLACK * SECOND
        assert abs(clock.now() - before - 10 * SECOND) < SLACK * SECOND


@pytest.mark.only_on("postgres")
async def test_a_late_answer(machine: StoreMachine) -> None:
    """An answer that took a minute does not look like a clock that went back."""
    async with machine.server() as (store, clock):
        assert isinstance(store, PostgresStore)
        measure_clock = store.member.cluster.database_clock.measure

        def wait(link: Connection) -> None:
            measure_clock(cast("Connection", _LateAnswers(link, machine)))

        await store.member.connection_thread.run(wait)

        assert abs(clock.wall_ahead()) < SECOND


@attrs.frozen
class _LateAnswers:
    """A connection whose answers arrive a minute late."""

    link: Connection
    machine: StoreMachine

    def execute(self, sql: str) -> Cursor[Any]:
        answer = self.link.execute(sql)
        self.machine.pass_by(60)
        return answer


async def measure(store: Store) -> None:
    """Let a server look at the database's clock, as it does every second."""
    assert isinstance(store, PostgresStore)
    member = store.member
    await member.connection_thread.run(member.cluster.database_clock.measure)


@pytest.mark.only_on("postgres")
@pytest.mark.parametrize("jump", [-YEAR, -3600, -30, 3600, 10 * YEAR])
async def test_a_server_that_joins_after_a_jump(
    machine: StoreMachine, jump: int
) -> None:
    """
    Before anybody has noticed the jump, a server of another machine goes by the time of
    the one at work; when that is gone, it corrects the clock, and time goes on.
    """
    other = FakeMachine(boot_id="other", since_boot_ns=10**15, is_synchronized=False)
    async with AsyncExitStack() as later:
        async with machine.server() as (a, ours):
            await enqueue(a, ours.now())
            before, named = ours.now(), CORRECTIONS.current
            machine.pass_by(0, jump=jump)
            b, theirs = await later.enter_async_context(machine.server(other))

            assert abs(theirs.now() - before) < SLACK * SECOND
        await wait_until_leading(b)
        await measure(b)
        watch = ClockWatch(b, theirs)

        assert 1 == await watch.follow() + await watch.follow()
        assert abs(CORRECTIONS.current - named - jump * SECOND) < SLACK * SECOND
        left = seconds_left(await waiting(b), theirs.now())
        assert all(30 - SLACK < each <= 30 + EARLY for each in left), left


@pytest.mark.only_on("postgres")
async def test_two_jumps(machine: StoreMachine) -> None:
    """A server that finds a correction when the clock is right again stays in time."""
    async with machine.server() as (a, ours), machine.server() as (b, theirs):
        stored = CORRECTIONS.current
        machine.pass_by(0, jump=3600)
        await measure(a)
        await a.clock.correct_clock(ours.wall_ahead())
        # In a process of its own it would still have the old one.
        CORRECTIONS.replace([ClockPeriod(0, stored)])
        machine.pass_by(0, jump=-3600)
        await measure(b)

        assert abs(theirs.now() - ours.now()) < SLACK * SECOND


@pytest.mark.only_on("postgres")
async def test_a_jump_that_the_leader_does_not_correct(machine: StoreMachine) -> None:
    """The time of other servers goes on as the leader's does."""
    async with machine.server(), machine.server() as (b, theirs):
        machine.pass_by(0, jump=3600)
        await measure(b)
        before, watch = theirs.now(), ClockWatch(b, theirs)

        assert [0, 0, 0] == [await watch.follow() for _ in range(3)]
        assert abs(theirs.now() - before) < SLACK * SECOND


@pytest.mark.only_on("postgres")
async def test_a_machine_that_stood_still(machine: StoreMachine) -> None:
    """A server that missed time goes by the leader's."""
    other = FakeMachine(boot_id="other")
    async with machine.server() as (_, ours), machine.server(other) as (b, theirs):
        machine.pass_by(3600)
        await measure(b)
        watch = ClockWatch(b, theirs)

        assert [0, 1] == [await watch.follow() for _ in range(2)]
        assert abs(theirs.now() - ours.now()) < SLACK * SECOND
