"""What commands and results say: masked until asked for, cut where it is long."""

import asyncio
import gc
import json

import aiohttp
import pytest

from pushserver.model.command import Result
from pushserver.protocols.controlid.secrets import SECRET_FIELDS
from pushserver.web.console.command_export import EXPORTED_AT_ONCE
from pushserver.web.json_view import Branch, Grid, Leaf, Photo, build_view
from pushserver.web.secrets_mask import SecretsMask
from pushserver.web.spool import MAX_IN_MEMORY
from tests.web.console.test_send import shown, upload
from tests.web.console.visitor import Visitor
from tests.web.local_server import DEVICE, wait_until, waiting_for

MASK = SecretsMask(SECRET_FIELDS)
JPEG = "/9j/" + "A" * 96
USERS = {
    "users": [
        {"id": 1, "name": "Ann", "password": "s3cret", "image": JPEG},
        {"id": 2, "name": "Bob", "password": "t0psecret"},
    ],
    "cards": [{"id": 1, "value": 998877}],
    "pins": [{"value": "4711"}],
}
SECRETS = ("s3cret", "t0psecret", "998877", "4711", JPEG)


def test_view() -> None:
    """
    Lists of objects are tables, photos images once they may be seen, the rest a tree.
    """
    body = json.dumps(USERS).encode()
    masked, revealed = build_view(body, MASK), build_view(body, None)

    assert isinstance(masked, Branch)
    assert isinstance(revealed, Branch)
    assert not [each for each in SECRETS if each in repr(masked)]
    assert [Branch, Grid, Grid] == [type(each) for _, each in masked.entries]
    cards = dict(masked.entries)["cards"]
    assert (["id", "value"], [[Leaf("1"), Leaf("••••••", "masked")]]) == (
        cards.columns,
        cards.rows,
    )
    ann = dict(dict(revealed.entries)["users"].entries)["0"]
    assert Photo(f"data:image/jpeg;base64,{JPEG}", 75) == dict(ann.entries)["image"]


def test_long_view() -> None:
    """
    However long a body is, what is shown of it is short, and says how much is left.
    """
    deep = b'{"a":' * 500 + b"1" + b"}" * 500
    wide = json.dumps([{f"c{i}": "x" * 600 for i in range(40)}] * 300).encode()
    grid = build_view(wide, MASK)

    assert isinstance(grid, Grid)
    assert (300, 100, 24) == (grid.size, grid.left, grid.left_columns)
    assert 2_000_000 > len(repr(grid))
    assert "…" in repr(build_view(deep, MASK))
    assert build_view(b"\x00\xff", MASK) is None


async def test_masked_until_shown(visitor: Visitor) -> None:
    """
    Secrets of a result are masked; who has them shown or downloads it is audited.
    """
    server = visitor.server
    made = await server.enqueue()
    await server.poll()
    await server.post_result(json.dumps({"response": USERS}).encode())
    path = f"/commands/{made['id']}"
    (result,) = await server.list_results()
    masked = [
        (await visitor.get(each)).body.decode()
        for each in (path, f"/results/{result['id']}")
    ]
    pages = [
        (await visitor.send(each)).body.decode()
        for each in (
            f"{path}/show",
            f"/results/{result['id']}/show",
            f"/results/{result['id']}/download",
        )
    ]
    audit = (await server.api("GET", "/audit?action=command.show")).json()["items"]

    assert not [each for each in SECRETS for page in masked if each in page]
    assert not [each for each in SECRETS for page in pages if each not in page]
    assert [(made["id"], 3)] == [
        (each["target"]["id"], each["detail"]["times"]) for each in audit
    ]
    assert all("Ann" in page for page in (*masked, *pages))


async def test_deep_texts(visitor: Visitor) -> None:
    """
    Pages show commands and results with a text that is deep JSON, cut.
    """
    server = visitor.server
    deep = "[" * 900 + "]" * 900
    bodies = {"response": {"a": deep}}, {"response": {"a": json.dumps([deep])}}
    statuses = []
    for body in (*bodies, {"error": deep}, {"error": {"a": deep}}):
        made = await server.enqueue({"endpoint": "reboot", "body": {"a": deep}})
        await server.poll()
        await server.post_result(json.dumps(body).encode())
        statuses.append((await visitor.get(f"/commands/{made['id']}")).status)
    for result in await server.list_results():
        statuses.append((await visitor.get(f"/results/{result['id']}")).status)
    export = await visitor.send("/commands/export", format="ndjson")

    assert [200] * 8 == statuses
    assert "…" in export.body.decode()


async def test_orphan(visitor: Visitor) -> None:
    """
    An orphan is among the results, and opens; to see its secrets is in the audit, too.
    """
    server = visitor.server
    await server.api("PUT", f"/devices/{DEVICE}", {})
    await server.post_result(json.dumps({"response": USERS}).encode())
    (result,) = await server.list_results()
    listed = (await visitor.get("/results?orphan=yes")).body.decode()
    page = (await visitor.send(f"/results/{result['id']}/show")).body.decode()
    audit = (await server.api("GET", "/audit?action=result.show")).json()["items"]

    assert f"/console/results/{result['id']}" in listed
    assert "s3cret" in page
    assert [{"result": result["id"]}] == [each["detail"] for each in audit]


