"""A form that is sent twice is done once: it has a key, as calls of the API may."""

import hashlib

import msgspec

from pushserver.model.idempotency import IdempotencyKey
from pushserver.services.idempotency import IdempotentRequest
from pushserver.web.api.canonical_request import canonical_path
from pushserver.web.console.page import SignedInCall

_MAX_LENGTH = 100


def form_key(call: SignedInCall) -> IdempotentRequest | None:
    """Return the key of the form that was sent, and what tells it from another."""
    value = call.form.get("key", "")
    if not value.isprintable() or not 1 <= len(value) <= _MAX_LENGTH:
        return None
    digest = hashlib.sha256(msgspec.json.encode(sorted(call.form.items())))
    for name, content in sorted(call.files.items()):
        digest.update(f"\n{name}\n".encode(errors="replace"))
        digest.update(content)
    key = IdempotencyKey(call.token.id, _path(call), value)
    return IdempotentRequest(key, digest.hexdigest())


def _path(call: SignedInCall) -> str:
    """Return where the form was sent to, however the ids in it were spelled."""
    resource = call.request.match_info.route.resource
    assert resource is not None  # noqa: S101 - it was found
    protocols = call.services.protocols
    return canonical_path(resource.canonical, call.path_params, protocols)
