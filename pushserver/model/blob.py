"""Bytes that are kept once, however many commands carry them to their devices."""

import attrs

#: So many bytes are in each of its pieces: a multiple of three, so that every piece is
#: base64 by itself.
BLOB_PIECE_SIZE = 768 * 1024
#: A body of more bytes is kept as a blob.
MAX_INLINE_BODY = 1024 * 1024
#: So many bytes of bodies that came in one call are kept with their commands; beyond,
#: the longest ones are kept as blobs. Each of the others is in memory several times.
MAX_INLINE_BODIES = 8 * 1024 * 1024


@attrs.frozen(kw_only=True)
class Blob:
    """
    Bytes in a scope, which are named by their hash.

    While nothing refers to it, it is kept for a time after `used_at`, when it was
    uploaded or named last. Instants are microseconds.
    """

    id: int
    scope_id: int
    sha256: str
    size: int
    created_at: int
    used_at: int
