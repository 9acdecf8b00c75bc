"""Types of the API: blobs.

Made by scripts/client_types.py from the API's description: do not edit.
"""

from typing import TypedDict


class Blob(TypedDict):
    """Bytes that were uploaded; `id` is their SHA-256, as `bodyBlob` names them."""

    id: str
    """The SHA-256 of the bytes: the `bodyBlob` of commands and steps."""
    size: int
    """How many bytes there are."""
