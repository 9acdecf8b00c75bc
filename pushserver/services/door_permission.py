"""Only a token that may open doors may have them opened, in whatever way."""

from collections.abc import Iterable

from pushserver.errors import Forbidden
from pushserver.model.order import Order
from pushserver.model.task import Task
from pushserver.model.token import Permission, Token
from pushserver.services.device_protocols import DeviceProtocols
from pushserver.storage.base import Store


def require_door_permission(
    token: Token, protocols: DeviceProtocols, orders: Iterable[Order]
) -> None:
    """
    Check that *token* may give these orders to devices of any installed protocol.

    Raises:
        Forbidden: one opens a door, and the token may not.
    """
    if token.has_permission(Permission.COMMANDS_DOOR):
        return
    if any(each.opens_door(order) for order in orders for each in protocols.installed):
        raise Forbidden(
            "A command that opens a door needs the permission commands:door, too."
        )


async def require_door_permission_for_task(
    token: Token, protocols: DeviceProtocols, store: Store, task: Task
) -> None:
    """
    Check that *token* may have the steps of a task done.

    Raises:
        Forbidden: one of them opens a door, and the token may not.
    """
    if token.has_permission(Permission.COMMANDS_DOOR):
        return
    keys = [(task.id, number) for number in range(task.step_count)]
    found = await store.operations.steps(keys)
    orders = [step.request.order for step in found]
    require_door_permission(token, protocols, orders)
