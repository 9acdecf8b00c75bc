"""Every column of every kind comes back as it was given."""

from typing import Any

import attrs
import pytest

from pushserver.model.actor import Actor
from pushserver.model.changes import Changes
from pushserver.model.command import Command, DeliveryOutcome, MatchedBy
from pushserver.model.device import Device, DeviceState
from pushserver.model.guarantee import DeliveryGuarantee
from pushserver.model.idempotency import IdempotencyKey, IdempotencyRecord
from pushserver.model.ids import MAX_INT64
from pushserver.model.lane import Lane
from pushserver.model.scope import DEFAULT_SCOPE_ID
from pushserver.model.state import CommandState
from pushserver.model.token import Permission, Token
from pushserver.model.unknown_request import UnknownRequest
from pushserver.storage.base import Store
from pushserver.storage.command_rows import PIECE_SIZE
from pushserver.storage.commands import Lookup, PriorState
from pushserver.storage.too_long import TooLong
from tests.clock import START, ManualClock
from tests.devices import terminal
from tests.model.factories import DEVICE, command, order, result
from tests.storage.locations import StoreLocation, open_store
from tests.storage.queue_actions import (
    add_results,
    command_record,
    enqueue_commands,
    give_up_delivery,
    mark_written,
    poll_command,
    post_result,
    prior_state,
    revert_delivery,
)

FULL_ORDER = order(
    "user_set_image",
    verb="GET",
    body='{"id":9007199254740993, "é":"\\u0000☃"}',
    content_type="application/octet-stream",
    query_string="user_id=7&name=João",
    metadata='{"ticket": 1.10}',
)
FULL = {
    "scope_id": 7,
    "device_id": MAX_INT64,
    "priority": -100,
    "guarantee": DeliveryGuarantee.AT_MOST_ONCE,
    "max_attempts": 7,
    "response_timeout": 11,
    "slow": True,
    "created_at": START + 1,
    "not_before": START + 2,
    "expires_at": START + 3,
    "operation_id": MAX_INT64,
    "step": 99,
    "resource": "photo",
    "service_id": "push_server",
    "held": True,
    "supersede_key": "língua",
    "created_by": Actor(MAX_INT64, "João"),
    "canceled_by": Actor(None, "server"),
    "request_id": "door-7",
    "traceparent": "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
    "tracestate": "rojo=1,congo=2",
    "order": FULL_ORDER,
}


def fields(value: Any) -> dict[str, Any]:
    """Return a value's fields, but for the store's own mark."""
    return {k: v for k, v in attrs.asdict(value).items() if k != "stored_state"}


@pytest.mark.parametrize("overrides", [{}, FULL, {"order": order(body=None)}])
async def test_command(store: Store, overrides: dict[str, Any]) -> None:
    """A new command is stored with every field."""
    saved = command(
        FULL_ORDER.endpoint if overrides == FULL else "load_objects", **overrides
    )
    expected = fields(saved)

    await enqueue_commands(store, saved)
    record = await command_record(store, saved)

    assert expected == fields(record.command)
    assert ((), None) == (record.deliveries, record.result)


async def test_order(store: Store) -> None:
    """What a command orders can be read alone."""
    expected = command(FULL_ORDER.endpoint, order=FULL_ORDER)
    await enqueue_commands(store, expected)

    assert FULL_ORDER == await store.read_order(expected.id)


async def test_large_order(location: StoreLocation, clock: ManualClock) -> None:
    """A body of many megabytes is stored byte for byte."""
    body = '"' + "QUJD" * 4_000_000 + '"'
    expected = command(order=order(body=body))
    async with open_store(location, clock) as store:
        await enqueue_commands(store, expected)

    async with open_store(location, clock) as store:
        assert body == (await store.read_order(expected.id)).body


async def test_command_at_every_stage(store: Store) -> None:
    """
    Every transition of a command is stored: its state, its attempts and its times.
    """
    expected = command()
    await enqueue_commands(store, expected)
    in_flight = await poll_command(store, START + 1, uuid="u1")
    sent = await command_record(store, expected)
    await mark_written(store, in_flight, START + 2)
    delivered = await command_record(store, expected)
    came = await post_result(store, in_flight, START + 3)
    ended = await command_record(store, expected)

    assert (CommandState.SENT, 1, START + 1, None) == (
        sent.command.state,
        sent.command.attempts,
        sent.command.sent_at,
        sent.command.delivered_at,
    )
    assert (CommandState.DELIVERED, START + 2, None) == (
        delivered.command.state,
        delivered.command.delivered_at,
        delivered.command.finished_at,
    )
    assert (expected.id, order()) == (ended.command.id, ended.command.order)
    assert (CommandState.SUCCESSFUL, START + 3, came.id) == (
        ended.command.state,
        ended.command.finished_at,
        ended.command.result_id,
    )
    assert (
        came == ended.result == await store.find_result(DEFAULT_SCOPE_ID, expected.id)
    )


