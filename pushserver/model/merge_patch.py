"""Changes of desired properties as JSON merge patches: validates and applies them."""

import re
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from pushserver.errors import Invalid
from pushserver.model.shadow import PropertyValue, Service, ValueFormatter

#: The desired properties by service; None removes a property, or the service's all.
MergePatch = Mapping[str, Mapping[str, PropertyValue | None] | None]

#: The most services of a device, and the most properties of all of them.
MAX_SERVICES = 64
MAX_PROPERTIES = 1000
#: The most bytes of JSON of a device's desired properties.
MAX_SHADOW_BYTES = 256_000
_MAX_VALUE_LENGTH = 4000

_SERVICE_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}", re.ASCII)
_PROPERTY_NAME = re.compile(r"[^\x00-\x1f\x7f]{1,64}")
_encode = msgspec.json.Encoder().encode


def check_merge_patch(
    patch: Mapping[str, Any], format_value: ValueFormatter, pointer_prefix: str = ""
) -> MergePatch:
    """
    Validate a merge patch; *format_value* refuses values that the device cannot have.

    Raises:
        Invalid: a name or a value is wrong; the pointer, below *pointer_prefix*, names
        it.
    """
    for service_id, properties in patch.items():
        pointer = f"{pointer_prefix}/{escape_pointer(service_id)}"
        check_service_name(service_id, pointer)
        if properties is None:
            continue
        if not isinstance(properties, dict):
            raise Invalid("A service is an object of properties.", pointer=pointer)
        for name, value in properties.items():
            check_property_name(name, f"{pointer}/{escape_pointer(name)}")
            if value is not None:
                _check_value(value, format_value, f"{pointer}/{escape_pointer(name)}")
    return patch


def check_service_name(service_id: str, pointer: str) -> None:
    """
    Check the name of a service.

    Raises:
        Invalid: it is no identifier.
    """
    if _SERVICE_NAME.fullmatch(service_id) is None:
        raise Invalid(
            "A service is named by 1 to 64 letters, digits and underscores, the first"
            " of them no digit.",
            pointer=pointer,
        )


def check_property_name(name: str, pointer: str) -> None:
    """
    Check the name of a property.

    Raises:
        Invalid: it is empty, too long, or has control characters.
    """
    if _PROPERTY_NAME.fullmatch(name) is None:
        raise Invalid(
            "A property is named by 1 to 64 characters, without control characters.",
            pointer=pointer,
        )


def _check_value(value: Any, format_value: ValueFormatter, pointer: str) -> None:
    try:
        length = len(format_value(value))
    except Invalid as error:
        raise Invalid(error.detail, pointer=pointer) from None
    if length > _MAX_VALUE_LENGTH:
        raise Invalid(
            f"A value has at most {_MAX_VALUE_LENGTH} characters.", pointer=pointer
        )


def escape_pointer(name: str) -> str:
    """Return *name* as a part of a JSON pointer."""
    return name.replace("~", "~0").replace("/", "~1")


def apply_merge_patch(
    services: Mapping[str, Service], patch: MergePatch
) -> dict[str, dict[str, PropertyValue]]:
    """
    Return the desired properties of the services in *patch* after applying it.

    Raises:
        Invalid: it would be too much for one device.
    """
    current = {name: service.desired for name, service in services.items()}
    changed = {
        name: _merge_properties(current.get(name, {}), change)
        for name, change in patch.items()
    }
    check_shadow_size({**current, **changed})
    return changed


def _merge_properties(
    desired: Mapping[str, PropertyValue],
    change: Mapping[str, PropertyValue | None] | None,
) -> dict[str, PropertyValue]:
    if change is None:
        return {}
    combined = {**desired, **change}
    return {name: value for name, value in combined.items() if value is not None}


def check_shadow_size(services: Mapping[str, Iterable[str]]) -> None:
    """
    Check the number of a device's services and properties.

    Raises:
        Invalid: it is too much.
    """
    properties = sum(len(list(each)) for each in services.values())
    if len(services) > MAX_SERVICES or properties > MAX_PROPERTIES:
        raise Invalid(
            f"A shadow has at most {MAX_SERVICES} services and {MAX_PROPERTIES}"
            " properties."
        )
    if len(_encode(services)) > MAX_SHADOW_BYTES:
        raise Invalid(f"A shadow has at most {MAX_SHADOW_BYTES} bytes.")
