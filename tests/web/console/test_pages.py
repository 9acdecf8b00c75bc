"""Every page: what it may load, for whom it is, and what it makes of hostile texts."""

import asyncio
import re
import threading

import pytest

from pushserver.model.token import Permission
from pushserver.web.console import ROUTES
from pushserver.web.console.formats import Formats
from pushserver.web.console.page import POLICY
from pushserver.web.console.templating import environment
from pushserver.web.console.translations import catalogues
from tests.web.console.visitor import Visitor
from tests.web.local_server import DEVICE, TOKEN, LocalServer, wait_until

PAGES = [r for r in ROUTES if r.method == "GET" and r.path != "/live"]
#: Filters with so many words.
CHOICES = [
    "/audit?action", "/audit?hours", "/commands?held", "/commands?state",
    "/devices?sort", "/operations?status", "/results?orphan",
    "/subscriptions/{subscription_id}?state", "/tasks?state", "/tasks/{task_id}?status",
    "/upgrades?state", "/upgrades/{upgrade_id}?state",
]  # fmt: skip
HOSTILE = "<script>alert(1)</script>\"'><img src=x onerror=alert(1)>\u202e\u0001{{7*7}}"

FOR_DEVICES = {Permission.DEVICES_READ, Permission.DEVICES_WRITE}
UPGRADE = {
    "targetVersion": HOSTILE[:90].replace("\x01", ""),
    "phases": {
        "download": [{"endpoint": "firmware_load"}],
        "apply": [{"endpoint": "reboot"}],
        "verify": {"command": {"endpoint": "system_information"}, "versionPointer": ""},
    },
}


def path_of(path: str, **ids: str) -> str:
    """Return the path of a page with ids in the place of their names."""
    return re.sub(r"\{(\w+)\}", lambda m: ids[m[1]], path)


async def fill(server: LocalServer) -> dict[str, str]:
    """Make one of everything, with hostile names; return the ids for paths."""
    device = {"name": HOSTILE[:100], "tags": {"site": HOSTILE[:60].replace("\x01", "")}}
    await server.api("PUT", f"/devices/{DEVICE}", device)
    body = {"object": "users", "values": [{"name": HOSTILE, "password": "s3cret"}]}
    made = await server.enqueue({"endpoint": "create_objects", "body": body})
    await server.poll()
    await server.post_result(b'{"error": "<script>alert(2)</script>"}')
    await server.poll("deviceId=77")
    plan = {"name": HOSTILE[:90], "targets": {"deviceIds": [str(DEVICE)]}}
    steps = [{"endpoint": "reboot"}]
    task = await server.api("POST", "/tasks", plan | {"steps": steps})
    upgrade = await server.api("POST", "/upgrades", plan | UPGRADE)
    asked = {"deviceId": str(DEVICE), "resource": HOSTILE[:60], "steps": []}
    operation = (await server.api("POST", "/operations", asked)).json()["id"]
    progress = {"progress": 40, "message": HOSTILE}
    await server.api("POST", f"/operations/{operation}/notifications", progress)
    return {
        "device_id": str(DEVICE),
        "command_id": str(made["id"]),
        "posted_id": (await server.list_results())[0]["id"],
        "task_id": task.json()["id"],
        "upgrade_id": upgrade.json()["id"],
        "operation_id": operation,
        "subscription_id": await subscribe(server),
        "delivery_id": "1",
        "token_id": "1",
        "scope_id": "1",
    }


async def subscribe(server: LocalServer) -> str:
    """Make a subscription of everything, with a hostile name; return its id."""
    body = {"url": "https://9.9.9.9/", "events": ["*"], "description": HOSTILE}
    return str((await server.api("POST", "/subscriptions", body)).json()["id"])


async def test_names_of_devices(visitor: Visitor) -> None:
    """
    What devices are called is on the pages of who reads devices alone.
    """
    server, name = visitor.server, "the vault"
    ids = await fill(server)
    await server.api("PATCH", f"/devices/{DEVICE}", {"name": name})
    showing = {}
    for others in (FOR_DEVICES, set()):
        reader = Visitor(server)
        permissions = {*Permission} - {Permission.ADMIN} - others
        await reader.sign_in(await server.create_token(*permissions))
        pages = {
            each.path: await reader.get(path_of(each.path, **ids)) for each in PAGES
        }
        showing[len(others)] = {
            path for path, page in pages.items() if name in page.body.decode()
        }

    assert set() == showing[len(FOR_DEVICES)]
    assert showing[0] >= {
        *("/commands", "/commands/{command_id}", "/results", "/results/{posted_id}"),
        *("/operations", "/operations/{operation_id}", "/tasks/{task_id}"),
        *("/upgrades/{upgrade_id}", "/devices", "/send"),
    }


