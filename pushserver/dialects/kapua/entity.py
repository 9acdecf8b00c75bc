"""What all entities of Kapua have in common: their type, ids and dates."""

import msgspec

from pushserver.clock import rfc3339

to_json = msgspec.json.Encoder().encode


class Body(
    msgspec.Struct, kw_only=True, rename="camel", omit_defaults=True, tag_field="type"
):
    """Base of all bodies: the type comes first, absent values are left out."""


def format_date(instant: int) -> str:
    """Return an instant in UTC, truncated to milliseconds."""
    return rfc3339(instant)[:-4] + "Z"
