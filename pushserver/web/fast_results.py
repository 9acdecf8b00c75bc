"""Results in the fast lane: those of commands that are with their devices."""

import asyncio
from functools import partial

from pushserver.model.command import Result
from pushserver.services.off_loop import MAX_INLINE
from pushserver.web.body import Body
from pushserver.web.device_results import DeviceResult, result_log_fields
from pushserver.web.fast_request import LaneRequest
from pushserver.web.response import SmallResponse


def take_result(request: LaneRequest, device_result: DeviceResult) -> bool:
    """Answer a result, if it is of one command in flight; tell whether it is."""
    plain = request.plain
    if len(plain.body) > MAX_INLINE:
        return False
    body, services = Body(plain.body), device_result.services
    parts = device_result.protocol.split_result(device_result.call, plain.body)
    posted = device_result.posted(body, parts[0])
    if len(parts) > 1 or not services.result_intake.is_for_in_flight(posted):
        return False
    device = device_result.device
    services.admission.admit_again(device)
    device_result.begin()
    request.connection.begin(plain.rest)
    receiving = device_result.receiving()

    def answer(storing: asyncio.Future[Result | None]) -> None:
        receiving.__exit__(None, None, None)
        stored = None if storing.exception() else storing.result()
        if stored is None:
            # It is tried again, and looked for where the store has it.
            request.go_on(partial(device_result.keep, body))
            return
        request.fields.update(result_log_fields(device, stored))
        request.answer(SmallResponse())

    receiving.__enter__()
    services.result_intake.begin_accept(posted).add_done_callback(answer)
    return True
