"""What a command asks of its device."""

import attrs

from pushserver.clock import rfc3339
from pushserver.errors import BodyDeleted

#: The content type of bodies that are bytes.
OCTET_STREAM = "application/octet-stream"


@attrs.frozen(kw_only=True)
class Order:
    """
    What the device shall do, in the vendor's form, and the program's `metadata`.

    `body` and `metadata` are JSON texts, stored byte for byte. For
    `OCTET_STREAM` the body is a JSON string that holds base64. Instead of a body there
    may be a `blob`, which is named by its hash: the very bytes for `OCTET_STREAM`, else
    the JSON text. Both are None once they were deleted, at `body_deleted_at`.
    """

    verb: str
    endpoint: str
    body: str | None
    content_type: str
    query_string: str | None
    metadata: str | None = None
    blob: str | None = None
    body_deleted_at: int | None = None

    def require_body(self) -> None:
        """
        Require that its body, if it ever had one, is still there.

        Raises:
            BodyDeleted: it was deleted.
        """
        require_body(self.body_deleted_at)


def require_body(deleted_at: int | None) -> None:
    """
    Require that a body was not deleted.

    Raises:
        BodyDeleted: it was.
    """
    if deleted_at is not None:
        raise BodyDeleted(f"The body was deleted at {rfc3339(deleted_at)}.")
