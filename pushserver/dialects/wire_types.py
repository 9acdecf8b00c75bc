"""Types of texts on the wire that programs are told more of than that they are text."""

from typing import Annotated

from msgspec import Meta, Raw

#: An instant as `rfc3339` writes it.
InstantText = Annotated[str, Meta(extra_json_schema={"format": "date-time"})]
#: A JSON object, already encoded.
RawObject = Annotated[
    Raw, Meta(extra_json_schema={"type": "object", "additionalProperties": {}})
]
