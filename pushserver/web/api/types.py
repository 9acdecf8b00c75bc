"""Types of the API's JSON: they decode requests, encode responses, make the OpenAPI.

Fields are camelCase on the wire. Absent values are left out, never null.
"""

from typing import Annotated, Generic, TypeVar

import msgspec
from msgspec import Meta

T = TypeVar("T")

_DAYS_366 = 366 * 86_400
Seconds = Annotated[float, Meta(gt=0, le=_DAYS_366, description="Seconds.")]
Limit = Annotated[int, Meta(ge=1)]
#: An id as its protocol has it, or `protocol:id`; Control iD's are digits.
DeviceIdText = Annotated[str, Meta(min_length=1, max_length=250)]
Int64Text = Annotated[str, Meta(pattern="^[0-9]{1,19}$")]
Instant = Annotated[str, Meta(extra_json_schema={"format": "date-time"})]


class In(
    msgspec.Struct, rename="camel", forbid_unknown_fields=True, omit_defaults=True
):
    """What programs send: a field that is not known is refused."""


class Out(msgspec.Struct, rename="camel", omit_defaults=True):
    """What programs get."""


class ActorOut(Out):
    """The token with which somebody did something."""

    token_id: str
    name: str | None = None


class PageOut(Out, Generic[T], kw_only=True):
    """A page of a list; `next_cursor` is there if another page follows."""

    items: list[T]
    next_cursor: str | None = None
