"""Secrets: how keys of devices are made, and in what form keys and tokens are kept."""

import hashlib
import secrets


def new_device_key() -> str:
    """Make a key of 192 random bits that may stand in a path."""
    return secrets.token_urlsafe(24)


def hash_secret(secret: str) -> str:
    """Return the SHA-256 of a key or token, which is stored; it needs no salt."""
    return hashlib.sha256(secret.encode("utf-8", "replace")).hexdigest()
