"""Enqueue in the fast lane: one short command for a device of the token's scope."""

import asyncio
from contextvars import copy_context
from functools import partial

from pushserver.model.actor import Actor
from pushserver.model.token import Permission, Token
from pushserver.services.door_permission import require_door_permission
from pushserver.services.off_loop import is_quick
from pushserver.services.queue import Enqueued
from pushserver.web.api.command_parsing import parse_json_commands
from pushserver.web.api.command_requests import CommandIn
from pushserver.web.api.created_commands import render_created
from pushserver.web.api.enqueue import enqueue_log_fields
from pushserver.web.api.responses import BASE_PATH
from pushserver.web.authentication import act_as
from pushserver.web.fast_connection import LaneRequest
from pushserver.web.json_body import JSON_MEDIA_TYPE, media_type_of
from pushserver.web.request_identity import identity_in
from pushserver.web.response import SmallResponse
from pushserver.web.services import Services
from pushserver.web.single_header import single_header


def take_enqueue(services: Services, request: LaneRequest, external_id: str) -> bool:
    """Answer an enqueue, unless anything about it is special; tell whether."""
    headers, protocols = request.headers, services.protocols
    token, identity = _find_token(services, request), protocols.identify(external_id)
    is_json = media_type_of(headers) == JSON_MEDIA_TYPE and is_quick(request.body)
    if token is None or not is_json or not services.request_starts.take():
        return False
    device = services.devices.find_adopted(token.scope_id, identity.device_id)
    protocol = protocols.named(identity.protocol)
    commands, _ = parse_json_commands(request.body, protocol, CommandIn)
    require_door_permission(token, protocols, [commands[0].order])
    if device is None or commands[0].order.blob is not None:
        return False
    request_id, trace, _ = request.identity = identity_in(headers)
    request.fields["token_id"] = token.id
    address = request.origin.address
    # What comes next on this connection may be a device's.
    context = copy_context()
    context.run(act_as, services.tokens, token)
    enqueuing = context.run(
        services.queue.enqueue,
        token.scope_id,
        device.device_id,
        commands,
        partial(render_created, device, services, False),
        created_by=Actor(token.id, token.name, address, request_id, trace),
    )
    enqueuing.add_done_callback(partial(_answer, services, request))
    request.connection.begin()
    return True


def _find_token(services: Services, request: LaneRequest) -> Token | None:
    """Return the token, if it is one that may enqueue for any device."""
    header = single_header(request.headers, "Authorization") or ""
    # The secrets of sessions are looked up in the store.
    if "." in header or services.cluster_sync.may_have_missed_tokens():
        return None
    token = services.tokens.authenticate(header)
    may_write = token.has_permission(Permission.COMMANDS_WRITE)
    return token if may_write and not token.is_restricted else None


def _answer(
    services: Services, request: LaneRequest, enqueuing: asyncio.Future[Enqueued]
) -> None:
    if enqueuing.exception() is not None:
        # Whoever awaits it gets the error.
        request.connection.go_on(request, lambda _request: enqueuing)  # type: ignore[arg-type, return-value]
        return
    enqueued, command = enqueuing.result(), enqueuing.result().commands[0]
    request.fields.update(enqueue_log_fields(command.device_id, enqueued))
    url = f"{services.proxies.base_of(request.origin)}{BASE_PATH}/commands/{command.id}"
    answer = enqueued.answer, 201, JSON_MEDIA_TYPE, {"Location": url}
    request.answer(SmallResponse(*answer))
