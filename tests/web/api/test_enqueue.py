"""Enqueuing: what a program sends, and what it gets."""

import asyncio
import base64
from collections import Counter
from typing import Any

import pytest

from pushserver.clock import SECOND, rfc3339
from pushserver.services import off_loop
from pushserver.web.api.created_commands import created_out
from tests.web.local_server import ADMIN, DEVICE, LOAD_USERS, OPEN_DOOR, LocalServer

PATH = f"/devices/{DEVICE}/commands"
TRACE_ID = "4bf92f3577b34da6a3ce929d0e0e4736"
OCTETS = {"Content-Type": "application/octet-stream"}


async def test_answer(server: LocalServer) -> None:
    """
    A program gets its command whole, with all that was filled in, and where it is.
    """
    headers = {"X-Request-Id": "door-7", "traceparent": f"00-{TRACE_ID}-{'1' * 16}-01"}
    answer = await server.api("POST", PATH, LOAD_USERS, headers=headers)

    command = answer.json()
    assert 201 == answer.status
    assert f"/api/v1/commands/{command['id']}" == answer.headers["Location"]
    assert {
        "id": command["id"],
        "deviceId": str(DEVICE),
        "verb": "POST",
        "endpoint": "load_objects",
        "body": {"object": "users"},
        "contentType": "application/json",
        "state": "PENDING",
        "delivery": "atLeastOnce",
        "priority": 0,
        "maxAttempts": 5,
        "responseTimeout": 180,
        "createdAt": "2026-01-01T00:00:00.000000Z",
        "createdBy": ADMIN,
        "requestId": "door-7",
        "traceId": TRACE_ID,
        "expiresAt": "2026-01-02T00:00:00.000000Z",
        "attempts": 0,
        "deliveries": [],
        "warnings": ["The device has never polled."],
        "deviceSeen": False,
    } == command
    assert command["id"].isdigit()


async def test_everything_given(server: LocalServer) -> None:
    """
    Every field that a program gives is stored and shown.
    """
    fields: dict[str, Any] = {
        "verb": "GET",
        "endpoint": "user_list_images",
        "body": {"a": [1, None]},
        "contentType": "application/json",
        "queryString": "get_timestamp=1",
        "expiresIn": 90.5,
        "notBefore": "2026-01-01T02:00:00.250000+01:00",
        "priority": -100,
        "delivery": "atMostOnce",
        "maxAttempts": 3,
        "responseTimeout": 12.5,
        "metadata": {"who": "Ana", "n": 9007199254740993},
    }

    command = await server.enqueue(fields)

    times = {
        "notBefore": "2026-01-01T01:00:00.250000Z",
        "expiresAt": "2026-01-01T01:01:30.750000Z",
    }
    del fields["expiresIn"]
    assert {**fields, **times} == {
        name: command[name] for name in (*fields, "expiresAt")
    }


@pytest.mark.parametrize(
    ("command", "delivery", "expires"),
    [
        (OPEN_DOOR, "atMostOnce", "2026-01-01T00:00:30.000000Z"),
        ({"endpoint": "reboot"}, "atMostOnce", "2026-01-01T00:05:00.000000Z"),
        ({"endpoint": "change_login"}, "atMostOnce", "2026-01-02T00:00:00.000000Z"),
        (LOAD_USERS, "atLeastOnce", "2026-01-02T00:00:00.000000Z"),
    ],
)
async def test_catalogue(
    server: LocalServer, command: dict[str, Any], delivery: str, expires: str
) -> None:
    """
    What a program does not say, the catalogue of endpoints does.
    """
    enqueued = await server.enqueue(command)

    assert (delivery, expires) == (enqueued["delivery"], enqueued["expiresAt"])


async def test_known_device(server: LocalServer) -> None:
    """
    For a device that polls there is nothing to warn of.
    """
    await server.enqueue()
    await server.poll()
    await server.post_result()

    enqueued = await server.enqueue()

    assert not {"warnings", "deviceSeen"} & set(enqueued)


async def test_too_late_for_its_period(server: LocalServer) -> None:
    """
    A door that expires before the device will poll is announced as that.
    """
    await server.api("PUT", f"/devices/{DEVICE}", {})
    for _ in range(3):
        await server.poll()
        server.clock.tick(seconds=60)
    await server.poll()

    (warning,) = (await server.enqueue(OPEN_DOOR))["warnings"]
    assert "expires" in warning


