"""Bytes that are uploaded once: kept for their scope, and sent by many commands."""

import hashlib
import json
import os
from base64 import b64decode, b64encode

import pytest

from pushserver.model.blob import BLOB_PIECE_SIZE, MAX_INLINE_BODY
from pushserver.model.scope import DEFAULT_SCOPE_ID
from pushserver.services.blobs import UNUSED_TTL
from pushserver.storage.blobs import BlobStock
from pushserver.web.api.long_bodies import find_long
from tests.clock import ManualClock
from tests.each_case import each_case
from tests.web.local_server import DEVICE, LocalServer, Response, running_server

OCTETS = {"Content-Type": "application/octet-stream"}
PHOTO = b"\xff\xd8 a photo"
COMMANDS = f"/devices/{DEVICE}/commands"


async def upload(
    server: LocalServer, content: bytes = PHOTO, token: str | None = None
) -> Response:
    """Upload bytes."""
    options = {} if token is None else {"token": token}
    return await server.api("POST", "/blobs", content, headers=OCTETS, **options)


def set_image(blob: str) -> dict[str, str]:
    """Return the command that sends a blob."""
    return {"endpoint": "user_set_image", "queryString": "user_id=7", "bodyBlob": blob}


@pytest.mark.parametrize(
    "size", [1, 2, 3, BLOB_PIECE_SIZE, BLOB_PIECE_SIZE + 1, 3 * BLOB_PIECE_SIZE - 1]
)
async def test_sent(server: LocalServer, size: int) -> None:
    """
    A device gets the bytes of a blob as it gets those of a body; programs, too.
    """
    content = os.urandom(size)
    uploaded = await upload(server, content)
    sha256 = hashlib.sha256(content).hexdigest()
    enqueued = await server.api("POST", COMMANDS, set_image(sha256))
    answer = await server.poll()
    downloaded = await server.api("GET", f"/blobs/{sha256}")

    assert (201, {"id": sha256, "size": size}) == (uploaded.status, uploaded.json())
    assert f"/api/v1/blobs/{sha256}" == uploaded.headers["Location"]
    assert (201, sha256) == (enqueued.status, enqueued.json()["bodyBlob"])
    assert "body" not in enqueued.json()
    order = json.loads(answer.body)
    assert "application/octet-stream" == order["contentType"]
    assert ("user_set_image", "user_id=7") == (order["endpoint"], order["queryString"])
    assert content == b64decode(order["body"], validate=True)
    assert (content, str(size)) == (
        downloaded.body,
        downloaded.headers["Content-Length"],
    )


async def test_as_inline(server: LocalServer) -> None:
    """
    What a device gets is the same to the byte, however its bytes came.
    """
    sha256 = (await upload(server)).json()["id"]
    inline = {**set_image(sha256), "contentType": "application/octet-stream"}
    del inline["bodyBlob"]
    inline["body"] = b64encode(PHOTO).decode()
    answers = []
    for command in (set_image(sha256), inline):
        await server.api("POST", COMMANDS, command)
        answers.append((await server.poll()).body)
        await server.post_result()

    assert answers[0] == answers[1]


@pytest.mark.parametrize("more", [0, 1])
async def test_long_body(server: LocalServer, more: int) -> None:
    """
    A long raw body is kept as a blob, a short one with its command; both are sent.
    """
    content = b"x" * (MAX_INLINE_BODY + more)
    path = f"{COMMANDS}?endpoint=firmware_part"
    once = {**OCTETS, "Idempotency-Key": "k"}
    first = await server.api("POST", path, content, headers=once)
    again = await server.api("POST", path, content, headers=once)
    other = await server.api("POST", path, content + b"y", headers=once)
    order = json.loads((await server.poll()).body)

    assert (201, first.body) == (first.status, again.body)
    assert (422, "idempotency-mismatch", None) == other.problem
    assert content == b64decode(order["body"])
    shown = (await server.api("GET", f"/commands/{first.json()['id']}")).json()
    sha256 = hashlib.sha256(content).hexdigest()
    assert (sha256 if more else None) == shown.get("bodyBlob")
    assert bool(more) != ("body" in shown)