async def test_deliveries(store: Store) -> None:
    """Each delivery is stored with its outcome, oldest first."""
    expected = command()
    await enqueue_commands(store, expected)
    first = await poll_command(store, START + 1, uuid="u1")
    await revert_delivery(store, first, START + 2)
    second = await poll_command(store, START + 3, uuid="u2")
    await mark_written(store, second, START + 4)
    await give_up_delivery(store, START + 5)
    third = await poll_command(store, START + 6)
    await post_result(store, third, START + 7, failed=True)

    record = await command_record(store, expected)

    deliveries = [first.delivery, second.delivery, third.delivery]
    assert [(d.id, d.uuid, d.sent_at) for d in deliveries] == [
        (d.id, d.uuid, d.sent_at) for d in record.deliveries
    ]
    assert [
        (DeliveryOutcome.NOT_WRITTEN, None, START + 2),
        (DeliveryOutcome.NO_ANSWER, START + 4, START + 5),
        (DeliveryOutcome.FAILED, START + 7, START + 7),
    ] == [(d.outcome, d.delivered_at, d.ended_at) for d in record.deliveries]


async def test_withdrawn_delivery_is_shown(store: Store) -> None:
    """A hand-out that was taken back is shown while the command waits again."""
    expected = command()
    await enqueue_commands(store, expected)
    in_flight = await poll_command(store)
    await revert_delivery(store, in_flight, START + 1)

    record = await command_record(store, expected)

    assert CommandState.PENDING is record.command.state
    assert [in_flight.delivery.id] == [d.id for d in record.deliveries]


