"""Blobs on the wire."""

from pushserver.web.api.types import Out


class BlobOut(Out, kw_only=True):
    """Bytes that were uploaded; `id` is their SHA-256, as `bodyBlob` names them."""

    id: str
    """The SHA-256 of the bytes: the `bodyBlob` of commands and steps."""
    size: int
    """How many bytes there are."""
