"""What a command asks of its device."""

import attrs


@attrs.frozen(kw_only=True)
class Order:
    """
    What the device shall do, in the vendor's form, and the program's `metadata`.

    `body` and `metadata` are JSON texts, stored byte for byte. For
    `application/octet-stream` the body is a JSON string that holds base64; instead of
    one there may be a `blob`, which is named by its hash.
    """

    verb: str
    endpoint: str
    body: str | None
    content_type: str
    query_string: str | None
    metadata: str | None = None
    blob: str | None = None
