"""The registry of a device's operations."""

from aiohttp import web

from pushserver.dialects.kapua import bodies
from pushserver.storage.operations import OperationFilter, SortField
from pushserver.web.json_body import JSON_MEDIA_TYPE
from pushserver.web.kapua.list_query import (
    ListQuery,
    list_query_from_body,
    list_query_from_url,
)
from pushserver.web.kapua.route import KapuaCall
from pushserver.web.response import make_response

#: What `sortParam` may name. All operations of a list have its device and scope, and
#: whoever began one counts as having modified it.
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


async def list_all(call: KapuaCall) -> web.StreamResponse:
    """List a device's operations."""
    return await _list(
        call, list_query_from_url(call.request, SORT_FIELDS, SortField.CREATED)
    )


async def query(call: KapuaCall) -> web.StreamResponse:
    """List a device's operations; a body says which."""
    return await _list(
        call, await list_query_from_body(call.request, SortField.CREATED)
    )


async def _list(call: KapuaCall, list_query: ListQuery) -> web.StreamResponse:
    store, operation_filter = (
        call.services.store.operations,
        _operation_filter(call, list_query.resource),
    )
    operations = await store.operations_page(
        call.scope_id, operation_filter, list_query.page
    )
    total = (
        await store.count_operations(call.scope_id, operation_filter)
        if list_query.include_total
        else None
    )
    return make_response(
        bodies.render_operation_list(operations, list_query.limit, total),
        content_type=JSON_MEDIA_TYPE,
    )


def _operation_filter(call: KapuaCall, resource: str | None = None) -> OperationFilter:
    return OperationFilter(device_id=call.path_ids["deviceId"], resource=resource)


async def count(call: KapuaCall) -> web.StreamResponse:
    """Count a device's operations, whatever page is wanted."""
    await list_query_from_body(call.request, SortField.CREATED)
    store = call.services.store.operations
    total = await store.count_operations(call.scope_id, _operation_filter(call))
    return make_response(bodies.render_count(total), content_type=JSON_MEDIA_TYPE)


async def get(call: KapuaCall) -> web.StreamResponse:
    """Show one operation."""
    operation = await call.find_operation()
    if operation is None:
        raise call.not_found(bodies.OPERATION, "operationId")
    return make_response(
        bodies.render_operation(operation), content_type=JSON_MEDIA_TYPE
    )


async def delete(call: KapuaCall) -> web.StreamResponse:
    """Cancel and forget an operation with its notifications; results stay."""
    operation = await call.find_operation()
    if operation is None:
        raise call.not_found(bodies.OPERATION, "operationId")
    await call.services.operations.delete(operation)
    return web.Response(status=call.services.kapua_delete_status)
