"""The real nginx and Caddy, with the files in deploy/ and little else."""

import asyncio
import os
import re
import shutil
import socket
import ssl
import subprocess
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import aiohttp.abc
import attrs
import pytest
from aiohttp.test_utils import unused_port
from yarl import URL

from tests.web.local_server import LocalServer, wait_until

DEPLOY = Path(__file__).parents[3] / "deploy"
#: Its key is in the same file; it is of the host that the files name.
CERTIFICATE = Path(__file__).with_name("server.example.pem")
HOST = "server.example"
#: Where the files say that the server is.
UPSTREAM = "127.0.0.1:8080"
_TLS = ssl.create_default_context(cafile=str(CERTIFICATE))
_NGINX = """\
daemon off;
{user}
worker_processes 1;
pid {folder}/nginx.pid;
error_log {folder}/error.log info;
events {{}}
http {{
    access_log {folder}/access.log;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    include {folder}/pushserver.conf;
}}
"""


@attrs.frozen
class RealProxy:
    """A proxy that runs: `url` is where, and `folder` has whatever it wrote."""

    url: str
    folder: Path

    def in_front_of(
        self, server: LocalServer, session: aiohttp.ClientSession
    ) -> LocalServer:
        """Return *server* as programs and devices see it that come by the proxy."""
        return attrs.evolve(server, url=self.url, session=session)

    @asynccontextmanager
    async def connect(self) -> AsyncIterator[asyncio.StreamWriter]:
        """Open a plain connection, which is cut off in the end."""
        _, writer = await asyncio.open_connection(
            "127.0.0.1", URL(self.url).port, ssl=_TLS, server_hostname=HOST
        )
        try:
            yield writer
        finally:
            writer.transport.abort()

    def written(self) -> str:
        """Return all that it wrote into logs and elsewhere."""
        files = (path for path in self.folder.rglob("*") if path.is_file())
        own = ("pushserver.conf", "Caddyfile", "nginx.conf")
        texts = (path.read_bytes() for path in files if path.name not in own)
        return b"\n".join(texts).decode(errors="replace")


#: Writes the configuration for a port and a server into a folder; returns the command.
Configure = Callable[[Path, int, str], Sequence[str]]


def configure_nginx(
    folder: Path, port: int, upstream: str, *, scale: int = 1
) -> Sequence[str]:
    """Write nginx's files; so many seconds of theirs are one."""
    site = _replaced(
        (DEPLOY / "nginx.conf").read_text("utf-8"),
        {
            "listen 443 ssl;": f"listen 127.0.0.1:{port} ssl;",
            UPSTREAM: upstream,
            "/etc/ssl/server.example.crt": str(CERTIFICATE),
            "/etc/ssl/server.example.key": str(CERTIFICATE),
        },
    )
    site = re.sub(r"\b(\d+)s;", lambda m: f"{int(m[1]) * 1000 // scale}ms;", site)
    (folder / "pushserver.conf").write_text(site)
    # Its workers would be another user's, who may not enter the folder.
    user = "user root;" if os.geteuid() == 0 else ""
    main = folder / "nginx.conf"
    main.write_text(_NGINX.format(folder=folder, user=user))
    log = str(folder / "error.log")
    return [_found("nginx"), "-p", str(folder), "-e", log, "-c", str(main)]


def configure_caddy(folder: Path, port: int, upstream: str) -> Sequence[str]:
    """Write Caddy's file; it logs all that it can."""
    text = _replaced(
        (DEPLOY / "Caddyfile").read_text("utf-8"),
        {
            "\n{\n": "\n{\n\tdebug\n\tadmin off\n\tauto_https disable_redirects\n",
            f"\n{HOST} {{": f"\n{HOST}:{port} {{\n\tbind 127.0.0.1"
            f"\n\ttls {CERTIFICATE} {CERTIFICATE}",
            UPSTREAM: upstream,
        },
    )
    file = folder / "Caddyfile"
    file.write_text(text)
    return [_found("caddy"), "run", "--adapter", "caddyfile", "--config", str(file)]


def _replaced(text: str, changes: dict[str, str]) -> str:
    """Return a file with what a test cannot have changed; each stands in it once."""
    for old, new in changes.items():
        assert 1 == text.count(old), old
        text = text.replace(old, new)
    return text


def _found(name: str) -> str:
    """Return the program; without it, the test cannot run."""
    path = shutil.which(name, path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    if path is not None:
        return path
    text = f"There is no {name} for the tests: apt-get install {name}"
    if os.environ.get("CI"):
        pytest.fail(text)
    pytest.skip(text)


PROXIES: dict[str, Configure] = {"nginx": configure_nginx, "caddy": configure_caddy}


@asynccontextmanager
async def running_proxy(
    configure: Configure, folder: Path, upstream: str
) -> AsyncIterator[RealProxy]:
    """Run a proxy in front of *upstream*, `host:port`, for the length of the block."""
    port = unused_port()
    process = _start(configure, folder, port, upstream)
    try:
        await wait_until(lambda: _is_ready(process, folder, port))
        yield RealProxy(f"https://{HOST}:{port}", folder)
    finally:
        process.terminate()
        process.wait(60)


def _start(
    configure: Configure, folder: Path, port: int, upstream: str
) -> subprocess.Popen[bytes]:
    folder.mkdir()
    command = configure(folder, port, upstream)
    home = {"XDG_DATA_HOME": str(folder), "XDG_CONFIG_HOME": str(folder)}
    with (folder / "output").open("wb") as output:
        return subprocess.Popen(  # noqa: S603 - the tests' own command
            command, stdout=output, stderr=output, env=os.environ | home, cwd=folder
        )


async def _is_ready(process: subprocess.Popen[bytes], folder: Path, port: int) -> bool:
    """Tell whether the proxy listens."""
    if process.poll() is not None:
        raise AssertionError((folder / "output").read_text())
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return False
    writer.close()
    return True


class _Loopback(aiohttp.abc.AbstractResolver):
    """Finds every host on this machine."""

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[aiohttp.abc.ResolveResult]:
        """Return where the host is."""
        return [
            {
                "hostname": host,
                "host": "127.0.0.1",
                "port": port,
                "family": family,
                "proto": 0,
                "flags": socket.AI_NUMERICHOST,
            }
        ]

    async def close(self) -> None:
        """Do nothing: nothing is open."""


@asynccontextmanager
async def open_session(
    address: str = "127.0.0.1",
) -> AsyncIterator[aiohttp.ClientSession]:
    """Return a session of a client at *address* that knows the certificate."""
    connector = aiohttp.TCPConnector(
        ssl=_TLS, local_addr=(address, 0), resolver=_Loopback()
    )
    async with aiohttp.ClientSession(
        connector=connector, auto_decompress=False
    ) as session:
        yield session
