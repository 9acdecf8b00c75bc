"""Shadows over the API: say what should be on devices, and see what is."""

import re
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from aiohttp import web

from pushserver.clock import micros, rfc3339
from pushserver.model.merge_patch import (
    MergePatch,
    check_merge_patch,
    check_property_name,
    check_service_name,
    escape_pointer,
)
from pushserver.model.shadow import Service, SyncStatus, next_desired_version
from pushserver.model.token import Permission
from pushserver.web.api.command_types import CommandsOut
from pushserver.web.api.enqueue import get_or_adopt_device, render_created
from pushserver.web.api.operation_types import DryRunOut, TaskOut
from pushserver.web.api.route import (
    JSON_MEDIA_TYPE,
    ApiCall,
    ApiRoute,
    decode_json,
    encoded_json_response,
    json_response,
    media_type,
    read_json,
    read_whole_body,
    unsupported_media_type,
)
from pushserver.web.api.shadow_types import (
    MergePatchIn,
    PropertyKeysIn,
    ServiceOut,
    ShadowOut,
    ShadowQuery,
    ShadowsIn,
)
from pushserver.web.api.tasks import create_task_from_plan
from pushserver.web.api.views import optional_instant, raw_json
from pushserver.web.middleware import add_log_fields

MERGE_PATCH = "application/merge-patch+json"
_ETAG = re.compile(r'(?:W/)?"?([^",]*)"?')


async def get(call: ApiCall[None, None]) -> web.StreamResponse:
    """Show what is desired and known of a device."""
    device_id = call.path_int64("device_id")
    return _shadow_response(
        call, device_id, await call.services.shadows.get(call.scope_id, device_id)
    )


async def patch(call: ApiCall[ShadowQuery, None]) -> web.StreamResponse:
    """Change what is desired of a device."""
    device_id = call.path_int64("device_id")
    raw_body = await read_whole_body(call.request)
    if media_type(call.request) not in (JSON_MEDIA_TYPE, MERGE_PATCH):
        raise unsupported_media_type(call.request, JSON_MEDIA_TYPE, MERGE_PATCH)
    merge_patch = _parse_merge_patch(call, decode_json(raw_body, MergePatchIn))
    seconds = call.query.expires_in
    await get_or_adopt_device(call, device_id)
    services = await call.services.shadows.patch(
        call.scope_id,
        device_id,
        merge_patch,
        versions=_if_match_versions(call.request),
        expires_in=None if seconds is None else max(1, micros(seconds)),
    )
    add_log_fields(call.request, device_id=device_id, services=len(merge_patch))
    return _shadow_response(call, device_id, services)


def _parse_merge_patch(
    call: ApiCall[Any, Any], body: MergePatchIn, pointer_prefix: str = ""
) -> MergePatch:
    return check_merge_patch(
        body, call.services.shadows.reconciler.dialect.format_value, pointer_prefix
    )


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


async def refresh(call: ApiCall[None, PropertyKeysIn]) -> web.StreamResponse:
    """Ask a device what it has."""
    device_id = call.path_int64("device_id")
    for service_id, keys in call.body.items():
        pointer = f"/{escape_pointer(service_id)}"
        check_service_name(service_id, pointer)
        for index, key in enumerate(keys):
            check_property_name(key, f"{pointer}/{index}")
    device, services = await get_or_adopt_device(call, device_id), call.services
    render = partial(render_created, device, services.clock.now(), True)
    commands, body = await services.shadows.queue_reads(
        call.scope_id, device_id, call.body, render
    )
    add_log_fields(call.request, device_id=device_id, commands=len(commands))
    return encoded_json_response(body, status=201)


async def patch_many(call: ApiCall[None, None]) -> web.StreamResponse:
    """Change what is desired of many devices, as a task that sends it."""
    raw_body, body = await read_json(call.request, ShadowsIn)
    merge_patch = _parse_merge_patch(call, body.desired, "/desired")
    operation_request = call.services.shadows.plan(merge_patch)
    return await create_task_from_plan(call, operation_request, body, raw_body)


def _shadow_response(
    call: ApiCall[Any, Any], device_id: int, services: Sequence[Service]
) -> web.StreamResponse:
    version = next_desired_version(services) - 1
    service_outs = {
        service.service_id: _service_out(call, service)
        for service in services
        if service.property_names or service.is_writing
    }
    shadow = ShadowOut(device_id=str(device_id), version=version, services=service_outs)
    return json_response(shadow, headers={"ETag": f'"{version}"'})


def _service_out(call: ApiCall[Any, Any], service: Service) -> ServiceOut:
    to_text = call.services.shadows.reconciler.dialect.format_value
    status = service.sync_status(to_text)
    command_id = service.write_command_id
    return ServiceOut(
        desired=dict(service.desired),
        reported=dict(service.reported),
        version=service.desired_version,
        desired_at=None if service.desired_at is None else rfc3339(service.desired_at),
        reported_at=optional_instant(service.reported_at),
        status=status,
        error=raw_json(service.write_error if status is SyncStatus.FAILED else None),
        drift=service.drift(to_text) or None,
        command_id=None if command_id is None else str(command_id),
    )


_SHADOW = "/devices/{device_id}/shadow"
_IF_MATCH: Mapping[str, str] = {
    "If-Match": "Only if this is still the version of the shadow, or of what is named.",
}

ROUTES = (
    ApiRoute(
        method="GET",
        path=_SHADOW,
        name="getShadow",
        summary="Show what is desired and known of a device",
        handler=get,
        permission=Permission.COMMANDS_READ,
        response_type=ShadowOut,
        error_statuses=(404, 422, 503),
    ),
    ApiRoute(
        method="PATCH",
        path=_SHADOW,
        name="patchShadow",
        summary="Change what is desired of a device; what differs is sent",
        handler=patch,
        permission=Permission.COMMANDS_WRITE,
        query_type=ShadowQuery,
        raw_body_types={JSON_MEDIA_TYPE: MergePatchIn, MERGE_PATCH: MergePatchIn},
        response_type=ShadowOut,
        error_statuses=(400, 404, 409, 412, 413, 415, 422, 503),
        request_headers=_IF_MATCH,
    ),
    ApiRoute(
        method="POST",
        path=_SHADOW + "/refresh",
        name="refreshShadow",
        summary="Ask a device what it has of what is known of, and of what is named",
        handler=refresh,
        permission=Permission.COMMANDS_WRITE,
        body_type=PropertyKeysIn,
        body_required=False,
        response_type=CommandsOut,
        status=201,
        error_statuses=(400, 404, 409, 413, 415, 422, 503),
    ),
    ApiRoute(
        method="PATCH",
        path="/shadows",
        name="patchShadows",
        summary="Change what is desired of many devices, as a task",
        handler=patch_many,
        permission=Permission.OPERATIONS_WRITE,
        raw_body_types={JSON_MEDIA_TYPE: ShadowsIn},
        response_type=(TaskOut, DryRunOut),
        created_status=201,
        error_statuses=(400, 409, 413, 415, 422, 503),
        request_headers={
            "Idempotency-Key": "The same key and request get the same answer, 24 h.",
        },
    ),
)
