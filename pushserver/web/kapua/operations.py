"""The registry of a device's operations."""

from aiohttp import web

from pushserver.dialects.kapua import bodies
from pushserver.storage.tracking import OperationFilter, Sort
from pushserver.web.answer import respond
from pushserver.web.api.route import JSON
from pushserver.web.kapua.call import Call
from pushserver.web.kapua.wanted import Wanted, of_body, of_query

#: What `sortParam` may name. All operations of a list have its device and scope, and
#: whoever began one counts as having modified it.
SORTS = {
    "id": Sort.ID,
    "scopeId": Sort.CREATED,
    "createdOn": Sort.CREATED,
    "createdBy": Sort.CREATED_BY,
    "modifiedOn": Sort.MODIFIED,
    "modifiedBy": Sort.CREATED_BY,
    "optlock": Sort.VERSION,
    "action": Sort.ACTION,
    "appId": Sort.APP,
    "deviceId": Sort.CREATED,
    "endedOn": Sort.ENDED,
    "operationId": Sort.ID,
    "resource": Sort.RESOURCE,
    "startedOn": Sort.STARTED,
    "status": Sort.STATUS,
}


async def list_all(call: Call) -> web.StreamResponse:
    """List a device's operations."""
    return await _list(call, of_query(call.request, SORTS, Sort.CREATED))


async def query(call: Call) -> web.StreamResponse:
    """List a device's operations; a body says which."""
    return await _list(call, await of_body(call.request, Sort.CREATED))


async def _list(call: Call, wanted: Wanted) -> web.StreamResponse:
    kept, these = call.services.store.operations, _these(call, wanted.resource)
    found = await kept.operations_page(call.scope_id, these, wanted.page)
    total = await kept.count_operations(call.scope_id, these) if wanted.total else None
    return respond(bodies.operations(found, wanted.limit, total), content_type=JSON)


def _these(call: Call, resource: str | None = None) -> OperationFilter:
    return OperationFilter(device_id=call.ids["deviceId"], resource=resource)


async def count(call: Call) -> web.StreamResponse:
    """Count a device's operations, whatever page is wanted."""
    await of_body(call.request, Sort.CREATED)
    kept = call.services.store.operations
    total = await kept.count_operations(call.scope_id, _these(call))
    return respond(bodies.count(total), content_type=JSON)


async def get(call: Call) -> web.StreamResponse:
    """Show one operation."""
    found = await call.operation()
    if found is None:
        raise call.none(bodies.OPERATION, "operationId")
    return respond(bodies.operation(found), content_type=JSON)


async def delete(call: Call) -> web.StreamResponse:
    """Cancel and forget an operation with its notifications; results stay."""
    found = await call.operation()
    if found is None:
        raise call.none(bodies.OPERATION, "operationId")
    await call.services.operations.delete(found)
    return web.Response(status=call.services.kapua_delete_status)
