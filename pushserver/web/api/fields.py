"""Settings of a device, from their JSON."""

from typing import Any

from msgspec import UNSET

from pushserver.clock import micros
from pushserver.errors import Invalid
from pushserver.web.api.device_types import DeviceIn, ImportRow


def read_tag(text: str) -> tuple[str, str]:
    """
    Read `key:value`.

    Raises:
        Invalid: there is no colon.
    """
    key, colon, value = text.partition(":")
    if not colon:
        raise Invalid("tag must be key:value.", pointer="/tag")
    return key, value


def settings_of(given: DeviceIn | ImportRow) -> dict[str, Any]:
    """Return what is given, in the model's names and units; the rest stays out."""
    settings: dict[str, Any] = {}
    if given.name is not UNSET:
        settings["name"] = given.name
    if given.tags is not UNSET:
        settings["tags"] = given.tags
    if given.hold is not UNSET:
        settings["hold"] = None if given.hold is None else micros(given.hold)
    return settings
