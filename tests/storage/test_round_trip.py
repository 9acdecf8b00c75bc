"""Every column of every kind comes back as it was given."""

from typing import Any

import attrs
import pytest

from pushserver.model.catalogue import Delivery
from pushserver.model.changes import Changes
from pushserver.model.command import Command, MatchedBy, Outcome
from pushserver.model.device import Device, DeviceState, Stray
from pushserver.model.idempotency import Key, KeyUse
from pushserver.model.ids import MAX_INT64
from pushserver.model.lane import Lane
from pushserver.model.scope import FIRST_SCOPE
from pushserver.model.state import State
from pushserver.model.token import Permission, Token
from pushserver.storage.base import Store
from pushserver.storage.deciding import Past, Recall
from tests.clock import START, ManualClock
from tests.model.values import DEVICE, command, order, result
from tests.storage.deeds import (
    abandon,
    enqueue,
    fly,
    post,
    recall,
    record_of,
    report,
    take_back,
    written,
)
from tests.storage.places import Place, opened

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
    "delivery": Delivery.AT_MOST_ONCE,
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
    "order": FULL_ORDER,
}


def fields(value: Any) -> dict[str, Any]:
    """Return a value's fields, but for the store's own mark."""
    return {k: v for k, v in attrs.asdict(value).items() if k != "stored"}


@pytest.mark.parametrize("given", [{}, FULL, {"order": order(body=None)}])
async def test_command(store: Store, given: dict[str, Any]) -> None:
    """A new command is kept with every field."""
    wanted = command(FULL_ORDER.endpoint if given == FULL else "load_objects", **given)
    expected = fields(wanted)

    await enqueue(store, wanted)
    record = await record_of(store, wanted)

    assert expected == fields(record.command)
    assert ((), None) == (record.deliveries, record.result)


async def test_order(store: Store) -> None:
    """What a command orders can be read alone."""
    wanted = command(FULL_ORDER.endpoint, order=FULL_ORDER)
    await enqueue(store, wanted)

    assert FULL_ORDER == await store.order(wanted.id)


async def test_large_order(place: Place, clock: ManualClock) -> None:
    """A body of many megabytes is kept to the byte."""
    body = '"' + "QUJD" * 4_000_000 + '"'
    wanted = command(order=order(body=body))
    async with opened(place, clock) as store:
        await enqueue(store, wanted)

    async with opened(place, clock) as store:
        assert body == (await store.order(wanted.id)).body


async def test_command_at_every_stage(store: Store) -> None:
    """What moves a command is kept: its state, its attempts and its times."""
    wanted = command()
    await enqueue(store, wanted)
    flight = await fly(store, START + 1, uuid="u1")
    sent = await record_of(store, wanted)
    await written(store, flight, START + 2)
    delivered = await record_of(store, wanted)
    came = await report(store, flight, START + 3)
    ended = await record_of(store, wanted)

    assert (State.SENT, 1, START + 1, None) == (
        sent.command.state,
        sent.command.attempts,
        sent.command.sent_at,
        sent.command.delivered_at,
    )
    assert (State.DELIVERED, START + 2, None) == (
        delivered.command.state,
        delivered.command.delivered_at,
        delivered.command.finished_at,
    )
    assert (wanted.id, order()) == (ended.command.id, ended.command.order)
    assert (State.SUCCESSFUL, START + 3, came.id) == (
        ended.command.state,
        ended.command.finished_at,
        ended.command.result_id,
    )
    assert came == ended.result == await store.find_result(FIRST_SCOPE, wanted.id)


async def test_deliveries(store: Store) -> None:
    """Each delivery is kept with what came of it, oldest first."""
    wanted = command()
    await enqueue(store, wanted)
    first = await fly(store, START + 1, uuid="u1")
    await take_back(store, first, START + 2)
    second = await fly(store, START + 3, uuid="u2")
    await written(store, second, START + 4)
    await abandon(store, START + 5)
    third = await fly(store, START + 6)
    await report(store, third, START + 7, failed=True)

    record = await record_of(store, wanted)

    made = [first.delivery, second.delivery, third.delivery]
    assert [(d.id, d.uuid, d.sent_at) for d in made] == [
        (d.id, d.uuid, d.sent_at) for d in record.deliveries
    ]
    assert [
        (Outcome.NOT_WRITTEN, None, START + 2),
        (Outcome.NO_ANSWER, START + 4, START + 5),
        (Outcome.FAILED, START + 7, START + 7),
    ] == [(d.outcome, d.delivered_at, d.ended_at) for d in record.deliveries]


