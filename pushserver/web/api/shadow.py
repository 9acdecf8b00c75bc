"""Shadows over the API: say what should be on devices, and see what is."""

import re
from collections.abc import Sequence
from functools import partial
from typing import Any

from aiohttp import web

from pushserver.model.merge_patch import (
    check_merge_patch,
    check_property_name,
    check_service_name,
    escape_pointer,
)
from pushserver.model.shadow import Service, SyncStatus, next_desired_version
from pushserver.model.token import Permission, Token
from pushserver.protocols.base import DeviceProtocol
from pushserver.services.adoption import get_or_adopt_device
from pushserver.services.off_loop import in_pieces
from pushserver.services.shadow_tasks import plan_shadow_task
from pushserver.web.api.call import ApiCall
from pushserver.web.api.command_parsing import parse_duration
from pushserver.web.api.command_types import CommandsOut
from pushserver.web.api.created_commands import render_created
from pushserver.web.api.once import REPLAYED_HEADER, Idempotency
from pushserver.web.api.operation_parsing import parse_target_selector
from pushserver.web.api.prefer import PREFER_HEADER
from pushserver.web.api.rendering import raw_json
from pushserver.web.api.rendering import render as render_struct
from pushserver.web.api.responses import encoded_json_response, json_response
from pushserver.web.api.routes import Routes
from pushserver.web.api.shadow_types import (
    MergePatchIn,
    PropertyKeysIn,
    ServiceOut,
    ShadowOut,
    ShadowQuery,
    ShadowsIn,
)
from pushserver.web.api.tags import Tag
from pushserver.web.api.task_types import DryRunOut, TaskOut
from pushserver.web.api.tasks import create_task
from pushserver.web.api.token_life import require_valid
from pushserver.web.body import MAX_BODY_SIZE
from pushserver.web.json_body import JSON_MEDIA_TYPE, decode_body

MERGE_PATCH = "application/merge-patch+json"
#: The most bytes of what is desired at a time.
MAX_PATCH = 256 * 1024
_ETAG = re.compile(r'(?:W/)?"?([^",]*)"?')

routes = Routes(Tag.SHADOWS, Permission.COMMANDS_READ, Permission.COMMANDS_WRITE)
_SHADOW = "/devices/{device_id}/shadow"


@routes("GET", _SHADOW, "getShadow", ShadowOut, response_headers=("ETag",))
async def get(call: ApiCall[None, None]) -> web.StreamResponse:
    """Show what is desired and known of a device."""
    device_id = call.path_device().device_id
    return await _shadow_response(
        call, device_id, await call.services.shadows.get(call.scope_id, device_id)
    )


@routes(
    "PATCH",
    _SHADOW,
    "patchShadow",
    ShadowOut,
    errors=(409, 412),
    raw_body_types={JSON_MEDIA_TYPE: MergePatchIn},
    undescribed_media_types=(MERGE_PATCH,),
    max_body=MAX_PATCH,
    response_headers=("ETag",),
    request_headers={
        "If-Match": "Only if this is still the version of the shadow, or of what"
        " is named."
    },
    example={"general": {"language": "en_US"}, "ntp": {"enabled": "1"}},
)
async def patch(call: ApiCall[ShadowQuery, None]) -> web.StreamResponse:
    """Change what is desired of a device; what differs is sent."""
    async with call.services.shadows.turn(len(call.raw_body)):
        await require_valid(call)
        return await _patch(call)


async def _patch(call: ApiCall[ShadowQuery, None]) -> web.StreamResponse:
    identity, seconds = call.path_device(), call.query.expires_in
    device_id = identity.device_id
    protocol = call.services.protocols.named(identity.protocol)
    merge_patch = check_merge_patch(
        await decode_body(call.raw_body, MergePatchIn), protocol.format_value
    )
    actor = call.actor
    await get_or_adopt_device(
        call.services.fleet, call.services.cluster_sync, call.token, identity, actor
    )
    services = await call.services.shadows.patch(
        call.scope_id,
        device_id,
        merge_patch,
        versions=_if_match_versions(call.request),
        expires_in=None if seconds is None else parse_duration(seconds),
        actor=actor,
    )
    call.log_fields.update(device_id=device_id, services=len(merge_patch))
    return await _shadow_response(call, device_id, services)


