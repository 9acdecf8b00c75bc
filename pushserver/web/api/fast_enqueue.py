"""Enqueue in the fast lane: one short command for a device of the token's scope."""

import asyncio
from functools import partial

import attrs

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
from pushserver.web.fast_request import LaneConnection, LaneRequest
from pushserver.web.json_body import JSON_MEDIA_TYPE
from pushserver.web.middleware import RequestLog
from pushserver.web.plain_request import PlainRequest
from pushserver.web.request_identity import REQUEST_ID_HEADER, identity_in
from pushserver.web.response import SmallResponse
from pushserver.web.services import Services


@attrs.frozen(eq=False)
class FastEnqueue:
    """Enqueues what needs nothing but its commit; `log` is that of the route."""

    services: Services
    log: RequestLog

    def take(
        self, plain: PlainRequest, rest: bytes, connection: LaneConnection
    ) -> bool:
        """Answer an enqueue, unless anything about it is special; tell whether."""
        try:
            token = self._find_token(plain)
            if token is None:
                return False
            device = self._find_device(token, plain)
            command = None if device is None else self._parse(token, device, plain)
        except PushServerError:
            return False
        if device is None or command is None:
            return False
        connection.begin(rest)
        request = LaneRequest(connection, plain, "POST", plain.path, self.log)
        self._enqueue(request, plain, token, device, command)
        return True

    def _find_token(self, plain: PlainRequest) -> Token | None:
        """Return the token, if it is one that may enqueue for any device."""
        header, services = plain.head.headers.get("Authorization", ""), self.services
        # The secrets of sessions are looked up in the store.
        if "." in header or services.cluster_sync.may_have_missed_tokens():
            return None
        token = services.tokens.authenticate(header)
        may_write = token.has_permission(Permission.COMMANDS_WRITE)
        return token if may_write and not token.is_restricted else None

    def _find_device(self, token: Token, plain: PlainRequest) -> Device | None:
        external_id = plain.path.rpartition("/")[0].rpartition("/")[2]
        identity = self.services.protocols.identify(external_id)
        find = self.services.devices.find_adopted
        return find(token.scope_id, identity.device_id)

    def _parse(
        self, token: Token, device: Device, plain: PlainRequest
    ) -> CommandRequest | None:
        """Return the one command in the body; None if there is more, or a blob."""
        protocols, body = self.services.protocols, plain.body
        if plain.head.media_type != JSON_MEDIA_TYPE or not is_quick(body):
            return None
        protocol = protocols.named(device.protocol)
        requests, is_array = parse_json_commands(body, protocol, COMMAND_OR_LIST)
        if is_array or requests[0].order.blob is not None:
            return None
        require_door_permission(token, protocols, [requests[0].order])
        return requests[0]

    def _enqueue(
        self,
        request: LaneRequest,
        plain: PlainRequest,
        token: Token,
        device: Device,
        command: CommandRequest,
    ) -> None:
        services, address = self.services, request.connection.peer_address
        request_id, trace, _ = identity = identity_in(plain.head.headers)
        request.identity = identity
        request.fields["token_id"] = token.id
        services.queue.enqueue(
            token.scope_id,
            device.device_id,
            [command],
            partial(render_created, device, services, False),
            None,
            Actor(token.id, token.name, address, request_id, trace),
        ).add_done_callback(partial(self._answer, request, device))

    def _answer(
        self,
        request: LaneRequest,
        device: Device,
        enqueuing: asyncio.Future[Enqueued],
    ) -> None:
        error = enqueuing.exception()
        if error is not None:
            request.fail(error)
            return
        enqueued = enqueuing.result()
        request.fields.update(enqueue_log_fields(device.device_id, enqueued))
        base = f"{self.services.proxies.public_url}{BASE_PATH}/commands/"
        assert request.identity is not None  # noqa: S101 - `_enqueue` has read it
        headers = {
            "Location": f"{base}{enqueued.commands[0].id}",
            REQUEST_ID_HEADER: request.identity.request_id,
        }
        response = SmallResponse(enqueued.answer, 201, JSON_MEDIA_TYPE, headers)
        request.answer(response)