@pytest.mark.parametrize("language", catalogues())
async def test_every_page(visitor: Visitor, language: str) -> None:
    """
    Each page is there in each language, loads and runs nothing of its own but files,
    and shows what others wrote as text.
    """
    ids, visitor.language = await fill(visitor.server), language
    for route in PAGES:
        answer = await visitor.get(path_of(route.path, **ids))
        text = answer.body.decode()

        assert 200 == answer.status, route.path
        assert POLICY == answer.headers["Content-Security-Policy"]
        assert "nosniff" == answer.headers["X-Content-Type-Options"]
        assert "no-store" == answer.headers["Cache-Control"]
        assert f'<html lang="{language}"' in text
        assert not re.search(
            r"<script(?! defer src)|<style|\sstyle=|\son\w+=", shown(text)
        )
        assert "\u202e" not in text
        assert "s3cret" not in text


async def test_apart_from_the_loop(
    visitor: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However many pages are asked for at once, each is made apart from the loop."""
    threads: list[threading.Thread] = []
    number = Formats.number

    def record(formats: Formats, value: float, digits: int = 0) -> str:
        threads.append(threading.current_thread())
        return number(formats, value, digits)

    monkeypatch.setattr(Formats, "number", record)
    answers = await asyncio.gather(*[visitor.get("/devices") for _ in range(20)])

    assert {200} == {each.status for each in answers}
    assert len(threads) >= len(answers)
    assert threading.main_thread() not in threads


def shown(text: str) -> str:
    """Return the tags of a page, without what stands in values of attributes."""
    return re.sub(r'"[^"]*"|\'[^\']*\'', '""', " ".join(re.findall(r"<[^>]*>", text)))


async def test_unknown_filters(visitor: Visitor) -> None:
    """
    A filter that is none of its words is refused, also for an export: it means not all.
    """
    ids = await fill(visitor.server)
    asked = [path_of(path, **ids) for path in CHOICES]
    wrong = [(await visitor.get(f"{path}=WRONG")).status for path in asked]
    blank = [(await visitor.get(f"{path}=")).status for path in asked]
    export = await visitor.send("/commands/export", format="csv", state="WRONG")

    assert ([422] * len(CHOICES), [200] * len(CHOICES)) == (wrong, blank)
    assert 422 == export.status
    assert b"state is one of PENDING, SENT" in export.body


async def test_nobody_is_signed_in(server: LocalServer) -> None:
    """
    Who is not signed in sees no page, and is led to where one signs in. A form does
    nothing, and stays with the browser, to be sent again.
    """
    ids = await fill(server)
    for route in ROUTES:
        answer = await Visitor(server).request(
            route.method,
            path_of(route.path, **ids),
            headers={"Sec-Fetch-Site": "same-origin"},
        )

        if route.method == "POST":
            assert 401 == answer.status, route.path
            assert b'href="/console/sign-in" target="_blank"' in answer.body
        else:
            assert 303 == answer.status, route.path
            assert answer.headers["Location"].startswith("/console/sign-in")


async def test_refused_with_menu(server: LocalServer) -> None:
    """
    A page that is not there has the menu of who is signed in, and of nobody else.
    """
    visitor = Visitor(server)
    await visitor.sign_in()
    found = [await each.get("/commands/1") for each in (visitor, Visitor(server))]
    wrong = await visitor.get("/commands?from=x")

    assert [404, 303, 422] == [*(each.status for each in found), wrong.status]
    assert b'class="menu"' in found[0].body
    assert b'class="menu"' in wrong.body
    assert b'class="menu"' not in found[1].body


async def test_preview_of_nobody(server: LocalServer) -> None:
    """
    A form that is being filled in stays, though nobody is signed in any more.
    """
    headers = {"Sec-Fetch-Site": "same-origin", "HX-Request": "true"}
    typed = await Visitor(server).request("POST", "/send", headers=headers)

    assert (204, False) == (typed.status, "HX-Redirect" in typed.headers)


async def test_permissions(server: LocalServer) -> None:
    """
    What a token may not do is neither done nor shown.
    """
    ids = await fill(server)
    visitor = Visitor(server)
    await visitor.sign_in(await server.create_token("devices:read"))
    for route in ROUTES:
        if {*route.permissions} <= {"devices:read"}:
            continue
        answer = await visitor.request(
            route.method,
            path_of(route.path, **ids),
            headers={"Sec-Fetch-Site": "same-origin"},
        )

        assert 403 == answer.status, route.path
    for page in ("", "/devices", f"/devices/{DEVICE}"):
        text = (await visitor.get(page)).body

        assert b"/console/commands" not in text
        assert b"/adopt" not in text


async def test_each_permission(server: LocalServer) -> None:
    """
    What needs several permissions is refused to who lacks any one of them.
    """
    ids = await fill(server)
    several = [each for each in ROUTES if len(each.permissions) > 1]
    for route in several:
        for lacking in route.permissions:
            rest = {*route.permissions} - {lacking}
            visitor = Visitor(server)
            await visitor.sign_in(await server.create_token(*rest))
            answer = await visitor.request(
                route.method,
                path_of(route.path, **ids),
                headers={"Sec-Fetch-Site": "same-origin"},
            )

            assert 403 == answer.status, route.path
            assert f"needs the permission {lacking}" in answer.body.decode()

    assert ["/subscriptions/{subscription_id}/edit"] * 2 == [r.path for r in several]


async def test_scopes(server: LocalServer) -> None:
    """
    A page shows nothing of another scope.
    """
    ids = await fill(server)
    made = (await server.api("POST", "/scopes", {"name": "other"})).json()
    visitor = Visitor(server)
    await visitor.sign_in(made["token"])
    for route in PAGES:
        answer = await visitor.get(path_of(route.path, **ids))
        names_it = "{" in route.path

        assert (404 if names_it else 200) == answer.status, route.path
        assert b"alert(" not in answer.body
        assert names_it or str(DEVICE).encode() not in answer.body


async def test_restricted_token(server: LocalServer) -> None:
    """
    A restricted token sees its own devices on every page, and nobody else's; pages
    about the whole scope are not for it, and not in its menu.
    """
    ids = await fill(server)
    await server.api("PUT", "/devices/5", {"name": "mine"})
    limits = {"name": "t", "permissions": ["admin"], "deviceIds": ["5"]}
    made = (await server.api("POST", "/tokens", limits)).json()
    visitor = Visitor(server)
    await visitor.sign_in(made["token"])
    for route in PAGES:
        answer = await visitor.get(path_of(route.path, **ids))

        names_it = "{" in route.path
        expected = 404 if names_it else 200 if route.limits_itself else 403

        assert expected == answer.status, route.path
        assert names_it or str(DEVICE).encode() not in answer.body
    listed = (await visitor.get("/devices")).body

    assert b"mine" in listed
    assert b"/console/audit" not in listed


async def test_root(server: LocalServer) -> None:
    """
    Browsers are led to the console; whatever else comes sees what it always did.
    """
    browser = {"Accept": "text/html,*/*;q=0.8", "Upgrade-Insecure-Requests": "1"}
    led = await server.request("GET", "/", headers=browser, allow_redirects=False)
    device = await server.request("GET", "/")
    asks = await server.request("GET", f"/?deviceId={DEVICE}", headers=browser)
    posts = await server.request("POST", "/", data=b"x")

    assert (303, "/console") == (led.status, led.headers["Location"])
    assert [(404, b"")] * 3 == [(r.status, r.body) for r in (device, asks, posts)]


async def test_size(visitor: Visitor) -> None:
    """
    A first view takes under 100 kB over the wire: a page, a style and a script.
    """
    page = (await visitor.get()).body
    paths = re.findall(r'(?:src|href)="/console(/static/[^"]+)"', page.decode())
    files = [await visitor.get(p, **{"Accept-Encoding": "gzip"}) for p in paths]

    assert 2 == len(files)
    assert ["gzip"] * 2 == [f.headers["Content-Encoding"] for f in files]
    assert 100_000 > len(page) + sum(len(f.body) for f in files)


async def test_behind_a_prefix(server: LocalServer) -> None:
    """
    Nothing leads out of the page but its own addresses, none of which is absolute.
    """
    text = (await Visitor(server).get("/sign-in")).body.decode()

    assert not re.search(r'(?:src|href|action)="(?:https?:)?//', text)
    assert TOKEN not in text


async def test_templates(visitor: Visitor) -> None:
    """
    Whoever sees one page has all others compiled meanwhile.
    """
    await visitor.get()
    made = environment()
    names = {*made.list_templates()}

    assert made.cache is not None
    cache = made.cache
    await wait_until(lambda: names <= {name for _, name in cache})