async def test_held_back_by_one_that_was_not_answered(server: LocalServer) -> None:
    """
    Whoever enqueues for an endpoint that an earlier command holds back learns until
    when, and whether it has expired by then; another endpoint, or what is planned for
    later, is not held back.
    """
    first = await server.enqueue(OPEN_DOOR)
    await server.poll()
    until = rfc3339(server.clock.now() + first["responseTimeout"] * SECOND)
    server.clock.tick(seconds=6)
    assert (await server.poll()).is_empty

    tomorrow = rfc3339(server.clock.now() + 86_400 * SECOND)
    later, too_late, *others = [
        await server.enqueue(command)
        for command in (
            {**OPEN_DOOR, "expiresIn": 3600},
            {**OPEN_DOOR, "expiresIn": 10},
            {**OPEN_DOOR, "notBefore": tomorrow},
            LOAD_USERS,
        )
    ]

    (of_later,), (of_too_late,) = later["warnings"], too_late["warnings"]
    assert of_later.endswith(f"not handed out before {until}.")
    assert of_too_late.endswith(f"{until}, when it has expired.")
    assert not [each for each in others if "warnings" in each]


async def test_numbers_to_the_digit(server: LocalServer) -> None:
    """
    Numbers beyond 2^53 in bodies and metadata come back to the digit.
    """
    numbers = b'{"n":[9007199254740993,1.10,1e5,123456789012345678901234567890]}'
    body = b'{"endpoint":"x","body":%b,"metadata":%b}' % (numbers, numbers)

    answer = await server.api("POST", PATH, body)
    listed = await server.api("GET", f"{PATH}?include=body")

    assert 2 == answer.body.count(numbers)
    assert 2 == listed.body.count(numbers)


async def test_null_is_left_out(server: LocalServer) -> None:
    """
    What is null counts as not given.
    """
    command = await server.enqueue(
        {"endpoint": "x", "body": None, "queryString": None, "expiresIn": None}
    )

    assert not {"body", "queryString"} & set(command)


async def test_octets_as_json(server: LocalServer) -> None:
    """
    Bytes come as base64 in JSON, too.
    """
    photo = base64.b64encode(b"\xff\xd8photo").decode()
    body = {
        "endpoint": "user_set_image",
        "contentType": "application/octet-stream",
        "body": photo,
    }

    command = await server.enqueue(body)

    assert photo == command["body"]


async def test_octets_with_everything(server: LocalServer) -> None:
    """
    Raw bytes take all other fields as query parameters.
    """
    query = (
        "endpoint=user_set_image.fcgi&queryString=user_id%3D7&priority=5"
        "&expiresIn=60&delivery=atMostOnce&maxAttempts=2&responseTimeout=30"
        "&notBefore=2026-01-01T00:00:10Z"
    )

    answer = await server.api("POST", f"{PATH}?{query}", b"\x00\xff", headers=OCTETS)

    assert 201 == answer.status
    command = answer.json()
    body = {
        "verb": "POST",
        "endpoint": "user_set_image",
        "body": "AP8=",
        "contentType": "application/octet-stream",
        "queryString": "user_id=7",
        "priority": 5,
        "delivery": "atMostOnce",
        "maxAttempts": 2,
        "responseTimeout": 30,
        "notBefore": "2026-01-01T00:00:10.000000Z",
        "expiresAt": "2026-01-01T00:01:10.000000Z",
    }
    assert body == {name: command[name] for name in body}


async def test_many(server: LocalServer) -> None:
    """
    An array of a thousand is enqueued in its order.
    """
    body = [{"endpoint": "x", "body": {"n": n}} for n in range(1000)]

    answer = await server.api("POST", PATH, body)

    items = answer.json()["items"]
    assert 201 == answer.status
    assert list(range(1000)) == [item["body"]["n"] for item in items]
    assert 1000 == (await server.get_device())["queueDepth"]
    assert 0 == (await server.poll()).json()["body"]["n"]


async def test_many_with_a_key(server: LocalServer) -> None:
    """
    An array is answered the same with an Idempotency-Key, with which its answer is
    stored, and without one: long bodies, and those that had no time to wait, are shown.
    """
    body = [{"endpoint": "x", "body": "x" * 70_000, "supersede": "one"}] * 2

    with_key = await server.api("POST", PATH, body, headers={"Idempotency-Key": "k"})
    await server.poll()
    without = await server.api("POST", PATH, body)

    kept = [
        [(each["state"], each["body"], "replacedBy" in each) for each in items]
        for items in (with_key.json()["items"], without.json()["items"])
    ]
    assert kept[0] == kept[1]
    assert ("CANCELED", "x" * 70_000, True) == kept[1][0]


