"""Bounds on what strangers and tokens can fill; each is a setting.

`docs/security.md` has them as a table; a test compares it with the fields here.
"""

from typing import Any

import attrs

KIBIBYTE = 1024
MEBIBYTE = 1024 * KIBIBYTE


@attrs.frozen(kw_only=True)
class Bound:
    """
    What a setting bounds, and what becomes of what is beyond.

    `answer` is what the sender gets; `counts` are names in the server's status: how
    often that happened.
    """

    what: str
    answer: str
    counts: tuple[str, ...]


def _bound(default: int, what: str, answer: str, *counts: str) -> Any:
    return attrs.field(
        default=default,
        validator=_validate_positive,
        metadata={Bound: Bound(what=what, answer=answer, counts=counts)},
    )


def _validate_positive(_: object, field: "attrs.Attribute[Any]", value: int) -> None:
    if value < 1:
        raise ValueError(f"{field.name} must be 1 or more")


@attrs.frozen(kw_only=True)
class Bounds:
    """The most of each thing that there may be."""

    device_queue: int = _bound(
        10_000, "waiting commands of a device", "429 `queue-full`", "bounds.deviceQueue"
    )
    scope_queue: int = _bound(
        1_000_000,
        "waiting commands of a scope",
        "429 `queue-full`",
        "bounds.scopeQueue",
    )
    scope_operations: int = _bound(
        10_000,
        "operations without steps of a scope that have not ended",
        "409 `limit-reached`",
        "bounds.scopeOperations",
    )
    scope_tasks: int = _bound(
        1000,
        "tasks and upgrades of a scope that have not ended",
        "409 `limit-reached`",
        "bounds.scopeTasks",
    )
    device_requests: int = _bound(
        500,
        "requests of an adopted device in a second",
        "an empty 200; for a result that nothing awaits, 429 `too-many`",
        "bounds.deviceRequests",
    )
    device_results: int = _bound(
        64,
        "results of an adopted device that are under way, besides as many of each"
        " delivery in flight, with its uuid",
        "the oldest that still arrives is ended, or, if all have arrived, 429"
        " `too-many`",
        "bounds.deviceResults",
    )
    pending_requests: int = _bound(
        1024,
        "KiB of unknown requests that are to be written; half of it of strangers",
        "counted, and not kept",
        "bounds.pendingRequests",
    )
    stored_requests: int = _bound(
        16_384,
        "KiB of unknown requests that are stored",
        "the oldest go, those of strangers first",
        "bounds.storedRequests",
    )
    token_waits: int = _bound(
        100,
        "calls of a token that wait, and its streams of events",
        "429 `too-many`; an enqueue is answered without waiting",
        "bounds.tokenWaits",
    )
    server_waits: int = _bound(
        500,
        "the same of all tokens at one server",
        "the same",
        "bounds.serverWaits",
    )
    token_reads: int = _bound(
        100,
        "calls of a token that wait to read commands or results, and as many that wait"
        " for other lists",
        "429 `too-many`",
        "bounds.tokenReads",
    )
    device_orphans: int = _bound(
        1000,
        "results of a device in a day that end nothing",
        "429 `too-many`",
        "bounds.deviceOrphans",
    )
    device_orphan_size: int = _bound(
        256, "the same, in MiB", "429 `too-many`", "bounds.deviceOrphanSize"
    )
    server_orphan_size: int = _bound(
        4096,
        "the same of all devices at one server, in MiB",
        "429 `too-many`",
        "bounds.serverOrphanSize",
    )
    quarantined_devices: int = _bound(
        1000,
        "quarantined devices that are remembered",
        "an empty 200, as any of them gets",
        "refused.quarantineFull",
    )
    devices: int = _bound(
        1_000_000, "adopted devices", "409 `limit-reached`", "bounds.devices"
    )
    scope_tokens: int = _bound(
        1000, "tokens of a scope", "409 `limit-reached`", "bounds.scopeTokens"
    )
    scope_subscriptions: int = _bound(
        100,
        "subscriptions of a scope",
        "409 `limit-reached`",
        "bounds.scopeSubscriptions",
    )
    subscription_backlog: int = _bound(
        100_000,
        "events that wait for the receiver of a subscription",
        "the oldest are dropped",
        "bounds.subscriptionBacklog",
    )
    scope_backlog: int = _bound(
        1_000_000,
        "the same of all subscriptions of a scope, which share it equally",
        "the oldest are dropped",
        "bounds.scopeBacklog",
    )
    scope_blobs: int = _bound(
        1000,
        "blobs of a scope to which nothing refers",
        "409 `limit-reached`",
        "bounds.scopeBlobs",
    )
    scope_blob_size: int = _bound(
        1024,
        "MiB of blobs of a scope to which nothing refers",
        "409 `limit-reached`",
        "bounds.scopeBlobSize",
    )
    scopes: int = _bound(1000, "scopes", "409 `limit-reached`", "bounds.scopes")


def bound_of(field: "attrs.Attribute[Any]") -> Bound:
    """Return what the field of `Bounds` bounds."""
    bound: Bound = field.metadata[Bound]
    return bound


def bound_named(name: str) -> Bound:
    """Return what the field of `Bounds` with this name bounds."""
    return bound_of(attrs.fields_dict(Bounds)[name])
