"""The device face's other half: what devices post of the commands they were given."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from types import MappingProxyType

import attrs
from aiohttp import web

from pushserver.errors import BrokenBody, TooLarge, TooMany
from pushserver.fair_turns import DEVICES
from pushserver.model.command import Result
from pushserver.model.device import Device
from pushserver.model.device_access import KeyState
from pushserver.model.storable_text import storable_text, storable_uuid
from pushserver.protocols.base import DeviceProtocol, DeviceRequest, ResultPart
from pushserver.services.off_loop import begin_piece
from pushserver.services.posted_result import PostedResult
from pushserver.services.result_places import ReceivingResult
from pushserver.web.body import (
    NO_BODY,
    Body,
    end_arriving,
    read_refused_result,
    read_result,
)
from pushserver.web.body_framing import announces_no_length
from pushserver.web.connection import connection_of
from pushserver.web.middleware import LOG_FIELDS
from pushserver.web.request_identity import trace_fields
from pushserver.web.response import make_response
from pushserver.web.services import Services
from pushserver.web.store_wait import retry_while_unavailable
from pushserver.web.unknown_requests import answer_refused

_MAX_HEADER_LENGTH = 255
#: What a command fails with whose result was refused, by the error that says so.
_REJECTIONS: Mapping[type, str] = MappingProxyType(
    {TooLarge: "result over 64 MiB", BrokenBody: "result in broken chunks"}
)


async def receive_result(
    services: Services,
    protocol: DeviceProtocol,
    request: web.Request,
    call: DeviceRequest,
) -> web.StreamResponse:
    """Store what was posted before it is answered; only all of it is a success."""
    device = services.admission.admit(
        call.device, call.key, request.remote
    ) or await _admit_late(services, call, request)
    if device is None:
        return await _receive_from_refused(services, protocol, request, call)
    device_result = DeviceResult(services, protocol, call, device, request.headers)
    device_result.begin()
    is_arriving = announces_no_length(request) or not request.content.is_eof()
    end = partial(end_arriving, request) if is_arriving else None
    with device_result.receiving(end) as receiving:
        # A large body is held by nobody else when it is dropped.
        return await device_result.keep(await _read(request, receiving), request)


@attrs.define(eq=False)
class DeviceResult:
    """What an admitted device posts, with these headers."""

    services: Services
    protocol: DeviceProtocol
    call: DeviceRequest
    device: Device
    headers: Mapping[str, str]

    def begin(self) -> None:
        """
        Note it; if the device posts too many, they are taken while one is awaited.

        Raises:
            TooMany: nothing is.
        """
        services, device = self.services, self.device
        max_requests = services.admission.max_requests
        if device.requests_in_second > max_requests:
            services.counts["bounds.deviceRequests"] += 1
            if not services.result_intake.in_flight_count(device.device_id):
                raise TooMany(f"At most {max_requests} requests a second, please.")
        device.was_last_poll_idle = False

    def receiving(self, end: Callable[[], None] | None = None) -> ReceivingResult:
        """Return what it is under way with; *end* ends it while it arrives."""
        return self.services.result_intake.receiving(
            self.device.device_id, storable_uuid(self.call.uuid), end
        )

    def posted(self, body: Body, part: ResultPart) -> PostedResult:
        """Return what was posted of one command."""
        services, device = self.services, self.device
        is_served, key = services.admission.is_served, self.call.key
        current = services.devices.find_in_any_scope(device.device_id)
        return _make_posted_result(
            self.headers,
            self.protocol,
            device.device_id,
            device.scope_id,
            body,
            part,
            only_by_uuid=current is not device,
            is_served=lambda keys: is_served(keys or device, key),
        )

    async def store(self, body: Body) -> Result | None:
        """
        Store what was posted; return the last result in it.

        None: the key that it came with was replaced since, here or at another server.

        Raises:
            TooMany: it ends no command, and there were too many of these today.
            Unavailable: it could not be stored.
        """
        services = self.services
        if self.protocol.max_commands > 1:
            # Splitting takes a while, too; a result of one command is only read.
            await begin_piece(self.device.device_id)
        for part in _parts(services, self.protocol, self.call, body):
            posted = self.posted(body, part)
            recorded = await retry_while_unavailable(
                services, partial(services.result_intake.accept, posted)
            )
        return recorded

    async def keep(self, body: Body, request: web.Request) -> web.StreamResponse:
        """Store what was posted, and answer."""
        recorded = await self.store(body)
        if recorded is None:
            return answer_refused(self.services, request, self.call, body)
        request[LOG_FIELDS].update(result_log_fields(self.device, recorded))
        error, drop = body.error, body.drop
        if drop is not None:
            # The next one of this size is taken into memory when this one is gone.
            del body, recorded
            drop()
        if error is not None:
            self.services.holds.wake(self.device.device_id)
            raise error
        return make_response()


async def _read(request: web.Request, receiving: ReceivingResult) -> Body:
    """Read the body; as much of it as came is kept from then on."""
    device_id, uuid = receiving.addressee
    # Only the device knows the uuid of its delivery.
    caller = None if uuid is not None else (DEVICES, device_id)
    body = await read_result(request, caller)
    receiving.end = None
    return body


def result_log_fields(device: Device, recorded: Result) -> dict[str, object]:
    """Return what is logged of a result that was stored."""
    command_id = recorded.command_id
    return {
        "device_id": device.device_id,
        "command_id": command_id,
        "orphan": command_id is None,
        **trace_fields(recorded.trace_id),
    }


async def _receive_from_refused(
    services: Services,
    protocol: DeviceProtocol,
    request: web.Request,
    call: DeviceRequest,
) -> web.StreamResponse:
    """Store what ends a command of a device that was deleted since; refuse the rest."""
    identity = call.device
    may_be_late = services.admission.may_have_been_served(identity, call.key)
    if may_be_late and call.uuid is not None:
        may_be_late = await _is_awaited(services, protocol, request, call)
        body = await (read_result if may_be_late else read_refused_result)(request)
    else:
        # Whoever knows no delivery in its address may know one in its body.
        body = await read_refused_result(request)
    if body.is_cut or not may_be_late:
        return answer_refused(services, request, call, body)
    ended_ids = []
    for part in _parts(services, protocol, call, body):
        posted_result = _make_posted_result(
            request.headers, protocol, identity.device_id, None, body, part
        )
        stored = await retry_while_unavailable(
            services, partial(services.result_intake.accept_late, posted_result)
        )
        if stored is not None:
            ended_ids.append(stored.command_id)
    if not ended_ids:
        return answer_refused(services, request, call, body)
    request[LOG_FIELDS].update(
        device_id=identity.device_id, command_id=ended_ids[-1], late=True
    )
    if body.error is not None:
        raise body.error
    return make_response()


async def _is_awaited(
    services: Services,
    protocol: DeviceProtocol,
    request: web.Request,
    call: DeviceRequest,
) -> bool:
    """Tell, before the body is read, whether it may end a command."""
    part = ResultPart(call.uuid, call.endpoint, b"")
    announced = _make_posted_result(
        request.headers, protocol, call.device.device_id, None, NO_BODY, part
    )
    with connection_of(request).waiting_here():
        return await retry_while_unavailable(
            services, partial(services.result_intake.awaits_late, announced)
        )


async def _admit_late(
    services: Services, call: DeviceRequest, request: web.Request
) -> Device | None:
    """Admit a refused device that another server may have adopted a moment ago."""
    admission, device_id = services.admission, call.device.device_id
    refused_admission = admission.admission_state(device_id)
    with connection_of(request).waiting_here():
        await retry_while_unavailable(services, services.cluster_sync.catch_up)
    if refused_admission == admission.admission_state(device_id):
        return None
    return admission.admit(call.device, call.key, request.remote)


def _make_posted_result(
    headers: Mapping[str, str],
    protocol: DeviceProtocol,
    device_id: int,
    scope_id: int | None,
    body: Body,
    part: ResultPart,
    *,
    only_by_uuid: bool = False,
    is_served: Callable[[KeyState | None], bool] = lambda _keys: True,
) -> PostedResult:
    """Return what a device posted with *headers* of one command, fit to be stored."""
    return PostedResult(
        scope_id=scope_id,
        device_id=device_id,
        protocol=protocol,
        uuid=storable_uuid(part.uuid),
        endpoint=storable_text(part.endpoint),
        content_type=storable_text(headers.get("Content-Type"), _MAX_HEADER_LENGTH),
        content_encoding=storable_text(
            headers.get("Content-Encoding"), _MAX_HEADER_LENGTH
        ),
        complete=body.error is None,
        body=part.body,
        rejection=_rejection(body),
        only_by_uuid=only_by_uuid,
        is_served=is_served,
    )


def _rejection(body: Body) -> str | None:
    """Return why the body was refused; one that broke off is not, it may come again."""
    return _REJECTIONS.get(type(body.error))


def _parts(
    services: Services, protocol: DeviceProtocol, call: DeviceRequest, body: Body
) -> Sequence[ResultPart]:
    """Return what the body says; one that was refused speaks of all in flight."""
    if _rejection(body) is None:
        return protocol.split_result(call, body.content)
    part, count = ResultPart(call.uuid, call.endpoint, body.content), 1
    if protocol.max_commands > 1 and call.uuid is None:
        count = services.result_intake.in_flight_count(call.device.device_id)
    return [part] * max(count, 1)
