"""Parses a device's settings."""

from collections.abc import Iterable, Sequence
from typing import Any

from msgspec import UNSET

from pushserver.clock import micros
from pushserver.errors import Invalid
from pushserver.model.labels import check_tags
from pushserver.services.device_protocols import DeviceProtocols
from pushserver.web.api.call import ApiCall
from pushserver.web.api.device_types import DeviceImportRow, DeviceIn


def optional_device_id(call: ApiCall[Any, Any], text: str | None) -> int | None:
    """
    Return which device the query's `deviceId` means, if it is given.

    Raises:
        Invalid: no device has such an id.
    """
    if text is None:
        return None
    return call.services.protocols.identify(text, "/deviceId").device_id


def parse_device_ids(
    protocols: DeviceProtocols, ids: Sequence[int | str] | None
) -> frozenset[int] | None:
    """
    Return which devices the body's `deviceIds` mean, if they are given.

    Raises:
        Invalid: no device has such an id.
    """
    if ids is None:
        return None
    return frozenset(
        protocols.identify(str(one), f"/deviceIds/{index}").device_id
        for index, one in enumerate(ids)
    )


def parse_tag(text: str) -> tuple[str, str]:
    """
    Parse the tag `key:value`.

    Raises:
        Invalid: there is no colon.
    """
    key, colon, value = text.partition(":")
    if not colon:
        raise Invalid("tag must be key:value.", pointer="/tag")
    return key, value


def parse_tags(texts: Iterable[str]) -> dict[str, set[str]]:
    """
    Return the values of each key of which a device has one.

    Raises:
        Invalid: a tag has no colon.
    """
    tags: dict[str, set[str]] = {}
    for key, value in map(parse_tag, texts):
        tags.setdefault(key, set()).add(value)
    return tags


def device_settings(body: DeviceIn | DeviceImportRow) -> dict[str, Any]:
    """
    Return the settings that are given, in the model's names and units.

    Raises:
        Invalid: the tags are too long.
    """
    settings: dict[str, Any] = {}
    if body.name is not UNSET:
        settings["name"] = body.name
    if body.tags is not UNSET:
        check_tags(body.tags)
        settings["tags"] = body.tags
    if body.hold is not UNSET:
        settings["hold"] = None if body.hold is None else micros(body.hold)
    return settings
