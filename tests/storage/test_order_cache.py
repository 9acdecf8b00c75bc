"""The number of orders that are cached in memory is bounded."""

from pushserver.model.command import Command
from pushserver.storage.sql.order_cache import MAX_ORDER_SIZE, OrderCache
from tests.model.factories import command, order


def sized(size: int) -> Command:
    """Return a command whose body has *size* characters."""
    return command(order=order(body="x" * size))


def test_kept_and_dropped() -> None:
    """An order is at hand until its command waits no longer."""
    orders, one = OrderCache(), sized(10)
    orders.add(one)
    assert one.order is not None

    orders.remove(one.id)
    orders.remove(one.id)

    assert one.order is None


def test_large() -> None:
    """A large order is not cached: it is read when it is needed."""
    large, notes = (
        sized(MAX_ORDER_SIZE),
        command(order=order(metadata="x" * MAX_ORDER_SIZE)),
    )
    orders = OrderCache()
    orders.add(large)
    orders.add(notes)

    assert (None, None) == (large.order, notes.order)


def test_bounded() -> None:
    """When there is no room the oldest are dropped."""
    orders, commands = OrderCache(capacity=10_000), [sized(1000) for _ in range(20)]
    for one in commands:
        orders.add(one)

    in_memory = [one.order is not None for one in commands]

    assert [False] * 13 + [True] * 7 == in_memory


def test_room_again() -> None:
    """Orders that were dropped make room."""
    orders, commands = OrderCache(capacity=3000), [sized(1000) for _ in range(20)]
    for one in commands:
        orders.add(one)
        orders.remove(one.id)
    last = [sized(1000), sized(1000)]
    for one in last:
        orders.add(one)

    assert all(one.order is not None for one in last)
