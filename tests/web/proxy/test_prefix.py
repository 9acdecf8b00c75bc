"""Served below a path that the proxy takes off, with the changes that the docs name."""

from collections.abc import Sequence
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from yarl import URL

from tests.clock import ManualClock
from tests.web.local_server import DEVICE, LOAD_USERS, TOKEN, running_server
from tests.web.proxy.real_proxy import (
    HOST,
    PROXIES,
    configure_caddy,
    configure_nginx,
    open_session,
    running_proxy,
)

pytestmark = pytest.mark.only_on("sqlite")

PREFIX = "/doors"
PUBLIC = f"https://{HOST}{PREFIX}"


def nginx_below_path(folder: Path, port: int, upstream: str) -> Sequence[str]:
    """Configure nginx to serve below the path."""
    command = configure_nginx(folder, port, upstream)
    old = "    location / {\n        proxy_pass http://pushserver;"
    new = f"    location {PREFIX}/ {{\n        proxy_pass http://pushserver/;"
    _change(folder / "pushserver.conf", old, new)
    return command


def caddy_below_path(folder: Path, port: int, upstream: str) -> Sequence[str]:
    """Configure Caddy to serve below the path."""
    command = configure_caddy(folder, port, upstream)
    old = "\treverse_proxy "
    _change(folder / "Caddyfile", old, f"\turi strip_prefix {PREFIX}\n{old}")
    return command


def _change(file: Path, old: str, new: str) -> None:
    text = file.read_text("utf-8")
    assert 1 == text.count(old)
    file.write_text(text.replace(old, new))


@pytest.mark.parametrize("name", PROXIES)
async def test_below_a_path(
    database: str, clock: ManualClock, tmp_path: Path, name: str
) -> None:
    """
    Programs and devices reach the server below the path, and follow where it leads.
    """
    configure = {"nginx": nginx_below_path, "caddy": caddy_below_path}[name]
    async with (
        running_server(
            database, clock, trusted_proxies="127.0.0.1", public_url=PUBLIC
        ) as server,
        running_proxy(
            configure, tmp_path / "proxy", urlsplit(server.url).netloc
        ) as proxy,
        open_session() as session,
    ):
        session.headers["Authorization"] = f"Bearer {TOKEN}"
        api, port = f"{proxy.url}{PREFIX}/api/v1", URL(proxy.url).port

        async def follow(url: str) -> int:
            assert url.startswith(PUBLIC)
            async with session.get(URL(url).with_port(port)) as answer:
                return answer.status

        path = f"{api}/devices/{DEVICE}"
        async with session.post(f"{path}/commands", json=LOAD_USERS) as made:
            assert 200 == await follow(made.headers["Location"])
        async with session.get(f"{api}/commands?limit=1") as listed:
            assert 200 == listed.status
        async with session.post(f"{path}/key") as key:
            url = (await key.json())["url"]
        assert 200 == await follow(f"{url}/push?deviceId={DEVICE}")
        device = await server.get_device()

    assert "127.0.0.1" == device["address"]