async def test_withdrawn_delivery_is_shown(store: Store) -> None:
    """A hand-out that was taken back is shown while the command waits again."""
    wanted = command()
    await enqueue(store, wanted)
    flight = await fly(store)
    await take_back(store, flight, START + 1)

    record = await record_of(store, wanted)

    assert State.PENDING is record.command.state
    assert [flight.delivery.id] == [d.id for d in record.deliveries]


@pytest.mark.parametrize(
    "given",
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
    ],
)
async def test_result(store: Store, given: dict[str, Any]) -> None:
    """A result is kept as it was posted, to the byte."""
    came = result(**given)

    await post(store, came)

    assert [came] == await store.results(
        came.scope_id, after=0, limit=10, device_id=None, orphan=None
    )


async def test_key(store: Store) -> None:
    """How an idempotency key was used is remembered until it is used anew."""
    key = Key(3, "/api/v1/devices/1/commands", "k-☃")
    uses = [KeyUse(key, f"f{n}", bytes([n, 255]), START + n) for n in range(2)]
    for use in uses:

        def decide(
            _lane: Lane, changes: Changes, _past: Past, use: KeyUse = use
        ) -> None:
            changes.keys[use.key] = use

        await store.change(DEVICE, decide)

    past = await recall(store, Recall(key=key))
    other = await recall(store, Recall(key=attrs.evolve(key, token_id=4)))

    assert uses[1] == past.key_use
    assert other.key_use is None


@pytest.mark.parametrize(
    "given",
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
            "period": 5_000_000,
            "polled_plain": True,
            "stray_count": 3,
        },
    ],
)
async def test_device(
    store: Store, given: dict[str, Any], seen: dict[str, Any]
) -> None:
    """A device is kept with what was decided and what was seen."""
    usual = {
        "scope_id": FIRST_SCOPE,
        "state": DeviceState.ADOPTED,
        "created_at": START,
    }
    device = Device(device_id=MAX_INT64, **{**usual, **given, **seen})
    await store.save_devices([device])
    if seen:
        await store.save_seen([device], [], keep=20)

    assert [attrs.asdict(device)] == [
        attrs.asdict(d) for d in await store.all_devices()
    ]


async def test_stray(store: Store) -> None:
    """An odd request is kept as it came."""
    strays = [
        Stray(
            id=1,
            device_id=DEVICE,
            at=START,
            method="POST",
            path="/api/notifications/door?x=☃",
            address="192.0.2.7",
            body=bytes(range(256)),
        ),
        Stray(
            id=2,
            device_id=DEVICE,
            at=START,
            method="GET",
            path="/",
            address=None,
            body=b"",
        ),
    ]

    await store.save_seen([], strays, keep=20)

    assert strays == await store.strays(DEVICE)


async def test_token(store: Store) -> None:
    """A token is kept with everything that it may do."""
    tokens = [
        Token(
            id=1,
            scope_id=MAX_INT64,
            hash="h1",
            name="☃",
            permissions=frozenset(Permission),
            created_at=9,
        ),
        Token(
            id=2,
            scope_id=FIRST_SCOPE,
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
    """What was never kept is not found."""
    assert await store.find_command(FIRST_SCOPE, 1) is None
    assert await store.find_result(FIRST_SCOPE, 1) is None
    assert [] == await store.strays(1)
    assert [] == await store.all_devices()
    assert [] == await store.all_tokens()
    assert store.lane(1) is None


def test_every_field_is_tried() -> None:
    """No field of a command is left at its default in these tests."""
    moved = {"id", "endpoint", "state", "attempts", "sent_at", "delivered_at"}
    moved |= {"finished_at", "result_id", "stored", "operation", "shadow", "turns"}

    assert {f.name for f in attrs.fields(Command)} == moved | set(FULL)
