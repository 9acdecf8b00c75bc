"""Enqueue in the fast lane: one short command for a device of the token's scope."""

import asyncio
from functools import partial

from aiohttp import web

from pushserver.errors import PushServerError
from pushserver.model.actor import Actor
from pushserver.model.command_request import CommandRequest
from pushserver.model.device import Device
from pushserver.model.token import Permission, Token
from pushserver.services.door_permission import require_door_permission
from pushserver.services.off_loop import is_quick
from pushserver.services.queue import Enqueued
from pushserver.web.api.command_parsing import COMMAND_OR_LIST, parse_json_commands
from pushserver.web.api.created_commands import render_created
from pushserver.web.api.enqueue import enqueue_log_fields
from pushserver.web.api.responses import BASE_PATH
from pushserver.web.fast_request import LaneRequest
from pushserver.web.json_body import JSON_MEDIA_TYPE
from pushserver.web.plain_request import PlainRequest
from pushserver.web.request_identity import identity_in
from pushserver.web.response import SmallResponse
from pushserver.web.services import Services


def take_enqueue(services: Services, request: LaneRequest, external_id: str) -> bool:
    """Answer an enqueue, unless anything about it is special; tell whether."""
    plain = request.plain
    try:
        plain_enqueue = _read(services, plain, external_id)
    except PushServerError:
        return False
    if plain_enqueue is None:
        return False
    request.connection.begin(plain.rest)
    token, device, command = plain_enqueue
    request_id, trace, _ = request.identity = identity_in(plain.head.headers)
    request.fields["token_id"] = token.id
    address = request.connection.peer_address
    services.queue.enqueue(
        token.scope_id,
        device.device_id,
        [command],
        partial(render_created, device, services, False),
        None,
        Actor(token.id, token.name, address, request_id, trace),
    ).add_done_callback(partial(_answer, services, request, device.device_id))
    return True


def _read(
    services: Services, plain: PlainRequest, external_id: str
) -> tuple[Token, Device, CommandRequest] | None:
    """Return whose command it is, and for which device; None if it is special."""
    token, protocols = _find_token(services, plain), services.protocols
    is_json = plain.head.media_type == JSON_MEDIA_TYPE
    if token is None or not is_json or not is_quick(plain.body):
        return None
    device_id = protocols.identify(external_id).device_id
    device = services.devices.find_adopted(token.scope_id, device_id)
    if device is None:
        return None
    protocol = protocols.named(device.protocol)
    requests, is_array = parse_json_commands(plain.body, protocol, COMMAND_OR_LIST)
    if is_array or requests[0].order.blob is not None:
        return None
    require_door_permission(token, protocols, [requests[0].order])
    return token, device, requests[0]


def _find_token(services: Services, plain: PlainRequest) -> Token | None:
    """Return the token, if it is one that may enqueue for any device."""
    header = plain.head.headers.get("Authorization", "")
    # The secrets of sessions are looked up in the store.
    if "." in header or services.cluster_sync.may_have_missed_tokens():
        return None
    token = services.tokens.authenticate(header)
    may_write = token.has_permission(Permission.COMMANDS_WRITE)
    return token if may_write and not token.is_restricted else None


def _answer(
    services: Services,
    request: LaneRequest,
    device_id: int,
    enqueuing: asyncio.Future[Enqueued],
) -> None:
    error = enqueuing.exception()
    if error is not None:
        request.go_on(partial(_fail, error))
        return
    enqueued = enqueuing.result()
    request.fields.update(enqueue_log_fields(device_id, enqueued))
    base = f"{services.proxies.public_url}{BASE_PATH}/commands/"
    headers = {"Location": f"{base}{enqueued.commands[0].id}"}
    request.answer(SmallResponse(enqueued.answer, 201, JSON_MEDIA_TYPE, headers))


async def _fail(error: BaseException, _request: web.Request) -> web.StreamResponse:
    raise error
