"""Commands are filled in, shown before they go, and sent once."""

import base64
import html
import json
import re
from collections.abc import AsyncIterator

import attrs

from pushserver.model.target import TargetDevice
from pushserver.web.console.send_target import ExpectedDevices
from tests.each_case import each_case
from tests.services.test_device_list import BLANK
from tests.web.console.visitor import SAME_SITE, Visitor
from tests.web.local_server import DEVICE, Response

DOOR = {"form": "open_door", "to": "one", "who": str(DEVICE), "f-door": "1"}
JPEG = b"\xff\xd8\xff\r\n--x\r\n\x00\xff"


async def upload(
    visitor: Visitor, file: tuple[str, bytes] = ("image", JPEG), /, **fields: str
) -> Response:
    """Send a form with a file, as a browser does; that has a name and its bytes."""
    name, content = file
    parts = [
        f'--mark\r\nContent-Disposition: form-data; name="{each}"\r\n\r\n{value}'
        for each, value in fields.items()
    ]
    head = f'--mark\r\nContent-Disposition: form-data; name="{name}"; filename="a"'
    body = (
        "\r\n".join([*parts, head]).encode() + b"\r\n\r\n" + content + b"\r\n--mark--"
    )
    content_type = "multipart/form-data; boundary=mark"
    headers = {**SAME_SITE, "Content-Type": content_type}
    return await visitor.request("POST", "/send", data=body, headers=headers)


def shown(answer: Response) -> str:
    """Return the text of a page."""
    return html.unescape(re.sub(r"<[^>]*>", "", answer.body.decode()))


async def test_door(visitor: Visitor) -> None:
    """
    A form is shown as JSON, curl, command line and Python, and sends a command with its
    reason; sent twice, it is one command.
    """
    server = visitor.server
    await server.api("PUT", f"/devices/{DEVICE}", {})
    page = shown(await visitor.send("/send", **DOOR, reason="a visitor"))
    sent = [
        await visitor.send("/send", **DOOR, reason="a visitor", action="send", key="k")
        for _ in range(2)
    ]
    command = (await server.poll()).json()
    listed = (await server.api("GET", "/commands")).json()["items"]
    cli = f'pushserver enqueue {DEVICE} execute_actions --body \'{{"actions":'

    assert "1 device, 0 of them online" in page
    assert cli in page
    assert f"/api/v1/devices/{DEVICE}/commands" in page
    assert "client.commands.enqueue(" in page
    assert {"actions": [{"action": "door", "parameters": "door=1"}]} == command["body"]
    assert [{"reason": "a visitor"}] == [each["metadata"] for each in listed]
    assert [f"/console/commands/{listed[0]['id']}?said=sent"] * 2 == [
        each.headers["Location"] for each in sent
    ]


async def test_two_clicks(visitor: Visitor) -> None:
    """
    Where there is one device, a click on the menu fills it in; the next opens its door,
    also if nobody has adopted it yet.
    """
    server = visitor.server
    await server.poll()
    page = (await visitor.get("/send")).body.decode()
    fields = dict(
        re.findall(r'name="([\w-]+)" type="(?:text|number)" value="(\d+)"', page)
    )
    sent = await visitor.send("/send", form="open_door", action="send", **fields)
    command = (await server.poll()).json()

    assert {"who": str(DEVICE), "f-door": "1"} == fields
    assert 303 == sent.status
    assert "execute_actions" == command["endpoint"]


async def test_json_file(visitor: Visitor) -> None:
    """
    A raw command takes its body from a file, to the byte and longer than can be typed,
    for one device or many; one that is no JSON, or comes with another body, is refused.
    """
    server, text = (
        visitor.server,
        b'{"object": "users", "x": "%s"}' % (b"y" * 1_500_000),
    )
    await server.api("PUT", f"/devices/{DEVICE}", {})
    raw = {"form": "raw", "endpoint": "load_objects", "action": "send"}
    one = {**raw, "to": "one", "who": str(DEVICE)}
    sent = [
        await upload(visitor, ("file", b"\xef\xbb\xbf" + text), **one),
        await upload(visitor, ("file", text), **raw, to="all"),
    ]
    polled = [(await server.poll()).json()["body"]]
    await server.post_result()
    await server.services.write_behind.flush()
    await server.services.task_scheduler.advance()
    polled.append((await server.poll()).json()["body"])
    refused = [
        await upload(visitor, ("file", content), **one, **more)
        for content, more in (
            (b'1, "endpoint": "reboot"', {}),
            (b"{", {}),
            (b"{}", {"body": "{}"}),
        )
    ]

    assert [303, 303] == [each.status for each in sent]
    assert [json.loads(text)] * 2 == polled
    assert [200, 200, 200] == [each.status for each in refused]
    assert ["must be JSON", "must be JSON", "not both"] == [
        word
        for each in refused
        for word in ("must be JSON", "not both")
        if word in shown(each)
    ]


