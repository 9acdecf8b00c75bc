"""
The rows that a store reads do not grow with finished work: counted, on every store.
"""

import pytest

from pushserver.clock import SECOND
from pushserver.composition import build_services
from pushserver.model.ids import MAX_INT64
from pushserver.settings import Settings
from pushserver.storage.base import Store
from pushserver.storage.retention import PurgeCutoff
from tests.clock import START, ManualClock
from tests.model.factories import command
from tests.services.driver import ServiceDriver
from tests.storage.bulk_history import DEVICES, ONE_DEVICE, RARE_ROWS, insert_history
from tests.storage.queries import ALL_QUERIES
from tests.storage.queue_actions import (
    enqueue_commands,
    expire_overdue,
    mark_written,
    poll,
    post_result,
)
from tests.storage.read_counts import ReadCount, count_reads, use_generic_plans
from tests.storage.subscriptions import subscription

Counts = dict[str, ReadCount]
#: More than happens in a day: to find what was made before an instant, as much is read.
SHORT = 1500


async def count_command_cycle(store: Store) -> Counts:
    """Count what each step of a command's way takes, on a device with a long past."""
    counts: Counts = {}
    async with count_reads(store) as counts["enqueue"]:
        await enqueue_commands(
            store, command(device_id=ONE_DEVICE, expires_at=START + SECOND)
        )
        await enqueue_commands(store, command(device_id=ONE_DEVICE))
    async with count_reads(store) as counts["overdue"]:
        assert [ONE_DEVICE] == list(await store.overdue_devices(START + SECOND))
    async with count_reads(store) as counts["expiry"]:
        await expire_overdue(store, START + SECOND, ONE_DEVICE)
    async with count_reads(store) as counts["hand-out"]:
        in_flight = await poll(store, uuid="new", device=ONE_DEVICE)
    assert in_flight is not None
    async with count_reads(store) as counts["written"]:
        await mark_written(store, in_flight)
    async with count_reads(store) as counts["result"]:
        await post_result(store, in_flight)
    return counts


async def count_everything(store: Store) -> Counts:
    """Count what each thing takes that is asked of a store."""
    counts: Counts = {}
    for name, read in ALL_QUERIES.items():
        async with count_reads(store) as counts[name]:
            await read(store)
    return counts | await count_command_cycle(store)


def grown(short: Counts, long: Counts) -> dict[str, str]:
    """Return what took more over a long past than over a short one."""
    return {
        name: f"rows {less.rows} -> {more.rows}, pages {less.pages} -> {more.pages}"
        for name, (less, more) in {n: (short[n], long[n]) for n in long}.items()
        if is_more(less, more)
    }


def is_more(short: ReadCount, long: ReadCount) -> bool:
    """
    Return whether more was read.

    Where few rows fit, all of them may be read and sorted; what was changed a moment
    ago leaves some that are passed over; and indexes of a million have a page or two
    more from the root to the leaf than those of a few.
    """
    rows, pages = 1.1 * short.rows + 2 * RARE_ROWS, 2 * short.pages + RARE_ROWS
    return long.rows > rows or long.pages > pages


@pytest.mark.parametrize(
    "long", [10 * SHORT, pytest.param(1_000_000, marks=pytest.mark.proof)]
)
async def test_nothing_grows(store: Store, long: int) -> None:
    """Whatever is asked reads no more when more is over, however it is planned."""
    for each in (1, 2):
        await store.subscriptions.add_subscription(subscription(id=each))
    await insert_history(store, 0, SHORT)
    short = await count_everything(store)
    await insert_history(store, SHORT, long)

    assert {} == grown(short, await count_everything(store))
    await use_generic_plans(store)
    assert {} == grown(short, await count_everything(store))


async def test_what_is_counted(store: Store) -> None:
    """A statement that goes through everything is seen to do so."""
    await insert_history(store, 0, SHORT)
    async with count_reads(store) as count:
        await store.retention.count_older(PurgeCutoff(MAX_INT64))

    assert count.rows >= SHORT


async def test_idle_polls(store: Store, clock: ManualClock, database: str) -> None:
    """A poll that finds nothing is no statement, whatever the device did before."""
    await insert_history(store, 0, SHORT)
    driver = ServiceDriver(
        build_services(Settings(database=database), store, clock), clock
    )
    await driver.services.devices.load()
    async with count_reads(store) as count:
        polled = [await driver.poll(device=1 + n) for n in range(DEVICES)]

    assert [None] * DEVICES == polled
    assert [] == count.statements
