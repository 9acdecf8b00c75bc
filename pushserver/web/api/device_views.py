"""Devices as programs read them."""

from collections.abc import Sequence

from pushserver.model.device import Device
from pushserver.model.queue_status import EMPTY_QUEUE, QueueStatus
from pushserver.model.unknown_request import MAX_UNKNOWN_REQUESTS, UnknownRequest
from pushserver.web.api.device_types import (
    DeviceOut,
    InFlightOut,
    KeylessOut,
    UnknownRequestOut,
    UnknownRequestsOut,
)
from pushserver.web.api.rendering import as_seconds, optional_instant, render
from pushserver.web.services import Services


def device_out(
    services: Services,
    device: Device,
    queue_status: QueueStatus = EMPTY_QUEUE,
    unknown_requests: Sequence[UnknownRequest] | None = None,
) -> DeviceOut:
    """Render a device; without its last unknown requests, they are only counted."""
    hold, period, in_flight = device.hold, device.poll_period, queue_status.in_flight
    protocols, now = services.protocols, services.clock.now()
    return render(
        DeviceOut,
        device,
        device_id=protocols.display_id(device.device_id),
        protocol=None if device.protocol == protocols.default.name else device.protocol,
        tags=dict(device.tags),
        last_seen_ago=_seconds_since(device.last_seen_at, now),
        online=services.online_rule.is_online(
            device, now, is_busy=in_flight is not None
        ),
        hold=None if hold is None else as_seconds(hold),
        poll_period=None if period is None else as_seconds(period),
        queue_depth=queue_status.waiting,
        in_flight=None if in_flight is None else render(InFlightOut, in_flight),
        keyed=device.key_hash is not None,
        keyless=keyless_out(device),
        device_seen=device.last_seen_at is not None,
        identity_conflicts=device.identity_conflicts or None,
        unknown_calls=_unknown_requests_out(device, unknown_requests),
    )


def _seconds_since(instant: int | None, now: int) -> float | None:
    """Return how long ago an instant was, to the millisecond."""
    return None if instant is None else as_seconds(max(0, now - instant) // 1000 * 1000)


def keyless_out(device: Device) -> KeylessOut | None:
    """Render since when a device is served without the key that it has."""
    if device.key_hash is None or device.key_enforced:
        return None
    return KeylessOut(
        since=optional_instant(device.keyless_since), address=device.keyless_address
    )


def _unknown_requests_out(
    device: Device, unknown_requests: Sequence[UnknownRequest] | None
) -> UnknownRequestsOut | None:
    count = device.unknown_request_count
    if unknown_requests is not None and len(unknown_requests) < MAX_UNKNOWN_REQUESTS:
        count = len(unknown_requests)
    if not count:
        return None
    last_requests = [
        render(
            UnknownRequestOut,
            each,
            body=each.body.decode("utf-8", "replace") or None,
        )
        for each in unknown_requests or ()
    ]
    return UnknownRequestsOut(count, last_requests)
