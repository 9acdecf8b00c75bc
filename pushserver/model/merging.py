"""Changes of what is desired (JSON merge patches), checked and carried out."""

import re
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from pushserver.errors import Invalid
from pushserver.model.shadow import Service, Text, Value

#: What is to be desired of each service; None takes a property, or all of them, away.
Merge = Mapping[str, Mapping[str, Value | None] | None]

#: So many services of a device may be named, and properties of all of them.
SERVICES = 64
PROPERTIES = 1000
#: So large (bytes of JSON) may be what is desired of a device.
SIZE = 256_000
_TEXT = 4000

_SERVICE = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}", re.ASCII)
_PROPERTY = re.compile(r"[^\x00-\x1f\x7f]{1,64}")
_encode = msgspec.json.Encoder().encode


def read_merge(given: Mapping[str, Any], text: Text, under: str = "") -> Merge:
    """
    Check a merge patch; *text* refuses values that the device cannot have.

    Raises:
        Invalid: a name or a value is wrong; the pointer, below *under*, names it.
    """
    for service_id, properties in given.items():
        pointer = f"{under}/{escaped(service_id)}"
        check_service(service_id, pointer)
        if properties is None:
            continue
        if not isinstance(properties, dict):
            raise Invalid("A service is an object of properties.", pointer=pointer)
        for name, value in properties.items():
            check_property(name, f"{pointer}/{escaped(name)}")
            if value is not None:
                _check_value(value, text, f"{pointer}/{escaped(name)}")
    return given


def check_service(service_id: str, pointer: str) -> None:
    """
    Check the name of a service.

    Raises:
        Invalid: it is no identifier.
    """
    if _SERVICE.fullmatch(service_id) is None:
        raise Invalid(
            "A service is named by 1 to 64 letters, digits and underscores, the first"
            " of them no digit.",
            pointer=pointer,
        )


def check_property(name: str, pointer: str) -> None:
    """
    Check the name of a property.

    Raises:
        Invalid: it is empty, too long, or has control characters.
    """
    if _PROPERTY.fullmatch(name) is None:
        raise Invalid(
            "A property is named by 1 to 64 characters, without control characters.",
            pointer=pointer,
        )


def _check_value(value: Any, text: Text, pointer: str) -> None:
    try:
        length = len(text(value))
    except Invalid as error:
        raise Invalid(error.detail, pointer=pointer) from None
    if length > _TEXT:
        raise Invalid(f"A value has at most {_TEXT} characters.", pointer=pointer)


def escaped(name: str) -> str:
    """Return *name* as a part of a JSON pointer."""
    return name.replace("~", "~0").replace("/", "~1")


def merged(
    services: Mapping[str, Service], merge: Merge
) -> dict[str, dict[str, Value]]:
    """
    Return what is desired of the named services when *merge* is carried out.

    Raises:
        Invalid: it would be too much for one device.
    """
    now = {name: service.desired for name, service in services.items()}
    changed = {name: _changed(now.get(name, {}), how) for name, how in merge.items()}
    check_size({**now, **changed})
    return changed


def _changed(
    desired: Mapping[str, Value], change: Mapping[str, Value | None] | None
) -> dict[str, Value]:
    if change is None:
        return {}
    both = {**desired, **change}
    return {name: value for name, value in both.items() if value is not None}


def check_size(services: Mapping[str, Iterable[str]]) -> None:
    """
    Check how much there is of a device's services, by their properties or names.

    Raises:
        Invalid: it is too much.
    """
    properties = sum(len(list(each)) for each in services.values())
    if len(services) > SERVICES or properties > PROPERTIES:
        raise Invalid(
            f"A shadow has at most {SERVICES} services and {PROPERTIES} properties."
        )
    if len(_encode(services)) > SIZE:
        raise Invalid(f"A shadow has at most {SIZE} bytes.")
