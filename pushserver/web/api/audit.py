"""The audit over the API: who did what in the token's scope."""

from collections.abc import Sequence
from functools import partial
from typing import Any

from aiohttp import web
from msgspec import UNSET, UnsetType

from pushserver.errors import Invalid
from pushserver.model.actor import SERVER, Actor
from pushserver.model.audit import AuditEntry, TargetKind
from pushserver.model.ids import MAX_INT64, is_ahead, parse_int64
from pushserver.model.token import Permission
from pushserver.services.device_protocols import DeviceProtocols
from pushserver.storage.audit import AuditFilter
from pushserver.web.api.audit_types import (
    AuditActorOut,
    AuditEntryOut,
    AuditOut,
    AuditQuery,
    AuditTargetOut,
)
from pushserver.web.api.call import ApiCall
from pushserver.web.api.command_parsing import optional_instant_range
from pushserver.web.api.device_fields import optional_device_id
from pushserver.web.api.query import cap_limit, optional_int64
from pushserver.web.api.rendering import render
from pushserver.web.api.responses import list_response, page_response
from pushserver.web.api.routes import Routes
from pushserver.web.api.tags import Tag

routes = Routes(Tag.SERVER, Permission.ADMIN, Permission.ADMIN)


@routes("GET", "/audit", "listAudit", AuditOut)
async def list_audit(call: ApiCall[AuditQuery, None]) -> web.StreamResponse:
    """
    List who did what in the scope, newest first.

    With `after`, oldest first. With `scopeId`, who did what in a scope that was
    deleted: to an administrator of the first.
    """
    asked = optional_int64(call.query.scope_id, "scopeId")
    scope_id = await call.services.scopes.scope_of_audit(asked, call.token)
    query, store = call.query, call.services.store.audit
    criteria = _audit_filter(call)
    view = partial(audit_entry_out, call.services.protocols)
    if query.after is None:
        fetch = partial(store.newest_entries, scope_id, criteria)
        return await list_response(call, AuditOut, fetch, view, start=MAX_INT64)
    if query.cursor is not None:
        raise Invalid("after and cursor exclude each other.", pointer="/after")
    after, limit = parse_int64(query.after, field_name="after"), cap_limit(query.limit)
    if is_ahead(after, call.services.clock.now()):
        newest = await store.newest_entries(
            scope_id, AuditFilter(), before=MAX_INT64, limit=1
        )
        _refuse_above(newest, after)
    entries = await store.entries_after(scope_id, criteria, after=after, limit=limit)
    items = list(map(view, entries))
    return page_response(call.request, AuditOut, items, next_cursor=None)


def _refuse_above(newest: Sequence[AuditEntry], after: int) -> None:
    """Refuse an id above the newest entry's: whoever follows it reads nothing."""
    if not newest or after > newest[0].id:
        raise Invalid("after is of a time to come; no entry is.", pointer="/after")


def _audit_filter(call: ApiCall[AuditQuery, Any]) -> AuditFilter:
    query = call.query
    after, before = optional_instant_range(query.created_after, query.created_before)
    is_server = query.actor == SERVER.name
    return AuditFilter(
        token_id=None if is_server else optional_int64(query.actor, "actor"),
        actor_name=SERVER.name if is_server else None,
        action=query.action,
        target_kind=query.target_kind,
        target_id=_target_id(call),
        device_id=optional_device_id(call, query.device_id),
        created_after=after,
        created_before=before,
    )


def _target_id(call: ApiCall[AuditQuery, Any]) -> int | None:
    """Return the id of the target, a device's as programs write it."""
    query = call.query
    if query.target_kind is TargetKind.DEVICE:
        return optional_device_id(call, query.target_id)
    return optional_int64(query.target_id, "targetId")


def audit_entry_out(protocols: DeviceProtocols, entry: AuditEntry) -> AuditEntryOut:
    """Render an entry."""
    device_id = entry.device_id
    return render(
        AuditEntryOut,
        entry,
        actor=_actor_out(entry.actor),
        target=_target_out(protocols, entry),
        device_id=None if device_id is None else protocols.display_id(device_id),
        address=entry.actor.address,
        request_id=entry.actor.request_id,
    )


def _actor_out(actor: Actor) -> AuditActorOut | UnsetType:
    if actor.name is None:
        return UNSET
    return render(AuditActorOut, actor)


def _target_out(
    protocols: DeviceProtocols, entry: AuditEntry
) -> AuditTargetOut | UnsetType:
    kind, target_id = entry.target_kind, entry.target_id
    if kind is None or target_id is None:
        return UNSET
    is_device = kind is TargetKind.DEVICE
    text = protocols.display_id(target_id) if is_device else str(target_id)
    return AuditTargetOut(kind, text)
