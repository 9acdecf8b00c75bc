"""Signing in gives a cookie for the console alone, which ends with its token."""

import asyncio
from collections.abc import Awaitable, Callable
from html import escape
from urllib.parse import urlencode

import pytest

from tests.clock import ManualClock
from tests.web.console.visitor import Visitor, cookies
from tests.web.local_server import (
    DEVICE,
    TOKEN,
    LocalServer,
    running_server,
    wait_until,
)

FORM = "application/x-www-form-urlencoded"
KEY = "q3vXy0Zr8sT1uW5aB7cD9eF2gH4iJ6kL"


async def test_cookie(server: LocalServer) -> None:
    """
    The cookie is out of reach of scripts and other sites, and leads where one was.
    """
    visitor = Visitor(server)
    answer = await visitor.send("/sign-in", token=TOKEN, next="/console/devices")

    assert (303, "/console/devices") == (answer.status, answer.headers["Location"])
    assert cookies(answer).endswith("; HttpOnly; Path=/; SameSite=Strict")


async def test_secure_cookie(database: str, clock: ManualClock) -> None:
    """
    Over TLS the cookie is bound to this very host.
    """
    headers = {
        "Origin": "https://door.example",
        "Content-Type": FORM,
        "X-Forwarded-For": "198.51.100.7",
        "X-Forwarded-Proto": "https",
        "X-Forwarded-Host": "door.example",
    }
    async with running_server(database, clock, trusted_proxies="127.0.0.1") as server:
        answer = await Visitor(server).request(
            "POST", "/sign-in", data=f"token={TOKEN}".encode(), headers=headers
        )

    assert cookies(answer).startswith("__Host-pushserver=")
    assert "; Secure" in cookies(answer)


async def test_leads_nowhere_else(server: LocalServer) -> None:
    """
    No link to the sign-in leads to another site after it, or to no page of this one.
    """
    besides = (
        "/consolex",
        "/console@evil.example",
        "/console/../x",
        "/console/%2E%2e/x",
    )
    for where in ("//evil.example", "https://evil.example", "/x", "\\x", *besides):
        answer = await Visitor(server).send("/sign-in", token=TOKEN, next=where)

        assert "/console" == answer.headers["Location"]


@pytest.mark.parametrize(
    ("typed", "next_path"),
    [
        (f"/devices/{KEY}", ""),
        (f"/devices/{KEY}?sort=id", ""),
        (f"/devices?q={KEY}", "/console/devices"),
        ("/devices?q=pier&sort=id", "/console/devices?q=pier&sort=id"),
    ],
)
async def test_keys_are_not_repeated(
    server: LocalServer, typed: str, next_path: str
) -> None:
    """
    Where one leads back to is never an address with what may be a device's key.
    """
    visitor, where = Visitor(server), f"/console{typed}"
    leads = await visitor.get(typed)
    part = await visitor.get(typed, **{"HX-Request": "true"})
    form = await visitor.get("/sign-in?" + urlencode({"next": where}))
    again = await visitor.send("/sign-in", token="wrong", next=where)
    opened = await visitor.send("/sign-in", token=TOKEN, next=where)

    expected = "/console/sign-in?" + urlencode({"next": next_path})
    assert expected == leads.headers["Location"]
    assert expected == part.headers["HX-Redirect"]
    assert (next_path or "/console") == opened.headers["Location"]
    assert {(True, False)} == {
        (f'name="next" value="{escape(next_path)}"' in page, KEY in page)
        for page in (form.body.decode(), again.body.decode())
    }


async def test_wrong_token(server: LocalServer) -> None:
    """
    A wrong token is said beside the field, counted, and not repeated on the page.
    """
    answer = await Visitor(server).sign_in("pst_wrong")

    assert 401 == answer.status
    assert b'aria-invalid="true"' in answer.body
    assert b"pst_wrong" not in answer.body
    assert 1 == server.services.counts["tokens.wrong"]


