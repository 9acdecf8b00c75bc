"""The audit: who did what in the scope, newest first."""

from aiohttp import web

from pushserver.clock import SECOND
from pushserver.model.actor import SERVER
from pushserver.model.audit import AuditAction, AuditEntry, TargetKind
from pushserver.model.ids import MAX_INT64, parse_int64
from pushserver.model.token import Permission
from pushserver.storage.audit import AuditFilter
from pushserver.web.console.choices import chosen
from pushserver.web.console.page import SignedInCall
from pushserver.web.console.pages import Pages
from pushserver.web.console.paging import cursor_before, cut_page

pages = Pages()
PAGE_SIZE = 100
#: How far back the list goes, in hours.
SPANS = ("1", "24", "168", "720")
_HOUR = 3600 * SECOND
#: Where a thing of a kind is shown, and which permission that needs.
_PATHS = {
    TargetKind.COMMAND: ("/commands", Permission.COMMANDS_READ),
    TargetKind.OPERATION: ("/operations", Permission.OPERATIONS_READ),
    TargetKind.TASK: ("/tasks", Permission.OPERATIONS_READ),
    TargetKind.DEVICE: ("/devices", Permission.DEVICES_READ),
    TargetKind.SUBSCRIPTION: ("/subscriptions", Permission.SUBSCRIPTIONS_READ),
}


@pages.page("/audit", Permission.ADMIN)
async def list_audit(call: SignedInCall) -> web.StreamResponse:
    """Show the entries that match the filters, a page of them, newest first."""
    entries = await call.services.store.audit.newest_entries(
        call.scope_id,
        _criteria(call),
        before=cursor_before(call) or MAX_INT64,
        limit=PAGE_SIZE + 1,
    )
    shown, next_cursor = cut_page(entries, PAGE_SIZE, lambda entry: entry.id)
    return await call.render(
        "audit.html",
        rows=[(entry, *_target(call, entry)) for entry in shown],
        actions=[*AuditAction],
        spans=SPANS,
        next_cursor=next_cursor,
    )


def _criteria(call: SignedInCall) -> AuditFilter:
    """
    Return the filter of the query.

    Raises:
        Invalid: the device, or the token, has no such id, or a word is none of those
            that there are.
    """
    given = {name: value.strip() for name, value in call.query.items()}
    actor, device = given.get("actor", ""), given.get("device", "")
    is_server, device_id = actor == SERVER.name, None
    if device:
        device_id = call.services.protocols.identify(device, "/device").device_id
    hours, since = chosen(given, "hours", SPANS), None
    if hours is not None:
        since = call.services.clock.now() - int(hours) * _HOUR
    return AuditFilter(
        token_id=parse_int64(actor, field_name="actor")
        if actor and not is_server
        else None,
        actor_name=SERVER.name if is_server else None,
        action=chosen(given, "action", AuditAction),
        device_id=device_id,
        created_after=since,
    )


def _target(call: SignedInCall, entry: AuditEntry) -> tuple[str | None, str | None]:
    """Return the id of what it was done to, and where that is shown."""
    kind, target_id = entry.target_kind, entry.target_id
    if kind is None or target_id is None:
        return None, None
    text = str(target_id)
    if kind is TargetKind.DEVICE:
        text = call.services.protocols.display_id(target_id)
    path, permission = _PATHS.get(kind, (None, None))
    if path is None or permission is None or not call.may(permission):
        return text, None
    return text, call.url(f"{path}/{text}")