async def test_refused_bytes(database: str, clock: ManualClock) -> None:
    """
    Bytes of a call that is refused are not kept, unless they were there before.
    """
    content, there = b"x" * (MAX_INLINE_BODY + 1), b"y" * (MAX_INLINE_BODY + 1)
    path = f"{COMMANDS}/bytes?endpoint=firmware_part"
    async with running_server(database, clock, device_queue=1) as server:
        await server.enqueue()
        uploaded = await upload(server, there)
        refused = [
            await server.api("POST", path, each, headers=OCTETS)
            for each in (content, there)
        ]
        stock = await server.services.store.blobs.unused(DEFAULT_SCOPE_ID)
        await server.services.blobs.purge_unused()
        found = await server.api("GET", f"/blobs/{uploaded.json()['id']}")

    assert [429, 429] == [each.status for each in refused]
    assert BlobStock(1, len(there)) == stock
    assert there == found.body


@pytest.mark.parametrize("more", [-1, 0, 1])
async def test_long_json(server: LocalServer, more: int) -> None:
    """
    Long JSON is kept as a blob, and its device gets it byte for byte as it came.
    """
    body = '"%s"' % ("x" * (MAX_INLINE_BODY - 2 + more))
    command = f'{{"endpoint":"x", "metadata":{{"n":1.50}}, "body": {body} }}'
    headers = {"Content-Type": "application/json", "Idempotency-Key": "k"}
    first = await server.api("POST", COMMANDS, command.encode(), headers=headers)
    again = await server.api("POST", COMMANDS, command.encode(), headers=headers)
    answer = await server.poll()

    assert (201, first.body) == (first.status, again.body)
    assert (
        f'{{"verb":"POST","endpoint":"x","body":{body},"contentType":"application/json"}}'
    ) == answer.body.decode()
    shown = (await server.api("GET", f"/commands/{first.json()['id']}")).json()
    sha256 = hashlib.sha256(body.encode()).hexdigest()
    assert (sha256 if more > 0 else None) == shown.get("bodyBlob")
    assert (more > 0) != ("body" in shown)
    assert {"n": 1.5} == shown["metadata"]


