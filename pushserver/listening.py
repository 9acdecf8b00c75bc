"""Where the server listens: at its own address, or on an inherited socket."""

import asyncio
import os
import socket

from aiohttp import web

from pushserver.errors import Misconfigured
from pushserver.settings import Settings

#: A supervisor passes its workers the listening socket, and one end of a socket pair: a
#: worker writes a byte once it listens, and reads end of file when the supervisor is
#: gone. The environment holds the numbers of both files.
SOCKET_FD_VARIABLE = "PUSHSERVER_SOCKET_FILE"
SUPERVISOR_FD_VARIABLE = "PUSHSERVER_KEEPER_FILE"
BACKLOG = 1024


async def listen(runner: web.AppRunner, settings: Settings) -> str:
    """
    Start listening, and return the URL.

    Raises:
        Misconfigured: the address is not available.
    """
    socket_fd = os.environ.get(SOCKET_FD_VARIABLE)
    site: web.BaseSite = web.TCPSite(
        runner, settings.host, settings.port, backlog=BACKLOG
    )
    if socket_fd is not None:
        site = web.SockSite(
            runner, socket.socket(fileno=int(socket_fd)), backlog=BACKLOG
        )
    try:
        await site.start()
    except OSError as error:
        raise listen_error(settings, error) from error
    supervisor_fd = os.environ.get(SUPERVISOR_FD_VARIABLE)
    if supervisor_fd is not None:
        os.write(int(supervisor_fd), b"!")
    host, port = runner.addresses[0][:2]
    return f"http://{host}:{port}"


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
