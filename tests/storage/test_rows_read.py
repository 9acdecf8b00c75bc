"""What a store reads does not grow with what is over: counted, on every store."""

import pytest

from pushserver.clock import SECOND
from pushserver.composition import build_services
from pushserver.model.ids import MAX_INT64
from pushserver.settings import Settings
from pushserver.storage.base import Old, Store
from tests.clock import START, ManualClock
from tests.model.values import command
from tests.services.desk import Desk
from tests.storage.asked import READS
from tests.storage.counting import Count, counting, plan_for_any
from tests.storage.deeds import ask, enqueue, report, tend, written
from tests.storage.outbox import subscription
from tests.storage.past import DEVICES, ONE, RARE, fill

Counts = dict[str, Count]
#: More than happens in a day: to find what was made before an instant, as much is read.
SHORT = 1500


async def cycle(store: Store) -> Counts:
    """Count what each step of a command's way takes, on a device with a long past."""
    counts: Counts = {}
    async with counting(store) as counts["enqueue"]:
        await enqueue(store, command(device_id=ONE, expires_at=START + SECOND))
        await enqueue(store, command(device_id=ONE))
    async with counting(store) as counts["overdue"]:
        assert [ONE] == list(await store.overdue(START + SECOND))
    async with counting(store) as counts["expiry"]:
        await tend(store, START + SECOND, ONE)
    async with counting(store) as counts["hand-out"]:
        flight = await ask(store, uuid="new", device=ONE)
    assert flight is not None
    async with counting(store) as counts["written"]:
        await written(store, flight)
    async with counting(store) as counts["result"]:
        await report(store, flight)
    return counts


async def everything(store: Store) -> Counts:
    """Count what each thing takes that is asked of a store."""
    counts: Counts = {}
    for name, read in READS.items():
        async with counting(store) as counts[name]:
            await read(store)
    return counts | await cycle(store)


def grown(short: Counts, long: Counts) -> dict[str, str]:
    """Return what took more over a long past than over a short one."""
    return {
        name: f"rows {less.rows} -> {more.rows}, pages {less.pages} -> {more.pages}"
        for name, (less, more) in {n: (short[n], long[n]) for n in long}.items()
        if is_more(less, more)
    }


def is_more(short: Count, long: Count) -> bool:
    """
    Tell whether more was read.

    Where few rows fit, all of them may be read and sorted; what was changed a moment
    ago leaves some that are passed over; and indexes of a million have a page or two
    more from the root to the leaf than those of a few.
    """
    rows, pages = 1.1 * short.rows + 2 * RARE, 2 * short.pages + RARE
    return long.rows > rows or long.pages > pages


@pytest.mark.parametrize(
    "long", [10 * SHORT, pytest.param(1_000_000, marks=pytest.mark.proof)]
)
async def test_nothing_grows(store: Store, long: int) -> None:
    """Whatever is asked reads no more when more is over, however it is planned."""
    for each in (1, 2):
        await store.subscriptions.add_subscription(subscription(id=each))
    await fill(store, 0, SHORT)
    short = await everything(store)
    await fill(store, SHORT, long)

    assert {} == grown(short, await everything(store))
    await plan_for_any(store)
    assert {} == grown(short, await everything(store))


async def test_what_is_counted(store: Store) -> None:
    """A statement that goes through everything is seen to do so."""
    await fill(store, 0, SHORT)
    async with counting(store) as count:
        await store.history.count_old(Old(MAX_INT64))

    assert count.rows >= SHORT


async def test_idle_polls(store: Store, clock: ManualClock, database: str) -> None:
    """A poll that finds nothing is no statement, whatever the device did before."""
    await fill(store, 0, SHORT)
    desk = Desk(build_services(Settings(database=database), store, clock), clock)
    await desk.services.fleet.load()
    async with counting(store) as count:
        polled = [await desk.poll(device=1 + n) for n in range(DEVICES)]

    assert [None] * DEVICES == polled
    assert [] == count.statements