async def test_retry_and_release(visitor: Visitor) -> None:
    """
    A command that has ended is tried again, once for a form; one that is held is
    released.
    """
    server = visitor.server
    made = await server.enqueue({"endpoint": "reboot"})
    await server.services.held_commands.hold_all()
    released = await visitor.send(f"/commands/{made['id']}/release")
    given = (await server.poll()).json()
    await server.post_result(b'{"response": {}}')
    retried = [
        await visitor.send(f"/commands/{made['id']}/retry", key="k") for _ in range(2)
    ]
    listed = (await server.api("GET", "/commands")).json()["items"]

    assert released.headers["Location"].endswith("said=released")
    assert "reboot" == given["endpoint"]
    assert [f"/console/commands/{listed[0]['id']}?said=sent"] * 2 == [
        each.headers["Location"] for each in retried
    ]
    assert 2 == len(listed)


async def test_export(visitor: Visitor) -> None:
    """
    The list is exported as CSV and as NDJSON, as filtered, with what is masked masked.
    """
    server = visitor.server
    body = {"object": "users", "values": [{"name": "=1+1", "password": "s3cret"}]}
    await server.enqueue({"endpoint": "create_objects", "body": body})
    await server.poll()
    await server.post_result(json.dumps({"response": USERS}).encode())
    await server.enqueue({"endpoint": "reboot"})
    csv, lines = [
        (await visitor.send("/commands/export", format=kind, state="SUCCESSFUL")).body
        for kind in ("csv", "ndjson")
    ]
    (row,) = [json.loads(line) for line in lines.splitlines()]

    assert 2 == len(csv.splitlines())
    assert ("create_objects", "SUCCESSFUL") == (row["endpoint"], row["state"])
    assert "Ann" in row["result"]
    assert not [each for each in SECRETS if each.encode() in csv + lines]
    assert b"reboot" not in csv + lines


async def test_export_ends_with_the_session(visitor: Visitor) -> None:
    """
    A file that is still being written when its reader signs out breaks off.
    """
    server, turn = visitor.server, visitor.server.services.body_budget.turn
    for _ in range(2 * EXPORTED_AT_ONCE):
        await server.enqueue()
    await turn.acquire()
    export = asyncio.create_task(visitor.send("/commands/export", format="csv"))
    await wait_until(lambda: waiting_for(turn) == 1)
    turn.release()
    await turn.acquire()  # when the first lines have been read
    await visitor.send("/sign-out")
    turn.release()

    with pytest.raises(aiohttp.ClientError):
        await export


async def test_heavy_results(visitor: Visitor, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    Commands are listed, at a device, too, however long their results are.
    """
    monkeypatch.setattr("pushserver.storage.sql.heavy_rows.PAGE_BYTES", 1000)
    server = visitor.server
    made = [await server.enqueue() for _ in range(2)]
    for _ in made:
        await server.poll()
        await server.post_result(json.dumps({"response": "x" * 1000}).encode())
    for path in ("/commands", f"/devices/{DEVICE}"):
        body = (await visitor.get(path)).body.decode()

        assert [] == [each["id"] for each in made if each["id"] not in body]


async def test_no_page_keeps_a_result(visitor: Visitor) -> None:
    """
    Results that were shown are not in memory when the page has been sent.
    """
    server = visitor.server
    made = await server.enqueue()
    await server.poll()
    await server.post_result(b'{"response": {}}')
    (result,) = await server.list_results()
    paths = ("/results", f"/results/{result['id']}", f"/commands/{made['id']}")
    gc.collect()
    gc.disable()
    try:
        for path in paths:
            await visitor.get(path)
        await wait_until(lambda: not results_in_memory())
    finally:
        gc.enable()


def results_in_memory() -> list[object]:
    """Return the results that somebody refers to, or nobody but themselves."""
    return [each for each in gc.get_objects() if isinstance(each, Result)]


async def test_five_megabytes(visitor: Visitor) -> None:
    """
    A result of 5 MB is shown, cut, with a link to all of it.
    """
    server = visitor.server
    made = await server.enqueue()
    await server.poll()
    logs = [{"id": i, "name": "é\u202e\x00" * 20, "pin": "4711"} for i in range(20_000)]
    posted = json.dumps({"response": {"access_logs": logs}}, ensure_ascii=True).encode()
    await server.post_result(posted)
    answer = await visitor.get(f"/commands/{made['id']}")
    text = shown(answer)

    assert 5_000_000 < len(posted)
    assert 300_000 > len(answer.body)
    assert "19,800 more are not shown" in text
    assert "4711" not in text
    assert "\x00" not in text
    assert b"/console/results/" in answer.body


async def test_deleted(visitor: Visitor) -> None:
    """
    A page says that a body was deleted, and offers neither to retry nor to download it.
    """
    server = visitor.server
    command = await server.enqueue()
    await server.poll()
    await server.post_result(b'{"response":{}}')
    server.clock.tick(8 * 86_400)
    await server.services.body_retention.purge_expired()
    await visitor.sign_in()

    page = shown(await visitor.get(f"/commands/{command['id']}"))
    result_id = (await server.api("GET", "/results")).json()["items"][0]["id"]
    result = shown(await visitor.get(f"/results/{result_id}"))

    assert "Its body was deleted" in page
    assert "What was answered was deleted" in page
    assert "What was answered was deleted" in result
    assert "Enqueue it" not in page
    assert "Download" not in result


async def test_large_forms_take_turns(visitor: Visitor) -> None:
    """
    Of forms with large files one is in memory at a time; short ones do not wait.
    """
    turn = visitor.server.services.body_budget.form_turn
    large = ("image", b"x" * (MAX_IN_MEMORY + 1))
    await turn.acquire()
    waiting = asyncio.create_task(upload(visitor, large, form="set_image"))
    await wait_until(lambda: waiting_for(turn) == 1)
    short = await upload(visitor, form="set_image")
    is_waiting = not waiting.done()
    turn.release()

    assert is_waiting
    assert [short.status] == [(await waiting).status]
    assert not await turn.acquire()