async def test_two_cookies(visitor: Visitor) -> None:
    """
    Of two sessions that differ neither is taken; the same one twice is one.
    """
    own = visitor.cookie
    other = own.partition("=")[0] + "=planted"
    sent = [[own], [f"a=b; {own}"], [f"{own};{own}"], [f"{own}; {other}"]]
    sent += [[f"{other}; {own}"], [own, other], [other, own], [own, own]]
    found = []
    for headers in sent:
        lines = "".join(f"Cookie: {each}\r\n" for each in headers)
        head = f"GET /console HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{lines}\r\n"
        found.append((await visitor.server.send_raw(head.encode())).split()[1])

    assert [b"200"] * 3 + [b"303"] * 4 + [b"200"] == found


async def test_not_a_token_of_the_api(visitor: Visitor) -> None:
    """
    The API takes no cookie, and no secret of one as a token.
    """
    server, (_, _, secret) = visitor.server, visitor.cookie.partition("=")
    cookie = {"Cookie": visitor.cookie}
    by_cookie = await server.api("GET", "/devices", token=None, headers=cookie)
    as_token = await server.api("GET", "/devices", token=secret)

    assert (401, 401) == (by_cookie.status, as_token.status)


async def test_ends_with_its_token(server: LocalServer) -> None:
    """
    Who revokes a token ends its sessions.
    """
    request = {"name": "t", "permissions": ["admin"]}
    made = (await server.api("POST", "/tokens", request)).json()
    visitor = Visitor(server)
    await visitor.sign_in(made["token"])
    before = (await visitor.get("/devices")).status
    await server.api("DELETE", f"/tokens/{made['id']}")
    after = await visitor.get("/devices")

    assert (200, 303) == (before, after.status)
    assert "/console/sign-in?next=%2Fconsole%2Fdevices" == after.headers["Location"]


async def test_ends_after_a_shift(visitor: Visitor) -> None:
    """
    A session is over after twelve hours.
    """
    visitor.server.clock.tick(seconds=12 * 3600)

    assert 303 == (await visitor.get()).status


async def test_sign_out(visitor: Visitor) -> None:
    """
    Who signs out ends the session also for whoever has copied the cookie.
    """
    await visitor.send("/sign-out")

    assert 303 == (await visitor.get()).status


async def expire(visitor: Visitor) -> None:
    """Let the shift be over."""
    visitor.server.clock.tick(seconds=12 * 3600)


async def sign_out(visitor: Visitor) -> None:
    """Sign out."""
    await visitor.send("/sign-out")


@pytest.mark.parametrize("end", [expire, sign_out])
async def test_ends_while_a_form_is_done(
    visitor: Visitor, end: Callable[[Visitor], Awaitable[None]]
) -> None:
    """
    What a form asked for is not written any more: one signs in, and sends it again.
    """
    await visitor.server.poll()
    turns = visitor.server.services.devices.write_lock
    async with turns:
        sending = asyncio.create_task(visitor.send(f"/devices/{DEVICE}/adopt"))
        await wait_until(lambda: turns._line.count_of(0) == 1)
        await end(visitor)
    answer = await sending
    too_late = await visitor.send(f"/devices/{DEVICE}/adopt")

    assert (401, too_late.body) == (answer.status, answer.body)
    assert "quarantined" == (await visitor.server.get_device())["state"]


async def test_signs_out_twice_at_once(visitor: Visitor) -> None:
    """
    Of two clicks, both find the session ended.
    """
    answers = await asyncio.gather(*[visitor.send("/sign-out") for _ in range(2)])

    assert [303, 303] == [each.status for each in answers]
    assert 303 == (await visitor.get()).status


OTHER_SITES = {
    "another site": {"Sec-Fetch-Site": "cross-site", "Origin": "https://evil.example"},
    "another origin": {"Origin": "https://evil.example"},
    "another site of this domain": {"Sec-Fetch-Site": "same-site"},
    "a hidden origin": {"Origin": "null"},
    "no origin at all": {"Origin": "http://["},
    "says nothing": {},
}


@pytest.mark.parametrize("headers", OTHER_SITES.values(), ids=OTHER_SITES)
async def test_forms_of_other_sites(visitor: Visitor, headers: dict[str, str]) -> None:
    """
    A form that another site sends does nothing, even if a browser sent the cookie.
    """
    sent = {**headers, "Content-Type": FORM}
    for path in ("/sign-in", "/sign-out", "/view", "/devices/1/adopt"):
        answer = await visitor.request("POST", path, data=b"x=1", headers=sent)

        assert 403 == answer.status
        assert not cookies(answer)
