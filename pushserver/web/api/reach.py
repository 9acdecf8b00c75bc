"""Keeps a restricted token to its devices, whatever it calls."""

from collections.abc import Awaitable, Callable, Collection

import attrs

from pushserver.errors import Forbidden, NotFound
from pushserver.model.ids import parse_int64
from pushserver.model.task import Task
from pushserver.model.token import Token
from pushserver.services.token_reach import reaches_subscription
from pushserver.storage.operations import OperationFilter
from pushserver.storage.tasks import TaskFilter
from pushserver.web.api.authorized_call import AuthorizedCall

_PAGE_SIZE = 1000


def refuse_whole_scope(
    token: Token, path_params: Collection[str], *, limits_itself: bool
) -> None:
    """
    Check that a restricted token may make a call at all: its path names something.

    A path that names nothing is served by a handler that *limits_itself* to the
    token's devices, and no other.

    Raises:
        Forbidden: the call is about the whole scope.
    """
    if (
        token.is_restricted
        and not limits_itself
        and _REACHES.keys().isdisjoint(path_params)
    ):
        raise Forbidden("This call is about a whole scope; your token is restricted.")


async def require_reach(call: AuthorizedCall) -> None:
    """
    Check that the token concerns what the path names; an unrestricted one does.

    Raises:
        NotFound: it concerns other devices: for it, these do not exist.
    """
    if not call.token.is_restricted:
        return
    for name in _REACHES:
        if name in call.path_params:
            await require_reach_of(call, name, call.path_params[name])
            return


async def require_reach_of(call: AuthorizedCall, name: str, text: str) -> None:
    """
    Check that the token concerns what *text* is the id of, as a path's *name* has it.

    Raises:
        NotFound: it concerns other devices.
    """
    if call.token.is_restricted and not await _REACHES[name](call, text):
        raise NotFound(f"There is no {name.removesuffix('_id')} {text}.")


async def _reaches_device(call: AuthorizedCall, text: str) -> bool:
    device_id = call.services.protocols.identify(text).device_id
    return call.services.token_reach.reaches(call.token, device_id)


async def _reaches_command(call: AuthorizedCall, text: str) -> bool:
    command_id = parse_int64(text, field_name="commandId")
    find = call.services.store.devices_of_commands
    devices = await find(call.token.scope_id, [command_id])
    return call.services.token_reach.reaches(call.token, devices.get(command_id))


async def _reaches_operation(call: AuthorizedCall, text: str) -> bool:
    operation_id = parse_int64(text, field_name="operationId")
    find = call.services.store.operations.find_operation
    operation = await find(call.token.scope_id, operation_id)
    device_id = None if operation is None else operation.device_id
    return call.services.token_reach.reaches(call.token, device_id)


async def _reaches_task(call: AuthorizedCall, text: str) -> bool:
    """Tell whether it made the task: of others, it would see foreign devices."""
    task_id = parse_int64(text, field_name="taskId")
    task = await call.services.store.tasks.find_task(call.token.scope_id, task_id)
    return task is not None and is_own_task(call.token, task)


async def _reaches_subscription(call: AuthorizedCall, text: str) -> bool:
    subscription_id = parse_int64(text, field_name="subscriptionId")
    registry = call.services.subscription_registry
    subscription = registry.get(call.token.scope_id, subscription_id)
    return reaches_subscription(call.token, subscription)


async def _reaches_delivery(call: AuthorizedCall, text: str) -> bool:
    """Tell whether it concerns the device, too: its subscription was of others once."""
    subscription_id = call.path_params["subscription_id"]
    if not await _reaches_subscription(call, subscription_id):
        return False
    find = call.services.store.subscriptions.find_delivery
    event_id = parse_int64(text, field_name="deliveryId")
    delivery = await find(int(subscription_id), event_id)
    device_id = None if delivery is None else delivery.device_id
    return call.services.token_reach.reaches(call.token, device_id)


#: How each name in a path leads to devices; the first of a path's counts.
_REACHES: dict[str, Callable[[AuthorizedCall, str], Awaitable[bool]]] = {
    "device_id": _reaches_device,
    "command_id": _reaches_command,
    "operation_id": _reaches_operation,
    "task_id": _reaches_task,
    "upgrade_id": _reaches_task,
    "delivery_id": _reaches_delivery,
    "subscription_id": _reaches_subscription,
}


def is_own_task(token: Token, task: Task) -> bool:
    """Tell whether the token sees a task: a restricted one, those that it made."""
    return not token.is_restricted or task.created_by.token_id == token.id


async def require_reach_of_task(call: AuthorizedCall, task: Task) -> None:
    """
    Check that the token still concerns every device of a task.

    Raises:
        Forbidden: one has lost the tags.
    """
    if not call.token.is_restricted:
        return
    criteria, before = OperationFilter(task_id=task.id), None
    find, reach = call.services.store.operations.operations, call.services.token_reach
    while page := await find(
        call.token.scope_id, criteria, before=before, limit=_PAGE_SIZE
    ):
        if not all(reach.reaches(call.token, each.device_id) for each in page):
            raise Forbidden("Your token no longer concerns all devices of this task.")
        before = page[-1].id


def own_tasks(token: Token, task_filter: TaskFilter) -> TaskFilter | None:
    """Return the filter of those that the token sees; None if it sees none."""
    if not token.is_restricted:
        return task_filter
    if task_filter.created_by not in (None, token.id):
        return None
    return attrs.evolve(task_filter, created_by=token.id)
