"""Operations: the list of them, and one with its steps and its notifications."""

from aiohttp import web

from pushserver.model.operation import OperationStatus
from pushserver.model.token import Permission
from pushserver.storage.operations import OperationFilter
from pushserver.web.console.choices import chosen
from pushserver.web.console.device_rows import titles
from pushserver.web.console.page import SignedInCall
from pushserver.web.console.pages import Pages
from pushserver.web.console.paging import cursor_before, cut_page

pages = Pages()
PAGE_SIZE = 100


@pages.page("/operations", Permission.OPERATIONS_READ, limits_itself=True, shared=True)
async def list_operations(call: SignedInCall) -> web.StreamResponse:
    """Show the operations that match the filters, a page of them, newest first."""
    services = call.services
    found = await services.store.operations.operations(
        call.scope_id,
        _criteria(call),
        before=cursor_before(call),
        limit=PAGE_SIZE + 1,
        device_ids=await call.reach,
    )
    shown, next_cursor = cut_page(found, PAGE_SIZE, lambda operation: operation.id)
    ids = {each.device_id for each in shown}
    return await call.render(
        "operations.html",
        operations=shown,
        statuses=[*OperationStatus],
        titles=titles(call, ids),
        shown_ids={each: services.protocols.display_id(each) for each in ids},
        next_cursor=next_cursor,
    )


def _criteria(call: SignedInCall) -> OperationFilter:
    """
    Return the filter of the query.

    Raises:
        Invalid: the device has no such id, or there is no such status.
    """
    given, device = call.query, call.query.get("device", "").strip()
    device_id = None
    if device:
        device_id = call.services.protocols.identify(device, "/device").device_id
    return OperationFilter(
        device_id=device_id,
        status=chosen(given, "status", OperationStatus),
        resource=given.get("resource", "").strip() or None,
    )


@pages.page("/operations/{operation_id}", Permission.OPERATIONS_READ)
async def show_operation(call: SignedInCall) -> web.StreamResponse:
    """Show an operation: its steps, and what was notified of it."""
    services, operation_id = call.services, call.path_int64("operation_id")
    operation = await services.operations.get(call.scope_id, operation_id)
    notifications = await services.store.notifications.notifications(
        call.scope_id, operation_id, after=0, limit=PAGE_SIZE
    )
    device_id = operation.device_id
    return await call.render(
        "operation.html",
        operation=operation,
        title=titles(call, [device_id])[device_id],
        shown_id=services.protocols.display_id(device_id),
        steps=await services.store.operations.step_records(operation),
        notifications=notifications,
    )


@pages.form("/operations/{operation_id}/cancel", Permission.OPERATIONS_WRITE)
async def cancel(call: SignedInCall) -> web.StreamResponse:
    """Cancel what waits of an operation; what is in flight runs to its end."""
    operation_id = call.path_int64("operation_id")
    await call.services.operations.cancel(call.scope_id, operation_id, call.actor)
    return call.see_other(
        call.back(f"/operations/{operation_id}"), "operation_canceled"
    )
