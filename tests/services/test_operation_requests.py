"""Operations as programs ask for them: once for a key, and who began them."""

import asyncio

import pytest

from pushserver.errors import IdempotencyMismatch, NotFound
from pushserver.model.scope import DEFAULT_SCOPE_ID
from pushserver.storage.operations import OperationFilter
from tests.model.factories import DEVICE
from tests.model.operation_scenario import TOKEN_ID
from tests.services.operation_driver import OperationDriver

ONE, TWO, THREE = "load_objects", "user_set_image", "user_get_image"
ONE, TWO, THREE = "load_objects", "user_set_image", "user_get_image"


async def test_key(operation_driver: OperationDriver) -> None:
    """The same request again begins nothing, and is answered as the first time."""
    await operation_driver.adopt(DEVICE)
    first, again = (
        await operation_driver.create_idempotent(ONE),
        await operation_driver.create_idempotent(ONE),
    )

    assert first.operation is not None
    assert (first.answer, None) == (again.answer, again.operation)
    with pytest.raises(IdempotencyMismatch):
        await operation_driver.create_idempotent(TWO, fingerprint="g")
    operations = operation_driver.services.store.operations
    assert 1 == await operations.count_operations(DEFAULT_SCOPE_ID, OperationFilter())


async def test_key_at_once(operation_driver: OperationDriver) -> None:
    """Of ten at the same moment one is started."""
    await operation_driver.adopt(DEVICE)

    started = await asyncio.gather(
        *(operation_driver.create_idempotent(ONE) for _ in range(10))
    )

    assert 1 == len({each.answer for each in started})
    assert 1 == sum(each.operation is not None for each in started)


async def test_not_there(operation_driver: OperationDriver) -> None:
    """An operation that does not exist, or is another scope's, is not found."""
    of = await operation_driver.create_operation(ONE)
    operations = operation_driver.services.operations

    for scope, operation_id in ((DEFAULT_SCOPE_ID, 5), (DEFAULT_SCOPE_ID + 1, of.id)):
        with pytest.raises(NotFound):
            await operations.get(scope, operation_id)
        with pytest.raises(NotFound):
            await operations.cancel(scope, operation_id)


async def test_who_began_it(operation_driver: OperationDriver) -> None:
    """The server's notifications are by the token that started the operation."""
    of = await operation_driver.create_operation(ONE)
    (notification,) = await operation_driver.services.store.notifications.notifications(
        DEFAULT_SCOPE_ID, of.id, after=0, limit=9
    )

    assert (TOKEN_ID, TOKEN_ID) == (of.created_by.token_id, notification.created_by)
