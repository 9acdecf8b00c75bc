"""The push of a shadow's status, as OceanConnect's page has it."""

import json

import msgspec

from pushserver.dialects.oceanconnect import oceanconnect_body
from pushserver.model.event import EventType
from pushserver.model.event_payload import ShadowPayload
from tests.dialects.events import COMMAND, event
from tests.model.factories import DEVICE

#: The page's example, with our id in the place of the stars.
EXAMPLE = """
{
    "notifyType":"deviceDesiredPropertiesModifyStatusChanged",
    "deviceId":"6613047045004349123",
    "serviceId":"Device",
    "properties":{
        "Model Number":1,
        "Serial Number":2,
        "Firmware Version":"v1.1.0"
    },
    "status":"DELIVERED"
}
"""


def decoded(*, delivered: bool = True) -> bytes:
    """Return the body of the page's example."""
    properties = json.dumps(json.loads(EXAMPLE)["properties"]).encode()
    shadow = ShadowPayload(
        service_id="Device",
        properties=msgspec.Raw(properties),
        delivered=delivered,
        version=3,
        command_id=COMMAND,
        error=None if delivered else "No answer.",
    )
    return oceanconnect_body(
        event(EventType.SHADOW_STATUS, shadow), device_id=str(DEVICE), app_id="app"
    )


def test_example() -> None:
    """
    The page's body is reproduced key by key, in its order.
    """
    expected, body = json.loads(EXAMPLE), json.loads(decoded())

    assert list(expected.items()) == list(body.items())
    assert list(expected["properties"]) == list(body["properties"])
    assert str(DEVICE) == body["deviceId"]


def test_failed() -> None:
    """
    A failure has the same fields, and no others.
    """
    body = json.loads(decoded(delivered=False))

    assert {**json.loads(EXAMPLE), "status": "FAILED"} == body


def test_found_in_the_raw_text() -> None:
    """
    Receivers look for the type in the raw text.
    """
    kind = b'"notifyType":"deviceDesiredPropertiesModifyStatusChanged"'

    assert decoded().startswith(b"{" + kind)
