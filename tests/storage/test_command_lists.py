"""Lists: filters, cursors, and pages that do not grow too heavy."""

from itertools import combinations

import pytest

from pushserver.clock import SECOND
from pushserver.model.command import Command
from pushserver.model.ids import IdGenerator
from pushserver.model.in_flight import InFlight
from pushserver.model.scope import DEFAULT_SCOPE_ID
from pushserver.model.state import CommandState
from pushserver.storage.base import Store
from pushserver.storage.history import CommandFilter
from tests.clock import START, ManualClock
from tests.model.factories import (
    DEVICE,
    TIMEOUT,
    at_most_once_command,
    command,
    order,
    result,
)
from tests.storage.queue_actions import (
    add_results,
    command_record,
    enqueue_commands,
    expire_overdue,
    poll,
    poll_command,
    post_result,
    try_cancel,
)

MEGABYTE = 1024 * 1024


async def command_ids(
    store: Store,
    filters: CommandFilter,
    *,
    before: int | None = None,
    limit: int = 1000,
) -> list[int]:
    """Return the ids of a page of commands."""
    page = await store.commands(DEFAULT_SCOPE_ID, filters, before=before, limit=limit)
    return [record.command.id for record in page]


@pytest.fixture(name="history")
async def _history(store: Store, clock: ManualClock) -> list[Command]:
    """Return commands of three devices, one each second, in many states."""
    ids, commands = IdGenerator(clock.now), []
    for n in range(24):
        one = at_most_once_command(
            ("load_objects", "reboot")[n % 2],
            id=ids(),
            device_id=1 + n % 3,
            created_at=clock.now(),
            expires_at=clock.now() + SECOND * 3600,
            operation_id=77 if n % 5 == 0 else None,
            supersede_key="k" if n % 4 == 0 else None,
        )
        commands.append(one)
        await enqueue_commands(store, one)
        clock.tick(seconds=1)
    for n in (0, 1, 2):
        await try_cancel(store, commands[20 + n])
    for device in (1, 2):
        in_flight = await poll_for(store, device, clock.now())
        await post_result(store, in_flight, clock.now(), failed=device == 2)
    in_flight = await poll_for(store, 3, clock.now())
    await expire_overdue(store, clock.now() + TIMEOUT, device=3)
    return [(await command_record(store, one)).command for one in commands]


async def poll_for(store: Store, device: int, now: int) -> InFlight:
    """Let a device poll; it must be given something."""
    in_flight = await poll(store, now, device=device, uuid=f"u{device}")
    assert in_flight is not None
    return in_flight


async def test_newest_first(store: Store, history: list[Command]) -> None:
    """Without a filter all commands are listed, the newest first."""
    assert [c.id for c in reversed(history)] == await command_ids(
        store, CommandFilter()
    )


FILTERS = {
    "states": frozenset(
        {CommandState.PENDING, CommandState.CANCELED, CommandState.SUCCESSFUL}
    ),
    "device_id": 2,
    "endpoint": "reboot",
    "created_after": START + 3 * SECOND,
    "created_before": START + 21 * SECOND,
    "operation_id": 77,
    "supersede_key": "k",
}


def fits(one: Command, query: CommandFilter) -> bool:
    """Return whether a command matches, by the definition."""
    return (
        (not query.states or one.state in query.states)
        and query.device_id in (None, one.device_id)
        and query.endpoint in (None, one.endpoint)
        and (query.created_after is None or one.created_at > query.created_after)
        and (query.created_before is None or one.created_at < query.created_before)
        and query.operation_id in (None, one.operation_id)
        and query.supersede_key in (None, one.supersede_key)
    )


@pytest.mark.parametrize("size", range(len(FILTERS) + 1))
async def test_filters(store: Store, history: list[Command], size: int) -> None:
    """Filters say what they say, alone and together, page by page."""
    for names in combinations(FILTERS, size):
        filters = CommandFilter(**{name: FILTERS[name] for name in names})  # type: ignore[arg-type]
        expected = [c.id for c in reversed(history) if fits(c, filters)]

        assert expected == await command_ids(store, filters), names
        assert expected == await ids_page_by_page(store, filters), names
        assert expected == [c.id for c in reversed(history) if filters.matches(c)]


async def ids_page_by_page(store: Store, filters: CommandFilter) -> list[int]:
    """Return the ids of all commands that match, read three at a time."""
    ids: list[int] = []
    while page := await command_ids(
        store, filters, before=ids[-1] if ids else None, limit=3
    ):
        ids += page
    return ids


@pytest.mark.parametrize("state", list(CommandState))
async def test_each_state(
    store: Store, history: list[Command], state: CommandState
) -> None:
    """Each state can be asked for."""
    expected = [c.id for c in reversed(history) if c.state is state]

    assert expected == await command_ids(
        store, CommandFilter(states=frozenset({state}))
    )