def _if_match_versions(request: web.Request) -> frozenset[str] | None:
    """Return the versions of which `If-Match` wants one, None for any."""
    if "If-Match" not in request.headers:
        return None
    header = ",".join(request.headers.getall("If-Match"))
    tags = [tag.strip() for tag in header.split(",")]
    if "*" in tags:
        return None
    matches = (_ETAG.fullmatch(tag) for tag in tags)
    return frozenset(match[1] for match in matches if match is not None)


@routes(
    "POST",
    _SHADOW + "/refresh",
    "refreshShadow",
    CommandsOut,
    status=201,
    errors=(409, 429),
    body_required=False,
    idempotency=Idempotency.WITH_CHANGE,
    example={"general": ["language"]},
)
async def refresh(call: ApiCall[None, PropertyKeysIn]) -> web.StreamResponse:
    """Ask a device for its known properties, and for those that are named."""
    identity = call.path_device()
    for service_id, keys in call.body.items():
        pointer = f"/{escape_pointer(service_id)}"
        check_service_name(service_id, pointer)
        for index, key in enumerate(keys):
            check_property_name(key, f"{pointer}/{index}")
    services, actor = call.services, call.actor
    device = await get_or_adopt_device(
        services.fleet, services.cluster_sync, call.token, identity, actor
    )
    render = partial(render_created, device, services, True, reader=call.token)
    enqueued = await services.shadows.queue_reads(
        call.scope_id, device.device_id, call.body, render, call.idempotency, actor
    )
    commands = len(enqueued.commands)
    call.log_fields.update(device_id=device.device_id, commands=commands)
    headers = REPLAYED_HEADER if enqueued.replayed else None
    return encoded_json_response(enqueued.answer, status=201, headers=headers)


@routes(
    "PATCH",
    "/shadows",
    "patchShadows",
    DryRunOut,
    permission=Permission.OPERATIONS_WRITE,
    created_status=201,
    created_type=TaskOut,
    response_headers=("Location", "Preference-Applied"),
    errors=(409,),
    idempotency=Idempotency.WITH_CHANGE,
    max_body=MAX_BODY_SIZE,
    limits_itself=True,
    example={
        "targets": {"deviceIds": ["478435"]},
        "desired": {"general": {"language": "en_US"}},
    },
    request_headers=PREFER_HEADER,
)
async def patch_many(call: ApiCall[None, ShadowsIn]) -> web.StreamResponse:
    """Change what is desired of many devices, as a task."""
    targets = await parse_target_selector(call.body.targets, call.services.protocols)
    protocol = await call.services.task_creator.protocol_of(call.scope_id, targets)
    merge_patch = check_merge_patch(
        call.body.desired, protocol.format_value, "/desired"
    )
    plan = plan_shadow_task(merge_patch, protocol)
    return await create_task(call, call.body, targets, plan)


async def _shadow_response(
    call: ApiCall[Any, Any], device_id: int, services: Sequence[Service]
) -> web.StreamResponse:
    version, protocols = next_desired_version(services) - 1, call.services.protocols
    service_outs = {
        service.service_id: _service_out(
            service, protocols.of_device(device_id), call.token
        )
        async for service in in_pieces(services)
        if service.property_names or service.is_writing
    }
    shadow = ShadowOut(
        device_id=protocols.display_id(device_id),
        version=version,
        services=service_outs,
    )
    return json_response(shadow, headers={"ETag": f'"{version}"'})


def _service_out(
    service: Service, protocol: DeviceProtocol, reader: Token
) -> ServiceOut:
    """
    Render a service, as far as *reader* may read it.

    Whoever may only write commands learns how the write goes. The error is what the
    device answered.
    """
    to_text = protocol.format_value
    status = service.sync_status(to_text)
    command_id = service.write_command_id
    shows_values = reader.has_permission(Permission.COMMANDS_READ)
    shows_error = status is SyncStatus.FAILED and reader.has_permission(
        Permission.RESULTS_READ
    )
    return render_struct(
        ServiceOut,
        service,
        desired=dict(service.desired) if shows_values else {},
        reported=dict(service.reported) if shows_values else {},
        version=service.desired_version,
        status=status,
        error=raw_json(service.write_error if shows_error else None),
        drift=(service.drift(to_text) if shows_values else None) or None,
        command_id=None if command_id is None else str(command_id),
    )
