"""What a command asks of its device."""

import attrs

#: The content type of bodies that are bytes.
OCTET_STREAM = "application/octet-stream"


@attrs.frozen(kw_only=True)
class Order:
    """
    What the device shall do, in the vendor's form, and the program's `metadata`.

    `body` and `metadata` are JSON texts, stored byte for byte. For
    `OCTET_STREAM` the body is a JSON string that holds base64. Instead of a body there
    may be a `blob`, which is named by its hash: the very bytes for `OCTET_STREAM`, else
    the JSON text.
    """

    verb: str
    endpoint: str
    body: str | None
    content_type: str
    query_string: str | None
    metadata: str | None = None
    blob: str | None = None