async def test_photo(visitor: Visitor) -> None:
    """
    The bytes of a chosen file reach a device as they are; many get it by a task.
    """
    server = visitor.server
    await server.api("PUT", f"/devices/{DEVICE}", {"tags": {"site": "north"}})
    fields = {"form": "user_set_image", "f-user_id": "7", "f-timestamp": "5"}
    await upload(visitor, **fields, to="one", who=str(DEVICE), action="send")
    first = (await server.poll()).json()
    await server.post_result(b'{"response": {}}')
    many = await upload(
        visitor, **fields, to="matching", who="tag:site=north", action="send"
    )
    tasks = (await server.api("GET", "/tasks")).json()["items"]

    assert "user_id=7&timestamp=5&match=0" == first["queryString"]
    assert JPEG == base64.b64decode(first["body"])
    assert f"/console/tasks/{tasks[0]['id']}?said=sent" == many.headers["Location"]


async def test_what_is_wrong(visitor: Visitor) -> None:
    """
    What is wrong stands beside its field, and nothing is sent.
    """
    server = visitor.server
    await server.api("PUT", f"/devices/{DEVICE}", {})
    wrong = {
        "f-door": {**DOOR, "f-door": "0"},
        "who": {**DOOR, "who": "no device"},
        "body": {**DOOR, "form": "raw", "endpoint": "reboot", "body": "{"},
        "f-time": {**DOOR, "form": "set_system_time", "f-time": "noon"},
        "filter": {**DOOR, "to": "matching", "who": "nobody"},
    }
    answers = {
        name: await visitor.send("/send", action="send", **fields)
        for name, fields in wrong.items()
    }
    texts = {name: each.body.decode() for name, each in answers.items()}

    assert {"f-door": 200, "who": 422, "body": 200, "f-time": 200, "filter": 422} == {
        name: each.status for name, each in answers.items()
    }
    for name in ("f-door", "body", "f-time"):
        assert f'<p id="{name}-hint" class="error">' in texts[name]
    assert [] == (await server.api("GET", "/commands")).json()["items"]


@each_case("who", ["", " ", '""', "site=north" + " " * 500 + "tag:a=b"])
async def test_filter_of_nothing(visitor: Visitor, who: str) -> None:
    """
    A filter that leaves no device out, or is too long to be read, is not for all.
    """
    server = visitor.server
    await server.api("PUT", f"/devices/{DEVICE}", {"name": "site=north"})
    fields = {**DOOR, "to": "matching", "who": who}
    answer = await visitor.send("/send", action="send", **fields)

    assert "This is no filter of devices" in shown(answer)
    assert [] == (await server.api("GET", "/tasks")).json()["items"]


async def test_what_destroys(visitor: Visitor) -> None:
    """
    What destroys is done only for who types the device's id, or how many they are;
    also when it is written as JSON.
    """
    server = visitor.server
    await server.api("PUT", f"/devices/{DEVICE}", {})
    one = {"to": "one", "who": str(DEVICE), "action": "send"}
    reset = {"form": "reset_to_factory_default", **one}
    raw = {"form": "raw", "endpoint": "reset_to_factory_default.fcgi", **one}
    every = {**reset, "to": "all", "who": ""}
    statuses = [
        (await visitor.send("/send", **fields, confirm=typed)).status
        for fields, typed in [
            (reset, ""),
            (raw, "yes"),
            (every, "2"),
            (reset, str(DEVICE)),
            (raw, str(DEVICE)),
            (every, "1"),
        ]
    ]

    assert [200, 200, 200, 303, 303, 303] == statuses


async def test_who_may(visitor: Visitor) -> None:
    """
    Who may open no doors opens none here, and who may run no tasks is offered one
    device alone.
    """
    server = visitor.server
    await server.api("PUT", f"/devices/{DEVICE}", {})
    narrow = Visitor(server)
    await narrow.sign_in(await server.create_token("commands:write"))
    door = await narrow.send("/send", **DOOR, action="send")
    many = {**DOOR, "form": "reboot", "to": "all"}
    task = await narrow.send("/send", **many, action="send")
    page = (await narrow.get("/send")).body

    assert [403, 403] == [door.status, task.status]
    assert b'value="matching"' not in page


async def test_nobody_asks_for_names(visitor: Visitor) -> None:
    """
    Who reads no devices finds none by what they are called: tags are what the API
    takes, too, of who may run tasks.
    """
    server = visitor.server
    await server.api("PUT", f"/devices/{DEVICE}", {"name": "vault", "tags": {"a": "b"}})
    statuses = {}
    for permissions in (
        ["commands:write"],
        ["commands:write", "operations:write"],
        ["commands:write", "operations:write", "devices:read"],
    ):
        narrow = Visitor(server)
        await narrow.sign_in(await server.create_token(*permissions))
        form = {"form": "reboot", "to": "matching"}
        answers = [
            await narrow.send("/send", **form, who=each)
            for each in ("vault", "attic", "online:no", "tag:a=b", "tag:a=c")
        ]
        statuses[len(permissions)] = [each.status for each in answers]

    assert {
        1: [403] * 5,
        2: [403, 403, 403, 200, 422],
        3: [200, 422, 200, 200, 422],
    } == statuses