async def test_long_json_in_a_batch(server: LocalServer) -> None:
    """
    Long bodies of a batch are kept apart, each as its device gets it; also base64, as
    the bytes that it stands for; and the same ones again when they are tried again.
    """
    spaced = '[1.50,\n "\\/\\u00e9é"%s ]' % (", 1" * (MAX_INLINE_BODY // 3))
    content = os.urandom(MAX_INLINE_BODY + 1)
    octets = '"application/octet-stream"'
    encoded = b64encode(content).decode()
    bodies = [spaced, '{"short": 1}', f'"{encoded}"', spaced]
    types = ['"application/json"', '"application/json"', octets, '"application/json"']
    batch = ",".join(
        f'{{"endpoint":"x","body":{body},"contentType":{kind}}}'
        for body, kind in zip(bodies, types, strict=True)
    )
    headers = {"Content-Type": "application/json"}
    made = await server.api(
        "POST", f"{COMMANDS}/batch", f"[{batch}]".encode(), headers=headers
    )
    commands = made.json()["items"]
    answers = []
    for _ in commands:
        answers.append((await server.poll()).body.decode())
        await server.post_result()
    await server.api("POST", f"/commands/{commands[0]['id']}/retry")
    answers.append((await server.poll()).body.decode())

    expected = [
        f'{{"verb":"POST","endpoint":"x","body":{body},"contentType":{kind}}}'
        for body, kind in zip(bodies, types, strict=True)
    ]
    assert [*expected, expected[0]] == answers
    blobs = [each.get("bodyBlob") for each in commands]
    hashes = [hashlib.sha256(each).hexdigest() for each in (spaced.encode(), content)]
    assert [hashes[0], None, hashes[1], hashes[0]] == blobs


@pytest.mark.parametrize("more", [0, 1])
def test_many_bodies(more: int) -> None:
    """
    Of many bodies of a call, the longest are kept apart, until the others are few.
    """
    last = MAX_INLINE_BODY // 2
    sizes = [last + more, *[MAX_INLINE_BODY] * 7, last, MAX_INLINE_BODY + 1]

    assert [*[1] * more, 9] == find_long(sizes)


@pytest.mark.proof_on("postgres")
@pytest.mark.parametrize("more", [0, 1])
async def test_long_json_in_steps(server: LocalServer, more: int) -> None:
    """
    Long bodies of steps, of operations, tasks and upgrades, are kept as blobs, too.
    """
    await server.api("PUT", f"/devices/{DEVICE}", {})
    await server.poll()
    await server.services.write_behind.flush()
    body = f'[{"1," * 3000}"{"z" * (MAX_INLINE_BODY - 6004 + more)}"]'
    step = f'{{"endpoint":"x","body":{body}}}'
    targets = '"targets":{"all":true}'
    verify = f'"verify":{{"command":{step},"versionPointer":"/v"}}'
    requests = {
        "/operations": f'{{"deviceId":"{DEVICE}","steps":[{step},{step}]}}',
        "/tasks": f'{{{targets},"steps":[{step}]}}',
        "/upgrades": f'{{{targets},"targetVersion":"1","phases":'
        f'{{"download":[{step}],"apply":[{step}],{verify}}}}}',
    }
    sha256 = hashlib.sha256(body.encode()).hexdigest()
    for path, text in requests.items():
        headers = {"Content-Type": "application/json", "Idempotency-Key": "k"}
        made = await server.api("POST", path, text.encode(), headers=headers)
        again = await server.api("POST", path, text.encode(), headers=headers)
        assert (201, 201) == (made.status, again.status)
        assert made.json()["id"] == again.json()["id"]
        await server.services.task_scheduler.advance()
        answer = await server.poll()

        assert (
            f'{{"verb":"POST","endpoint":"x","body":{body},'
            '"contentType":"application/json"}'
        ) == answer.body.decode()
        blob = await server.api("GET", f"/blobs/{sha256}")
        assert (200 if more else 404) == blob.status
        await server.post_result()
        await server.api("POST", f"{path}/{made.json()['id']}/cancel")


async def test_long_json_of_a_dry_run(server: LocalServer) -> None:
    """
    What is only tried keeps nothing, and names what is wrong in a long step.
    """
    await server.api("PUT", f"/devices/{DEVICE}", {})
    step = {"endpoint": "x", "body": "z" * MAX_INLINE_BODY}
    task = {"targets": {"all": True}, "dryRun": True}
    wrong = {**step, "contentType": "application/octet-stream", "body": "*" * 2**21}
    answers = []
    for steps in ([step], [step, wrong]):
        request = json.dumps({**task, "steps": steps}).encode()
        headers = {"Content-Type": "application/json"}
        answers.append(await server.api("POST", "/tasks", request, headers=headers))
    tried, refused = answers

    assert 200 == tried.status
    assert (422, "invalid", "/steps/1/body") == refused.problem
    assert 0 == (await server.services.store.blobs.unused(1)).count


async def test_long_json_that_is_wrong(server: LocalServer) -> None:
    """
    What is wrong in long JSON is named, and nothing of it is kept.
    """
    text = "*" * MAX_INLINE_BODY
    octets = {"endpoint": "x", "contentType": "application/octet-stream", "body": text}
    cases = [
        json.dumps([{"endpoint": "x", "body": text}, {"endpoint": "x y"}]),
        json.dumps([octets]),
        json.dumps({"endpoint": "x", "body": text, "bodyBlob": "0" * 64}),
        '{"endpoint": "x", "body": "' + text,
    ]
    headers = {"Content-Type": "application/json"}
    problems = [
        (await server.api("POST", COMMANDS, case.encode(), headers=headers)).problem
        for case in cases
    ]

    assert [
        (422, "invalid", "/1/endpoint"),
        (422, "invalid", "/0/body"),
        (422, "invalid", "/bodyBlob"),
        (400, "malformed", None),
    ] == problems
    assert 0 == (await server.services.store.blobs.unused(1)).count


async def test_steps(server: LocalServer) -> None:
    """
    Steps of operations and tasks name blobs, too.
    """
    await server.api("PUT", f"/devices/{DEVICE}", {})
    await server.poll()
    await server.services.write_behind.flush()
    sha256 = (await upload(server)).json()["id"]
    steps = [set_image(sha256)]
    task = {"targets": {"all": True}, "steps": steps}
    made = [
        await server.api("POST", "/tasks", task),
        await server.api(
            "POST", "/operations", {"deviceId": str(DEVICE), "steps": steps}
        ),
    ]
    await server.services.task_scheduler.advance()

    assert [201, 201] == [answer.status for answer in made]
    for _ in range(2):
        order = json.loads((await server.poll()).body)
        assert PHOTO == b64decode(order["body"])
        await server.post_result()
        await server.services.next_steps.queue_due_steps()


async def test_retried(server: LocalServer) -> None:
    """
    A command that is tried again sends the same bytes.
    """
    sha256 = (await upload(server)).json()["id"]
    command = (await server.api("POST", COMMANDS, set_image(sha256))).json()
    await server.poll()
    await server.post_result()
    await server.api("POST", f"/commands/{command['id']}/retry")

    assert PHOTO == b64decode(json.loads((await server.poll()).body)["body"])


@pytest.mark.parametrize(
    ("fields", "pointer"),
    [
        ({"bodyBlob": "0" * 64}, "/bodyBlob"),
        ({"bodyBlob": "x"}, "/bodyBlob"),
        ({"bodyBlob": "A" * 64}, "/bodyBlob"),
        ({"bodyBlob": {"blob": "x"}}, "/bodyBlob"),
        ({"bodyBlob": "$", "body": {}}, "/bodyBlob"),
        ({"bodyBlob": "$", "contentType": "text/plain"}, "/bodyBlob"),
    ],
)
async def test_refused(server: LocalServer, fields: object, pointer: str) -> None:
    """
    A blob that is not there, or not the only body, is refused where it is named.
    """
    sha256 = (await upload(server)).json()["id"]
    given = json.loads(json.dumps(fields).replace("$", sha256))
    answer = await server.api("POST", COMMANDS, {"endpoint": "x", **given})

    assert (422, "invalid", pointer) == answer.problem


async def test_empty(server: LocalServer) -> None:
    """
    No bytes are no blob; JSON is none, either, nor is a hash that nobody uploaded.
    """
    assert 422 == (await upload(server, b"")).status
    assert 415 == (await server.api("POST", "/blobs", {})).status
    assert 404 == (await server.api("GET", f"/blobs/{'0' * 64}")).status
    assert 404 == (await server.api("GET", "/blobs/x")).status


async def test_stored_once(server: LocalServer) -> None:
    """
    The same bytes are stored once in a scope, and another scope has its own.
    """
    for _ in range(3):
        assert 201 == (await upload(server)).status
    scope = (await server.api("POST", "/scopes", {"name": "x"})).json()["id"]
    request = {"name": "x", "permissions": ["admin"]}
    made = await server.api("POST", f"/scopes/{scope}/tokens", request)
    token = made.json()["token"]
    sha256 = hashlib.sha256(PHOTO).hexdigest()
    named = {"endpoint": "x", "bodyBlob": sha256}
    hidden = await server.api("GET", f"/blobs/{sha256}", token=token)
    refused = await server.api("POST", "/devices/5/commands", named, token=token)
    own = await upload(server, token=token)
    shown = await server.api("GET", f"/blobs/{sha256}", token=token)
    entries = await server.api("GET", "/audit?action=blob.create")

    assert (404, 422) == (hidden.status, refused.status)
    assert (201, PHOTO) == (own.status, shown.body)
    assert [len(PHOTO)] == [e["detail"]["size"] for e in entries.json()["items"]]


async def test_restricted(server: LocalServer) -> None:
    """
    A token of some devices uploads for them, and reads nothing that others uploaded.
    """
    request = {"name": "x", "permissions": ["admin"], "deviceIds": [str(DEVICE)]}
    token = (await server.api("POST", "/tokens", request)).json()["token"]
    sha256 = (await upload(server, token=token)).json()["id"]
    sent = await server.api("POST", COMMANDS, set_image(sha256), token=token)
    read = await server.api("GET", f"/blobs/{sha256}", token=token)

    assert (201, 403) == (sent.status, read.status)


async def test_purged(server: LocalServer) -> None:
    """
    A blob goes a day after it was named last, unless a command or a step has it.
    """
    blobs = server.services.blobs
    await server.api("PUT", f"/devices/{DEVICE}", {})
    ids = [(await upload(server, b"%d" % n)).json()["id"] for n in range(4)]
    await server.api("POST", COMMANDS, set_image(ids[0]))
    task = {"targets": {"all": True}, "steps": [set_image(ids[1])]}
    await server.api("POST", "/tasks", task)
    server.clock.tick(seconds=UNUSED_TTL // 1_000_000 - 1)
    assert 0 == await blobs.purge_unused()
    await upload(server, b"2")
    server.clock.tick(seconds=2)

    assert 1 == await blobs.purge_unused()
    found = [(await server.api("GET", f"/blobs/{each}")).status for each in ids]
    assert [200, 200, 200, 404] == found


async def test_purged_with_history(server: LocalServer) -> None:
    """
    What is deleted on request goes with the bytes that it sent.
    """
    sha256 = (await upload(server)).json()["id"]
    await server.api("POST", COMMANDS, set_image(sha256))
    await server.api("POST", "/commands/cancel", {"endpoint": "user_set_image"})
    server.clock.tick(seconds=61)
    before = "2026-01-01T00:01:01Z"
    purged = await server.api("POST", "/purge", {"before": before})

    assert purged.json()["done"]
    assert 404 == (await server.api("GET", f"/blobs/{sha256}")).status


async def test_pieces_without_a_blob(server: LocalServer) -> None:
    """
    What an upload that broke off has left is deleted, and nothing else.
    """
    services = server.services
    sha256 = (await upload(server)).json()["id"]
    await server.api("POST", COMMANDS, set_image(sha256))
    left = services.blobs.ids()
    await services.store.blobs.write_piece(left, 1, b"left over")
    server.clock.tick(seconds=2 * UNUSED_TTL // 1_000_000)
    await services.blobs.purge_unused()

    assert None is await services.store.blobs.read_piece(left, 1)
    assert PHOTO == (await server.api("GET", f"/blobs/{sha256}")).body


async def test_bounds(database: str, clock: ManualClock) -> None:
    """
    What waits for a command is bounded, in number and size; what has one is not.
    """
    async with running_server(
        database, clock, scope_blobs=2, scope_blob_size=3
    ) as server:
        first, second, third, same = [
            await upload(server, content) for content in (b"1", b"2", b"3", b"1")
        ]
        assert [201, 201, 201] == [first.status, second.status, same.status]
        assert (409, "limit-reached", None) == third.problem
        for blob in (first, second):
            await server.api("POST", COMMANDS, set_image(blob.json()["id"]))
        large = await upload(server, b"x" * 2 * 2**20)
        larger = await upload(server, b"y" * (2**20 + 1))

    assert 201 == large.status
    assert (409, "limit-reached", None) == larger.problem


async def test_bodies_of_one_call(database: str, clock: ManualClock) -> None:
    """
    The long bodies of a call that is under way do not count: it names them all.
    """
    bodies = [digit * (MAX_INLINE_BODY + 1) for digit in "1234"]
    commands = [{"endpoint": "x", "body": body} for body in bodies]
    first, last = json.dumps(commands[:3]).encode(), json.dumps(commands[3:]).encode()
    async with running_server(database, clock, scope_blobs=1) as server:
        taken = await server.api("POST", COMMANDS, first)
        await upload(server, b"unused")
        refused = await server.api("POST", COMMANDS, last)

    assert 201 == taken.status
    assert (409, "limit-reached", None) == refused.problem


def digest_of(algorithm: str, content: bytes = PHOTO) -> str:
    """Return a digest as `Content-Digest` has it."""
    computed = hashlib.new(algorithm.replace("-", ""), content).digest()
    return f"{algorithm}=:{b64encode(computed).decode()}:"


@each_case(
    ("header", "status"),
    [
        (digest_of("sha-256"), 201),
        (f"crc=:AA==:, {digest_of('sha-512')}", 201),
        (f"{digest_of('sha-512')}, {digest_of('sha-256')};x=1", 201),
        ("md5=:AA==:", 201),
        ("", 201),
        (digest_of("sha-256", b"other"), 400),
        (f"{digest_of('sha-256')}, {digest_of('sha-512', b'other')}", 400),
        ("sha-256=:AA==:", 400),
        ("sha-256=AA==", 400),
        ("sha-512=:A:", 400),
        ("sha-256", 400),
    ],
)
async def test_content_digest(server: LocalServer, header: str, status: int) -> None:
    """
    Bytes are refused that are not those of their digest, if it is of a known kind.
    """
    headers = {**OCTETS, "Content-Digest": header}
    kept = await server.api("POST", "/blobs", PHOTO, headers=headers)
    path = f"{COMMANDS}/bytes?endpoint=user_set_image"
    enqueued = await server.api("POST", path, PHOTO, headers=headers)

    assert (status, status) == (kept.status, enqueued.status)
    if status == 400:
        assert (400, "malformed", None) == kept.problem
