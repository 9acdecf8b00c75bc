"""Types of the API's JSON: they decode requests, encode responses, make the OpenAPI.

Fields are camelCase on the wire. Absent values are left out, never null.
"""

from typing import Annotated, Generic, TypeVar

import msgspec
from msgspec import Meta

from pushserver.dialects.wire_types import InstantText
from pushserver.model.labels import MAX_KEY_LENGTH, MAX_LABELS, MAX_TAG_LENGTH
from pushserver.web.field_types import PATTERN_WORDS

T = TypeVar("T")

_DAYS_366 = 366 * 86_400
Seconds = Annotated[float, Meta(gt=0, le=_DAYS_366, description="Seconds.")]
Limit = Annotated[
    int,
    Meta(
        ge=1,
        description="How many items a page has; never more than 1000.",
        # Without a format: whatever is asked for is more than 1000, and taken for that.
        extra_json_schema={"type": "integer", "minimum": 1},
    ),
]
#: An id as its protocol has it, or `protocol:id`; Control iD's are digits.
DeviceIdText = Annotated[str, Meta(min_length=1, max_length=250)]
#: The same in a body, where its digits may be a number, too.
DeviceIdIn = Annotated[
    int | str,
    Meta(extra_json_schema={"type": "string", "minLength": 1, "maxLength": 250}),
]
Int64Text = Annotated[
    str,
    Meta(pattern="^[0-9]{1,19}$", extra={PATTERN_WORDS: "1 to 19 digits"}),
]
Cursor = Annotated[
    Int64Text, Meta(description="The `nextCursor` of the page before this one.")
]
CreatedBy = Annotated[
    Int64Text, Meta(description="What was made with the token that has this id.")
]
#: The most tags, labels or names that a body has of a kind.
MAX_ITEMS = MAX_LABELS
TagKey = Annotated[str, Meta(max_length=MAX_KEY_LENGTH)]
TagValue = Annotated[str, Meta(max_length=MAX_TAG_LENGTH)]
Tags = Annotated[dict[TagKey, TagValue], Meta(max_length=MAX_LABELS)]
Instant = InstantText


class In(
    msgspec.Struct, rename="camel", forbid_unknown_fields=True, omit_defaults=True
):
    """What programs send: a field that is not known is refused."""


class Out(msgspec.Struct, rename="camel", omit_defaults=True):
    """What programs get."""


class ActorOut(Out):
    """The token with which somebody did something."""

    token_id: str
    """The token's id."""
    name: str | None = None
    """What the token was called then."""


class PageOut(Out, Generic[T], kw_only=True):
    """A page of a list; `next_cursor` is there if another page follows."""

    items: list[T]
    """The items of this page."""
    next_cursor: str | None = None
    """Where the next page begins; left out on the last one."""