async def test_every_form(visitor: Visitor) -> None:
    """
    Each form opens, and previews with what is filled in at first.
    """
    server = visitor.server
    await server.api("PUT", f"/devices/{DEVICE}", {})
    page = (await visitor.get("/send")).body.decode()
    names = sorted(set(re.findall(r"form=(\w+)", page)))
    for name in names:
        assert 200 == (await visitor.get(f"/send?form={name}")).status, name
        sent = await visitor.send("/send", form=name, to="one", who=str(DEVICE))
        assert 200 == sent.status, name
    as_json = await visitor.send("/send", **DOOR, action="raw")

    assert 25 < len(names)
    assert f'value="{DEVICE}"' in page
    assert b"door=1" in as_json.body
    assert b'name="endpoint" type="text" value="execute_actions"' in as_json.body


async def test_long_forms(visitor: Visitor) -> None:
    """
    Of what is long a page is not many times as long; what is too long is refused.
    """
    await visitor.server.api("PUT", f"/devices/{DEVICE}", {})
    raw = {**DOOR, "form": "raw", "endpoint": "reboot"}
    deep = "[" + ",".join(["[" * 500 + "]" * 500] * 50) + "]"
    pages = [
        await visitor.send("/send", **raw, action="raw", body=deep),
        await visitor.send("/send", **raw, body='"' + "'" * 60_000 + '"'),
        await visitor.send("/send", **raw, body='"' + "x" * 70_000 + '"'),
    ]
    refused = [
        await visitor.send("/send", **raw, body="x" * 131_072),
        await upload(visitor, **raw, body="x" * 131_072),
        await visitor.send("/send", **{**raw, "who": "x" * 4097}),
    ]

    assert [200] * 3 == [each.status for each in pages]
    assert [] == [len(p.body) for p in pages if len(p.body) > 400_000]
    assert "This is too long." in shown(pages[2])
    assert [413] * 3 == [each.status for each in refused]


@each_case("depth", [100, 500, 501, 900, *range(930, 1000, 5), 30_000])
async def test_deep_bodies(visitor: Visitor, depth: int) -> None:
    """
    JSON that is typed is previewed, turned and sent, or refused as too deep.
    """
    await visitor.server.api("PUT", f"/devices/{DEVICE}", {})
    raw = {**DOOR, "form": "raw", "endpoint": "reboot"}
    body = "[" * depth + "]" * depth
    statuses = [
        (await visitor.send("/send", **raw, action=each, body=body)).status
        for each in ("preview", "raw", "send")
    ]

    assert [200, 200, 303 if depth <= 500 else 200] == statuses


async def test_ready_to_send(visitor: Visitor) -> None:
    """
    A form that needs nothing more shows at once what it does; one that does, does not.
    """
    await visitor.server.api("PUT", f"/devices/{DEVICE}", {})
    ready = (await visitor.get(f"/send?form=open_door&device={DEVICE}")).body
    not_yet = (await visitor.get(f"/send?form=make_sip_call&device={DEVICE}")).body

    assert b"door=1" in ready
    assert b"curl" in ready
    assert b"curl" not in not_yet


async def test_long_form(visitor: Visitor) -> None:
    """
    A form may be as long as what the API takes: tags of many kilobytes.
    """
    await visitor.server.api("PUT", f"/devices/{DEVICE}", {})
    tags = " ".join(f"k{n}={'v' * 200}" for n in range(20))
    answer = await visitor.send(f"/devices/{DEVICE}/edit", name="", tags=tags, hold="")
    device = await visitor.server.get_device()

    assert (303, 20) == (answer.status, len(device["tags"]))


async def test_expected_devices() -> None:
    """Of the devices that are meant, nothing is kept but what is shown of them."""
    soon = [(True, 30), (False, 10), (True, None), (True, 20)]

    async def devices() -> AsyncIterator[TargetDevice]:
        for number, (online, next_poll_at) in enumerate(soon):
            device = attrs.evolve(BLANK, device_id=number)
            yield TargetDevice(device, online, next_poll_at)

    expected = ExpectedDevices(count=4, online=3, next_poll_at=(20, 30))
    assert expected == await ExpectedDevices.among(devices())


@each_case("to", ["", "One", "device", str(DEVICE), "ALL"])
async def test_unknown_target(visitor: Visitor, to: str) -> None:
    """
    A form that names its devices in no known way is refused: it is not for all.
    """
    server = visitor.server
    await server.api("PUT", f"/devices/{DEVICE}", {})
    answer = await visitor.send("/send", action="send", **{**DOOR, "to": to})

    assert "to must be one, matching or all" in shown(answer)
    assert [] == (await server.api("GET", "/tasks")).json()["items"]
    assert (await server.poll()).is_empty