async def test_many_with_a_key_in_pieces(
    server: LocalServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    While the answer to very many commands is made that is stored with them, others have
    their turns; repeated, it is the same.
    """
    monkeypatch.setattr(off_loop, "_PIECE", 0)
    turn, shown_in = 0, Counter[int]()

    def record(*args: Any) -> Any:
        shown_in[turn] += 1
        return created_out(*args)

    async def take_turns() -> None:
        nonlocal turn
        while True:
            await asyncio.sleep(0)
            turn += 1

    monkeypatch.setattr("pushserver.web.api.enqueue.created_out", record)
    other = asyncio.create_task(take_turns())
    body, key = [LOAD_USERS] * 50, {"Idempotency-Key": "k"}
    answer = await server.api("POST", PATH, body, headers=key)
    again = await server.api("POST", PATH, body, headers=key)
    other.cancel()

    assert (201, answer.body) == (again.status, again.body)
    assert 50 == len({each["id"] for each in again.json()["items"]})
    assert 50 == shown_in.total()
    assert 2 >= max(shown_in.values())


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ([], None),
        ([{"endpoint": "x"}] * 1001, None),
        ([{"endpoint": "x"}, {"endpoint": "a/b"}], "/1/endpoint"),
        ([{"endpoint": "x"}, {"endpoint": "y", "wrong": 1}], "/1/wrong"),
        ([{"endpoint": "x"}, {"endpoint": "y", "priority": 101}], "/1/priority"),
        ([{"endpoint": "x"}, {"endpoint": "y", "verb": "PUT"}], "/1/verb"),
    ],
)
async def test_all_or_nothing(
    server: LocalServer, body: Any, pointer: str | None
) -> None:
    """
    One wrong command in an array, and none is enqueued; the pointer says which.
    """
    await server.api("PUT", f"/devices/{DEVICE}", {})

    answer = await server.api("POST", PATH, body)

    assert (422, "invalid", pointer) == answer.problem
    assert [] == (await server.api("GET", "/commands")).json()["items"]


async def test_adopts(server: LocalServer) -> None:
    """
    A token that may write devices adopts by enqueuing; another one may not.
    """
    may = await server.create_token("commands:write", "devices:write")
    may_not = await server.create_token("commands:write", "devices:read")

    refused = await server.api("POST", PATH, LOAD_USERS, token=may_not)
    taken = await server.api("POST", PATH, LOAD_USERS, token=may)

    assert (404, "not-found", None) == refused.problem
    assert (201, False) == (taken.status, taken.json()["deviceSeen"])
    assert "adopted" == (await server.get_device())["state"]


@pytest.mark.parametrize(
    ("path", "headers"),
    [
        (PATH, {}),
        (f"{PATH}?", {}),
        (PATH, {"Expect": "100-continue"}),
        (PATH.replace("commands", "%63ommands"), {}),
        (f"/devices/%3{str(DEVICE)[0]}{str(DEVICE)[1:]}/commands", {}),
    ],
)
async def test_past_the_router_or_not(
    server: LocalServer, path: str, headers: dict[str, str]
) -> None:
    """
    However its address is written, an enqueue is the same.
    """
    answer = await server.api("POST", path, LOAD_USERS, headers=headers)

    assert (201, str(DEVICE)) == (answer.status, answer.json()["deviceId"])


@pytest.mark.parametrize("device_id", ["x", "1x", "9" * 19, "9" * 20, "%C2%B2"])
async def test_no_device_id(server: LocalServer, device_id: str) -> None:
    """
    What is no int64 is refused, also where it is made of digits.
    """
    answer = await server.api("POST", f"/devices/{device_id}/commands", LOAD_USERS)

    assert (422, "invalid") == answer.problem[:2]


async def test_batch(server: LocalServer) -> None:
    """
    The call for many takes an array alone, and enqueues all of it, in its order.
    """
    path = f"{PATH}/batch"

    answer = await server.api("POST", path, [LOAD_USERS, OPEN_DOOR])

    assert 201 == answer.status
    items = answer.json()["items"]
    assert ["load_objects", "execute_actions"] == [each["endpoint"] for each in items]
    one = await server.api("POST", path, dict(LOAD_USERS))
    assert (422, "invalid", None) == one.problem
    wrong = await server.api("POST", path, [LOAD_USERS, {"endpoint": 1}])
    assert (422, "invalid", "/1/endpoint") == wrong.problem


@pytest.mark.parametrize("size", [0, 1001])
async def test_batch_is_bounded(server: LocalServer, size: int) -> None:
    """
    An array has 1 to 1000 commands, whichever call it is sent to.
    """
    for path in (PATH, f"{PATH}/batch"):
        answer = await server.api("POST", path, [LOAD_USERS] * size)

        assert (422, "invalid", None) == answer.problem


async def test_bytes_alone(server: LocalServer) -> None:
    """
    The call for bytes takes bytes alone, and tells what its query lacks.
    """
    path = f"{PATH}/bytes"

    answer = await server.api("POST", f"{path}?endpoint=x", b"\x00\xff", headers=OCTETS)

    assert (201, "AP8=") == (answer.status, answer.json()["body"])
    json_body = await server.api("POST", f"{path}?endpoint=x", dict(LOAD_USERS))
    assert 415 == json_body.status
    without = await server.api("POST", path, b"\x00", headers=OCTETS)
    assert (422, "invalid", "/endpoint") == without.problem
