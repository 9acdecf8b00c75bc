"""The registry of devices."""

from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing

from pushserver.dialects.kapua.devices import (
    DEVICE,
    ConnectedDevice,
    ConnectionStatus,
    render_device,
    render_device_list,
)
from pushserver.dialects.kapua.lists import render_count
from pushserver.model.device import Device
from pushserver.model.device_filter import DeviceFilter
from pushserver.model.queue_status import EMPTY_QUEUE
from pushserver.services.off_loop import run_in_thread
from pushserver.storage.operations import SortField
from pushserver.web.kapua.list_query import (
    PAGE_PARAMETERS,
    ListQuery,
    list_query_from_body,
    list_query_from_url,
)
from pushserver.web.kapua.problems import IllegalArgument
from pushserver.web.kapua.route import KapuaCall

#: The parameters of a list's URL.
DEVICE_PARAMETERS = (*PAGE_PARAMETERS, "clientId", "status")
#: May be repeated, and changes nothing: what can be fetched is always there.
FETCH_PARAMETER = "fetchAttributes"

_Condition = Callable[[ConnectedDevice], bool]


async def list_all(call: KapuaCall) -> bytes:
    """List devices by their ids."""
    list_query = list_query_from_url(call.request, {}, SortField.ID)
    return await _list(call, list_query, _condition(call))


def _condition(call: KapuaCall) -> _Condition:
    """Return what the URL asks of devices."""
    client_id = call.request.query.get("clientId") or None
    status = call.request.query.get("status") or None
    if status is not None and status not in set(ConnectionStatus):
        raise IllegalArgument("status", status)
    return lambda one: (
        client_id in (None, one.client_id) and status in (None, one.connection_status)
    )


async def query(call: KapuaCall) -> bytes:
    """List devices; a body says which part."""
    return await _list(call, await list_query_from_body(call, SortField.ID))


async def count(call: KapuaCall) -> bytes:
    """Count the devices, whatever page is wanted."""
    await list_query_from_body(call, SortField.ID)
    services = call.services
    if not call.token.is_restricted:
        return render_count(services.devices.count(call.scope_id))
    found = services.devices.iter_matching(call.scope_id, _criteria(call))
    return render_count(sum([1 async for _ in found]))


def _criteria(call: KapuaCall) -> DeviceFilter:
    """Return the filter of the devices that the token concerns."""
    return call.services.token_reach.narrow_filter(call.token, DeviceFilter())


async def _list(
    call: KapuaCall, list_query: ListQuery, condition: _Condition = lambda _: True
) -> bytes:
    """
    Render a part of the list. Without its total, what follows is not looked at.

    No more than the part is kept, however many devices there are.
    """
    part: list[ConnectedDevice] = []
    seen, end = 0, list_query.offset + list_query.limit + 1
    async with aclosing(_iter_meant(call, condition)) as meant:
        async for one in meant:
            if list_query.offset <= seen < end:
                part.append(one)
            seen += 1
            if seen == end and not list_query.include_total:
                break
    total = seen if list_query.include_total else None
    return await run_in_thread(render_device_list, part, list_query.limit, total)


async def _iter_meant(
    call: KapuaCall, condition: _Condition = lambda _: True
) -> AsyncGenerator[ConnectedDevice]:
    """Yield the devices that meet the condition and that the token concerns."""
    services, scope_id = call.services, call.scope_id
    async with services.device_list.busy_ids(scope_id) as busy_ids:
        async for device in services.devices.iter_matching(scope_id, _criteria(call)):
            one = _connected(call, device, is_busy=device.device_id in busy_ids)
            if condition(one):
                yield one


async def get(call: KapuaCall) -> bytes:
    """Show one device."""
    device = call.services.devices.find(call.scope_id, call.path_ids["deviceId"])
    if device is None:
        raise call.not_found(DEVICE, "deviceId")
    find = call.services.store.queue_statuses
    statuses = await find([device.device_id], call.scope_id)
    queue = statuses.get(device.device_id, EMPTY_QUEUE)
    return render_device(_connected(call, device, is_busy=queue.in_flight is not None))


def _connected(call: KapuaCall, device: Device, *, is_busy: bool) -> ConnectedDevice:
    services = call.services
    if device.last_seen_at is None:
        status = ConnectionStatus.NULL
    elif services.online_rule.is_online(device, services.clock.now(), is_busy=is_busy):
        status = ConnectionStatus.CONNECTED
    else:
        status = ConnectionStatus.DISCONNECTED
    return ConnectedDevice(
        device, services.protocols.display_id(device.device_id), status
    )