async def test_all_states(store: Store, history: list[Command]) -> None:
    """Several states together are merged in order."""
    filters = CommandFilter(states=frozenset(CommandState))

    assert [c.id for c in reversed(history)][:7] == await command_ids(
        store, filters, limit=7
    )


async def test_records_are_whole(store: Store, history: list[Command]) -> None:
    """A list shows what one command shows."""
    for record in await store.commands(
        DEFAULT_SCOPE_ID, CommandFilter(), before=None, limit=100
    ):
        alone = await store.find_command(DEFAULT_SCOPE_ID, record.command.id)
        assert alone is not None
        assert (record.result, [d.id for d in record.deliveries]) == (
            alone.result,
            [d.id for d in alone.deliveries],
        )
        assert record.command.order == alone.command.order
    assert 24 == len(history)


async def test_created_while_the_clock_went_back(
    store: Store, clock: ManualClock
) -> None:
    """The times of making are what they are, also when ids ran ahead of the clock."""
    ids = IdGenerator(clock.now)
    first = command(id=ids(), created_at=clock.now())
    clock.tick(seconds=-3600)
    second = command(id=ids(), created_at=clock.now())
    await enqueue_commands(store, first, second)
    soon = CommandFilter(created_before=clock.now() + SECOND)

    assert [second.id] == await command_ids(store, soon)


async def test_nothing_found(store: Store, history: list[Command]) -> None:
    """A filter that nothing fits finds nothing."""
    assert [] == await command_ids(store, CommandFilter(device_id=99))
    assert [] == await command_ids(store, CommandFilter(), before=history[0].id)


@pytest.mark.parametrize("field", ["body", "metadata"])
async def test_heavy_commands(store: Store, field: str) -> None:
    """A page of commands ends early when it grows heavy; the rest follows."""
    text = '"' + "x" * 3 * MEGABYTE + '"'
    one_order = order(**{field: text})
    commands = [command(order=one_order) for _ in range(6)]
    for one in commands:
        await enqueue_commands(store, one)
    expected = [c.id for c in reversed(commands)]

    first = await command_ids(store, CommandFilter())
    second = await command_ids(store, CommandFilter(), before=first[-1])

    assert 1 <= len(first) < 6
    assert expected[: len(first) + len(second)] == first + second


async def test_heavy_results(store: Store) -> None:
    """A page of results ends early when it grows heavy; one is always there."""
    sizes = (20, 20, 3, 3, 3, 3)
    came = [result(body=b"x" * size * MEGABYTE) for size in sizes]
    for one in came:
        await add_results(store, one)

    found, pages, after = [], 0, 0
    while page := await store.results(
        DEFAULT_SCOPE_ID, after=after, limit=100, device_id=None, orphan=None
    ):
        found += [one.id for one in page]
        pages, after = pages + 1, page[-1].id

    assert [one.id for one in came] == found
    assert 4 <= pages <= 5


async def test_results(store: Store) -> None:
    """Results come in the order they came, after a cursor, orphans too."""
    queued = command()
    await enqueue_commands(store, queued)
    orphan = result()
    await add_results(store, orphan)
    matched = await post_result(store, await poll_command(store))
    other = result(device_id=5)
    await add_results(store, other)

    async def ids(
        after: int = 0,
        limit: int = 10,
        device_id: int | None = None,
        orphan: bool | None = None,
    ) -> list[int]:
        page = await store.results(
            DEFAULT_SCOPE_ID,
            after=after,
            limit=limit,
            device_id=device_id,
            orphan=orphan,
        )
        return [one.id for one in page]

    everything = [orphan.id, matched.id, other.id]
    assert sorted(everything) == await ids()
    assert [r for r in sorted(everything) if r != other.id] == await ids(
        device_id=DEVICE
    )
    assert sorted([orphan.id, other.id]) == await ids(orphan=True)
    assert [matched.id] == await ids(orphan=False)
    assert [orphan.id] == await ids(device_id=DEVICE, orphan=True)
    assert sorted(everything)[1:] == await ids(after=min(everything))
    assert sorted(everything)[:2] == await ids(limit=2)
    assert [] == await ids(after=max(everything))


async def test_counts(store: Store, history: list[Command]) -> None:
    """
    As many are counted as are listed, up to a bound; the oldest is the first of them.
    """
    of_one = frozenset({2})
    for state in CommandState:
        filters = CommandFilter(states=frozenset({state}), device_ids=of_one)
        listed = await command_ids(store, filters)
        count = await store.count_commands(DEFAULT_SCOPE_ID, filters, up_to=1000)
        bounded = await store.count_commands(DEFAULT_SCOPE_ID, filters, up_to=1)
        oldest = await store.oldest_command(DEFAULT_SCOPE_ID, state, of_one)

        assert (len(listed), min(1, len(listed))) == (count, bounded)
        assert (listed[-1] if listed else None) == oldest
    assert history
