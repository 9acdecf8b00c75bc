"""What an event is about."""

import pytest

from pushserver.model.event import EventType
from pushserver.model.event_payload import DevicePayload, TaskPayload
from pushserver.model.subscription import WebhookFormat
from tests.dialects.events import event

TASK = TaskPayload(task_id=7, state="COMPLETED", completed=1, failed=0, stale=0)


@pytest.mark.parametrize(
    ("event_type", "payload"),
    [
        (EventType.TASK_FINISHED, TASK),
        (EventType.DEVICE_ONLINE, DevicePayload(last_seen_at=5)),
        (EventType.DEVICE_OFFLINE, DevicePayload(last_seen_at=6)),
    ],
)
def test_an_event_has_the_payload_of_its_type(
    event_type: EventType, payload: TaskPayload | DevicePayload
) -> None:
    """The payload that an event was made of is decoded by the event's type."""
    assert payload == event(event_type, payload).payload


def test_a_payload_is_decoded_once() -> None:
    """Whoever asks for the payload gets the same object."""
    decoded = event(EventType.TASK_FINISHED, TASK)

    assert decoded.payload is decoded.payload


@pytest.mark.parametrize("format_", WebhookFormat)
def test_every_format_has_a_body_for_some_event(format_: WebhookFormat) -> None:
    """There is no format that a subscription could not use."""
    assert format_.event_types