@pytest.mark.parametrize(
    "fields",
    [
        {"content_type": None, "body": b""},
        {
            "scope_id": 7,
            "device_id": MAX_INT64,
            "command_id": 5,
            "delivery_id": 6,
            "matched_by": MatchedBy.LAST_GIVEN_UP,
            "uuid": "u☃",
            "endpoint": "load_objects",
            "received_at": START + 1,
            "content_encoding": "gzip",
            "complete": False,
            "body": bytes(range(256)) * 1000,
        },
        {"body": bytes(range(256)) * (PIECE_SIZE // 256)},
        {"body": bytes(range(256)) * (PIECE_SIZE // 256) + b"+"},
        {"body": bytes(range(251)) * (5 * PIECE_SIZE // 251)},
        {"body": b"", "mended": bytes(range(256)) * (PIECE_SIZE // 256)},
        {"body": b"", "mended": bytes(range(256)) * (PIECE_SIZE // 256) + b"+"},
        {
            "body": bytes(range(251)) * (2 * PIECE_SIZE // 251),
            "mended": bytes(range(250)) * (3 * PIECE_SIZE // 250),
        },
    ],
)
async def test_result(store: Store, fields: dict[str, Any]) -> None:
    """A result is stored as it was posted, byte for byte."""
    came = result(**fields)

    await add_results(store, came)

    assert [came] == await store.results(
        came.scope_id, after=0, limit=10, device_id=None, orphan=None
    )


@pytest.mark.parametrize(
    "fields",
    [
        {"body": b"R" * 1000, "mended": b"m" * 24},
        {"body": b"R" * PIECE_SIZE},
        {"body": b"R" * (2 * PIECE_SIZE + 1)},
        {"body": b"", "mended": b"m" * (2 * PIECE_SIZE)},
    ],
)
async def test_long_result(store: Store, fields: dict[str, Any]) -> None:
    """What is longer than there is room for is not read; how long it is is known."""
    expected, size = command(), sum(map(len, fields.values()))
    await enqueue_commands(store, expected)
    came = await post_result(store, await poll_command(store), **fields)
    with pytest.raises(TooLong) as found:
        await store.find_result(came.scope_id, expected.id, longest=size - 1)

    assert size <= found.value.size <= size + PIECE_SIZE
    assert came == await store.find_result(
        came.scope_id, expected.id, longest=found.value.size
    )


async def test_key(store: Store) -> None:
    """How an idempotency key was used is remembered until it is used anew."""
    key = IdempotencyKey(3, "/api/v1/devices/1/commands", "k-☃")
    uses = [
        IdempotencyRecord(key, f"f{n}", bytes([n, 255]), START + n) for n in range(2)
    ]
    for use in uses:

        def decide(
            _lane: Lane,
            changes: Changes,
            _prior: PriorState,
            use: IdempotencyRecord = use,
        ) -> None:
            changes.idempotency_keys[use.key] = use

        await store.change_lane(DEVICE, decide)

    prior = await prior_state(store, Lookup(idempotency_key=key))
    other = await prior_state(
        store, Lookup(idempotency_key=attrs.evolve(key, token_id=4))
    )

    assert uses[1] == prior.key_use
    assert other.key_use is None


@pytest.mark.scopes(MAX_INT64)
@pytest.mark.parametrize(
    "fields",
    [
        {},
        {
            "scope_id": MAX_INT64,
            "state": DeviceState.QUARANTINED,
            "name": "Porta ☃",
            "tags": {"site": "São Paulo", "": ""},
            "hold": 25_000_000,
            "key_hash": "a" * 64,
            "old_key_hash": "b" * 64,
            "key_enforced": True,
            "used_key_hash": "b" * 64,
            "announced": True,
            "keyless_since": START,
            "keyless_address": "2001:db8::1",
        },
    ],
)
@pytest.mark.parametrize(
    "seen",
    [
        {},
        {
            "last_seen_at": START + 5,
            "address": "192.0.2.7",
            "poll_period": 5_000_000,
            "polled_without_key": True,
            "unknown_request_count": 3,
        },
    ],
)
async def test_device(
    store: Store, fields: dict[str, Any], seen: dict[str, Any]
) -> None:
    """A device is stored with what was decided and what was seen."""
    usual = {
        **terminal(MAX_INT64)._asdict(),
        "scope_id": DEFAULT_SCOPE_ID,
        "state": DeviceState.ADOPTED,
        "created_at": START,
    }
    device = Device(**{**usual, **fields, **seen})
    await store.save_devices([device])
    if seen:
        await store.save_last_seen([device], [], keep=20)

    assert [attrs.asdict(device)] == [
        attrs.asdict(d) for d in await store.all_devices()
    ]


_ADOPTED = Device(
    **terminal(DEVICE)._asdict(),
    scope_id=DEFAULT_SCOPE_ID,
    state=DeviceState.ADOPTED,
    created_at=START,
)


async def test_unknown_request(store: Store) -> None:
    """An unknown request is stored as it came."""
    unknown_requests = [
        UnknownRequest(
            id=1,
            device_id=DEVICE,
            at=START,
            method="POST",
            path="/api/notifications/door?x=☃",
            address="192.0.2.7",
            body=bytes(range(256)),
        ),
        UnknownRequest(
            id=2,
            device_id=DEVICE,
            at=START,
            method="GET",
            path="/",
            address=None,
            body=b"",
        ),
    ]

    await store.add_devices([_ADOPTED])
    await store.save_last_seen([], unknown_requests, keep=20)

    assert unknown_requests == await store.unknown_requests(DEVICE)


@pytest.mark.scopes(MAX_INT64)
async def test_token(store: Store) -> None:
    """A token is stored with all its permissions."""
    tokens = [
        Token(
            id=1,
            scope_id=MAX_INT64,
            hash="h1",
            name="☃",
            permissions=frozenset(Permission),
            created_at=9,
            created_by=Actor(0, "PUSHSERVER_ADMIN_TOKEN"),
        ),
        Token(
            id=2,
            scope_id=DEFAULT_SCOPE_ID,
            hash="h2",
            name="x",
            permissions=frozenset(),
            created_at=START,
        ),
    ]
    for token in reversed(tokens):
        await store.add_token(token)

    assert tokens == await store.all_tokens()


async def test_nothing_there(store: Store) -> None:
    """What was never stored is not found."""
    assert await store.find_command(DEFAULT_SCOPE_ID, 1) is None
    assert await store.find_result(DEFAULT_SCOPE_ID, 1) is None
    assert [] == await store.unknown_requests(1)
    assert [] == await store.all_devices()
    assert [] == await store.all_tokens()
    assert store.cached_lane(1) is None


def test_every_field_is_tried() -> None:
    """No field of a command is left at its default in these tests."""
    moved = {"id", "endpoint", "state", "attempts", "sent_at", "delivered_at"}
    moved |= {
        "finished_at",
        "result_id",
        "stored_state",
        "operation",
        "service",
        "transition_count",
        "withdrawn",
        "replaced_by",
        "superseded",
        "blocked_until",
    }

    assert {f.name for f in attrs.fields(Command)} == moved | set(FULL)
