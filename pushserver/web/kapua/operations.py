"""The registry of a device's operations."""

from pushserver.dialects.kapua import bodies
from pushserver.dialects.kapua.lists import render_count
from pushserver.services.off_loop import run_in_thread
from pushserver.storage.operations import OperationFilter, SortField
from pushserver.web.kapua.list_query import (
    ListQuery,
    list_query_from_body,
    list_query_from_url,
)
from pushserver.web.kapua.route import KapuaCall

#: The values of `sortParam`. A list's operations share device and scope; who began an
#: operation counts as having modified it.
SORT_FIELDS = {
    "id": SortField.ID,
    "scopeId": SortField.CREATED,
    "createdOn": SortField.CREATED,
    "createdBy": SortField.CREATED_BY,
    "modifiedOn": SortField.MODIFIED,
    "modifiedBy": SortField.CREATED_BY,
    "optlock": SortField.VERSION,
    "action": SortField.ACTION,
    "appId": SortField.APP,
    "deviceId": SortField.CREATED,
    "endedOn": SortField.ENDED,
    "operationId": SortField.ID,
    "resource": SortField.RESOURCE,
    "startedOn": SortField.STARTED,
    "status": SortField.STATUS,
}


async def list_all(call: KapuaCall) -> bytes:
    """List a device's operations."""
    return await _list(
        call, list_query_from_url(call.request, SORT_FIELDS, SortField.CREATED)
    )


async def query(call: KapuaCall) -> bytes:
    """List a device's operations; a body says which."""
    return await _list(call, await list_query_from_body(call, SortField.CREATED))


async def _list(call: KapuaCall, list_query: ListQuery) -> bytes:
    store = call.services.store.operations
    operation_filter = _operation_filter(call, list_query.resource)
    operations = await store.operations_page(
        call.scope_id, operation_filter, list_query.page
    )
    total = (
        await store.count_operations(call.scope_id, operation_filter)
        if list_query.include_total
        else None
    )
    return await run_in_thread(
        bodies.render_operation_list, operations, list_query.limit, total
    )


def _operation_filter(call: KapuaCall, resource: str | None = None) -> OperationFilter:
    return OperationFilter(device_id=call.path_ids["deviceId"], resource=resource)


async def count(call: KapuaCall) -> bytes:
    """Count a device's operations, whatever page is wanted."""
    await list_query_from_body(call, SortField.CREATED)
    store = call.services.store.operations
    total = await store.count_operations(call.scope_id, _operation_filter(call))
    return render_count(total)


async def get(call: KapuaCall) -> bytes:
    """Show one operation."""
    return bodies.render_operation(await call.get_operation())


async def delete(call: KapuaCall) -> None:
    """Cancel and forget an operation with its notifications; results stay."""
    await call.services.operations.delete(await call.get_operation(), call.actor)
