"""Shadows over the API: say what should be on devices, and see what is."""

import re
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from aiohttp import web

from pushserver.clock import micros, rfc3339
from pushserver.model.merging import (
    Merge,
    check_property,
    check_service,
    escaped,
    read_merge,
)
from pushserver.model.shadow import Service, Standing, next_version
from pushserver.model.token import Permission
from pushserver.web.api.command_types import CommandsOut
from pushserver.web.api.enqueue import adopted_device, render_new
from pushserver.web.api.route import (
    JSON,
    Call,
    Route,
    answer,
    decode,
    media_type,
    read_data,
    read_json,
    rendered,
    unsupported,
)
from pushserver.web.api.shadow_types import (
    KeysIn,
    MergeIn,
    ServiceOut,
    ShadowOut,
    ShadowQuery,
    ShadowsIn,
)
from pushserver.web.api.tasks import make_task
from pushserver.web.api.tracking_types import DryRunOut, TaskOut
from pushserver.web.api.views import at, raw
from pushserver.web.around import note

MERGE_PATCH = "application/merge-patch+json"
_VERSION = re.compile(r'(?:W/)?"?([^",]*)"?')


async def get(call: Call[None, None]) -> web.StreamResponse:
    """Show what is desired and known of a device."""
    device_id = call.int64("device_id")
    return _shown(
        call, device_id, await call.services.shadows.get(call.scope_id, device_id)
    )


async def patch(call: Call[ShadowQuery, None]) -> web.StreamResponse:
    """Change what is desired of a device."""
    device_id = call.int64("device_id")
    data = await read_data(call.request)
    if media_type(call.request) not in (JSON, MERGE_PATCH):
        raise unsupported(call.request, JSON, MERGE_PATCH)
    merge = _merge(call, decode(data, MergeIn))
    seconds = call.query.expires_in
    await adopted_device(call, device_id)
    services = await call.services.shadows.patch(
        call.scope_id,
        device_id,
        merge,
        versions=_versions(call.request),
        expires_in=None if seconds is None else max(1, micros(seconds)),
    )
    note(call.request, device_id=device_id, services=len(merge))
    return _shown(call, device_id, services)


def _merge(call: Call[Any, Any], given: MergeIn, under: str = "") -> Merge:
    return read_merge(given, call.services.shadows.mirror.dialect.text, under)


def _versions(request: web.Request) -> frozenset[str] | None:
    """Return the versions of which `If-Match` wants one, None for any."""
    if "If-Match" not in request.headers:
        return None
    given = ",".join(request.headers.getall("If-Match"))
    tags = [tag.strip() for tag in given.split(",")]
    if "*" in tags:
        return None
    found = (_VERSION.fullmatch(tag) for tag in tags)
    return frozenset(match[1] for match in found if match is not None)


async def refresh(call: Call[None, KeysIn]) -> web.StreamResponse:
    """Ask a device what it has."""
    device_id = call.int64("device_id")
    for service_id, keys in call.body.items():
        pointer = f"/{escaped(service_id)}"
        check_service(service_id, pointer)
        for place, key in enumerate(keys):
            check_property(key, f"{pointer}/{place}")
    device, services = await adopted_device(call, device_id), call.services
    render = partial(render_new, device, services.clock.now(), True)
    commands, body = await services.shadows.refresh(
        call.scope_id, device_id, call.body, render
    )
    note(call.request, device_id=device_id, commands=len(commands))
    return rendered(body, status=201)


async def desire_many(call: Call[None, None]) -> web.StreamResponse:
    """Change what is desired of many devices, as a task that sends it."""
    data, wanted = await read_json(call.request, ShadowsIn)
    merge = _merge(call, wanted.desired, "/desired")
    plan = call.services.shadows.plan(merge)
    return await make_task(call, plan, wanted, data)


def _shown(
    call: Call[Any, Any], device_id: int, services: Sequence[Service]
) -> web.StreamResponse:
    version = next_version(services) - 1
    shown = {
        service.service_id: _service_out(call, service)
        for service in services
        if service.keys or service.is_writing
    }
    shadow = ShadowOut(device_id=str(device_id), version=version, services=shown)
    return answer(shadow, headers={"ETag": f'"{version}"'})


def _service_out(call: Call[Any, Any], service: Service) -> ServiceOut:
    text = call.services.shadows.mirror.dialect.text
    status = service.standing(text)
    command_id = service.command_id
    return ServiceOut(
        desired=dict(service.desired),
        reported=dict(service.reported),
        version=service.version,
        desired_at=None if service.desired_at is None else rfc3339(service.desired_at),
        reported_at=at(service.reported_at),
        status=status,
        error=raw(service.error if status is Standing.FAILED else None),
        drift=service.drift(text) or None,
        command_id=None if command_id is None else str(command_id),
    )


_SHADOW = "/devices/{device_id}/shadow"
_IF_MATCH: Mapping[str, str] = {
    "If-Match": "Only if this is still the version of the shadow, or of what is named.",
}

ROUTES = (
    Route(
        method="GET",
        path=_SHADOW,
        name="getShadow",
        summary="Show what is desired and known of a device",
        handler=get,
        permission=Permission.COMMANDS_READ,
        answer=ShadowOut,
        problems=(404, 422, 503),
    ),
    Route(
        method="PATCH",
        path=_SHADOW,
        name="patchShadow",
        summary="Change what is desired of a device; what differs is sent",
        handler=patch,
        permission=Permission.COMMANDS_WRITE,
        query=ShadowQuery,
        media={JSON: MergeIn, MERGE_PATCH: MergeIn},
        answer=ShadowOut,
        problems=(400, 404, 409, 412, 413, 415, 422, 503),
        headers=_IF_MATCH,
    ),
    Route(
        method="POST",
        path=_SHADOW + "/refresh",
        name="refreshShadow",
        summary="Ask a device what it has of what is known of, and of what is named",
        handler=refresh,
        permission=Permission.COMMANDS_WRITE,
        body=KeysIn,
        body_required=False,
        answer=CommandsOut,
        status=201,
        problems=(400, 404, 409, 413, 415, 422, 503),
    ),
    Route(
        method="PATCH",
        path="/shadows",
        name="patchShadows",
        summary="Change what is desired of many devices, as a task",
        handler=desire_many,
        permission=Permission.OPERATIONS_WRITE,
        media={JSON: ShadowsIn},
        answer=(TaskOut, DryRunOut),
        created=201,
        problems=(400, 409, 413, 415, 422, 503),
        headers={
            "Idempotency-Key": "The same key and request get the same answer, 24 h.",
        },
    ),
)
