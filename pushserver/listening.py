"""Where the server listens: at its own address, or on an inherited socket."""

import asyncio
import os
import resource
import socket
from pathlib import Path
from typing import TYPE_CHECKING

from pushserver.errors import Misconfigured
from pushserver.inherited_socket import inherited_socket
from pushserver.settings import Settings

# It is loaded by what serves: a start that cannot work ends sooner without.
if TYPE_CHECKING:
    from pushserver.web.server import Runner

#: A supervisor passes its workers one end of a socket pair: a worker writes a byte once
#: it listens, and reads end of file when the supervisor is gone. This has its number.
SUPERVISOR_FD_VARIABLE = "PUSHSERVER_KEEPER_FILE"
#: Where a worker tells the others its numbers.
METRICS_SOCKET_VARIABLE = "PUSHSERVER_METRICS_SOCKET"
BACKLOG = 1024


#: The least for a server: some 25 of its own, and a few connections.
MIN_OPEN_FILES = 64


def raise_open_file_limit() -> None:
    """
    Raise the limit of open files to its maximum.

    Raises:
        Misconfigured: it would start, and have no file left for a connection.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard < MIN_OPEN_FILES:
        raise Misconfigured(
            f"At most {hard} files may be open, and the server needs {MIN_OPEN_FILES}:"
            " raise the limit (ulimit -n, or systemd's LimitNOFILE)."
        )
    if soft < hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


async def listen(runner: "Runner", settings: Settings) -> str:
    """
    Start listening, at the inherited socket if there is one, and return the URL.

    Raises:
        Misconfigured: the address is not available.
    """
    from aiohttp import web  # noqa: PLC0415

    inherited = inherited_socket(os.environ)
    listeners = [inherited] if inherited is not None else await _bind(settings)
    for each in listeners:
        await web.SockSite(runner, each, backlog=BACKLOG).start()
    runner.accept_together(listeners)
    supervisor_fd = os.environ.get(SUPERVISOR_FD_VARIABLE)
    if supervisor_fd is not None:
        os.write(int(supervisor_fd), b"!")
    address = runner.addresses[0]
    if isinstance(address, str):
        return f"unix:{address}"
    host, port = address[:2]
    return f"http://{host}:{port}"


async def _bind(settings: Settings) -> list[socket.socket]:
    """Return a socket at each address that the host has."""
    loop = asyncio.get_running_loop()
    try:
        server = await loop.create_server(
            asyncio.Protocol, settings.host, settings.port, start_serving=False
        )
    except OSError as error:
        raise listen_error(settings, error) from error
    try:
        return [socket.socket(fileno=os.dup(s.fileno())) for s in server.sockets]
    finally:
        server.close()


def metrics_socket() -> Path | None:
    """Return where this worker tells others its numbers; None: it is alone."""
    path = os.environ.get(METRICS_SOCKET_VARIABLE)
    return None if path is None else Path(path)


def stop_with_supervisor(stop: asyncio.Event) -> None:
    """
    Set *stop* when the supervisor is gone without having sent a signal.

    A worker that outlives its supervisor would block the port for its successors.
    """
    supervisor_fd = os.environ.get(SUPERVISOR_FD_VARIABLE)
    if supervisor_fd is None:
        return
    loop, fd = asyncio.get_running_loop(), int(supervisor_fd)

    def on_end_of_file() -> None:
        loop.remove_reader(fd)
        stop.set()

    # The supervisor never writes, so readable means end of file.
    loop.add_reader(fd, on_end_of_file)


def listen_error(settings: Settings, error: OSError) -> Misconfigured:
    """Return the error for an address that is not available."""
    return Misconfigured(
        f"Cannot listen on {settings.host}:{settings.port}: {error.strerror}."
    )
