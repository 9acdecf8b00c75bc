"""Those who see the same, and are told of the same change, are shown one page."""

import re
from collections.abc import Sequence

from tests.web.console.visitor import Visitor
from tests.web.local_server import DEVICE, LocalServer

PATHS = ("", "/devices", "/commands", "/operations", "/tasks", "/results")


def begin_round(server: LocalServer) -> str:
    """Tell somebody of a change; return the round."""
    return str(server.services.live_topics.begin_round())


async def look(visitor: Visitor, announced: str, path: str = "/devices") -> str:
    """Return the page that *visitor* fetches in a round."""
    page = await visitor.get(path, **{"HX-Request": "true", "Live-Round": announced})
    assert 200 == page.status
    return page.body.decode()


async def name_device(server: LocalServer, name: str) -> None:
    """Change what the list of devices shows."""
    await server.api("PUT", f"/devices/{DEVICE}", {"name": name})


async def test_made_once(visitor: Visitor) -> None:
    """
    What was made in a round is shown to all who were told in it, and in no later one.
    """
    server, second = visitor.server, Visitor(visitor.server)
    await second.sign_in(await server.create_token("admin"))
    await name_device(server, "before")
    announced = begin_round(server)
    first = await look(visitor, announced)
    await name_device(server, "after")

    assert "before" in first
    assert first == await look(second, announced)
    assert "after" in await look(second, begin_round(server))
    assert "after" in await look(visitor, announced)


async def test_not_shared(visitor: Visitor) -> None:
    """
    Whoever may see something else, or asks in other words, has a page of their own.
    """
    server, others = visitor.server, dict[str, Visitor]()
    for name, permissions, limits in (
        ("fewer permissions", ["devices:read"], {}),
        ("some devices", ["admin"], {"deviceIds": [DEVICE]}),
        ("others", ["admin"], {"tags": {"site": "north"}}),
    ):
        made = await server.api(
            "POST", "/tokens", {"name": name, "permissions": permissions, **limits}
        )
        others[name] = Visitor(server)
        await others[name].sign_in(made.json()["token"])
    others["language"] = Visitor(server, visitor.cookie, "pt-BR")
    await name_device(server, "before")
    announced = begin_round(server)
    await look(visitor, announced)
    await name_device(server, "after")

    for other in others.values():
        assert "before" not in await look(other, announced)
    assert "after" in await look(visitor, announced, "/devices?sort=name")
    for foreign in (f"{'0' * 16}-0", "0-0", "x", "é", f"{announced}{'9' * 30}"):
        assert "after" in await look(visitor, foreign)


async def test_parts_name_nobody(visitor: Visitor) -> None:
    """
    A page that is shared names nobody, and has no form that is done once; a whole one
    has its frame.
    """
    server = visitor.server
    await server.enqueue()
    await server.poll("deviceId=77")
    announced = begin_round(server)
    pages = [await look(visitor, announced, path) for path in PATHS]
    whole = await visitor.get("/devices", **{"HX-Request": "true"})

    assert 'class="bar"' in whole.body.decode()
    assert set() == {word for page in pages for word in _own(page)}


def _own(page: str) -> Sequence[str]:
    return re.findall(r'class="bar"|name="key"|type="password"|sign-out', page)
