"""Results in the fast lane: those of commands that are with their devices."""

import asyncio
from functools import partial

import attrs

from pushserver.model.command import Result
from pushserver.model.device import Device
from pushserver.model.storable_text import storable_uuid
from pushserver.protocols.base import DeviceProtocol, DeviceRequest
from pushserver.services.off_loop import MAX_INLINE
from pushserver.services.posted_result import PostedResult
from pushserver.web.body import NO_BODY, Body
from pushserver.web.device_results import (
    keep_result,
    make_posted_result,
    result_log_fields,
)
from pushserver.web.fast_request import LaneConnection, LaneRequest
from pushserver.web.middleware import RequestLog, shown_path
from pushserver.web.plain_request import PlainRequest
from pushserver.web.response import SmallResponse
from pushserver.web.services import Services


@attrs.frozen(eq=False)
class FastResults:
    """Stores short results of commands in flight."""

    services: Services

    def take(
        self,
        protocol: DeviceProtocol,
        plain: PlainRequest,
        call: DeviceRequest,
        data: bytes,
        connection: LaneConnection,
        log: RequestLog,
    ) -> bool:
        """Answer a result, if its device is surely admitted; tell whether it is."""
        admission, address = self.services.admission, connection.peer_address
        device = admission.may_admit_again(call.device, call.key, address)
        if device is None or len(plain.body) > MAX_INLINE:
            return False
        posted = self._posted(protocol, plain, call, device)
        if posted is None:
            return False
        admission.admit_again(device, self.services.clock.now())
        if device.requests_in_second > admission.max_requests:
            # It is awaited, so it is stored all the same.
            self.services.counts["bounds.deviceRequests"] += 1
        device.was_last_poll_idle = False
        connection.begin(data[plain.end :])
        path = shown_path(plain.path)
        request = LaneRequest(connection, plain, "POST", path, log)
        self._store(request, plain, protocol, call, device, posted)
        return True

    def _posted(
        self,
        protocol: DeviceProtocol,
        plain: PlainRequest,
        call: DeviceRequest,
        device: Device,
    ) -> PostedResult | None:
        """Return what was posted; None unless it is all of one command in flight."""
        parts = protocol.split_result(call, plain.body)
        if len(parts) != 1:
            return None
        is_served = self.services.admission.is_served
        posted = make_posted_result(
            plain.head.headers,
            protocol,
            device.device_id,
            device.scope_id,
            NO_BODY,
            parts[0],
            is_served=lambda keys: is_served(keys or device, call.key),
        )
        is_awaited = self.services.result_intake.is_for_in_flight(posted)
        return posted if is_awaited else None

    def _store(
        self,
        request: LaneRequest,
        plain: PlainRequest,
        protocol: DeviceProtocol,
        call: DeviceRequest,
        device: Device,
        posted: PostedResult,
    ) -> None:
        intake = self.services.result_intake
        receiving = intake.receiving(device.device_id, storable_uuid(call.uuid))

        def answer(storing: asyncio.Future[Result | None]) -> None:
            receiving.__exit__(None, None, None)
            stored = None if storing.exception() else storing.result()
            if stored is None:
                # It is tried again, and looked for where the store has it.
                body = Body(plain.body)
                keep = partial(keep_result, self.services, protocol, call, device, body)
                request.go_on(keep)
                return
            request.fields.update(result_log_fields(device, stored))
            request.answer(SmallResponse())

        receiving.__enter__()
        intake.begin_accept(posted).add_done_callback(answer)
