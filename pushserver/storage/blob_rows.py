"""Blobs as rows."""

from pushserver.model.blob import Blob
from pushserver.storage.table import Table

BLOBS = Table("blob", Blob, ["id, scope_id, sha256, size, created_at, used_at"])
