"""Where the server listens: at its own address, or on a socket that was handed in."""

import os
import socket

from aiohttp import web

from pushserver.errors import Misconfigured
from pushserver.settings import Settings

#: Who starts several servers hands them a listening socket, and a pipe in which they
#: tell that they listen: the numbers of these files are in the environment.
SOCKET = "PUSHSERVER_SOCKET_FILE"
READY = "PUSHSERVER_READY_FILE"
BACKLOG = 1024


async def listen(runner: web.AppRunner, settings: Settings) -> str:
    """
    Begin to listen; return the URL.

    Raises:
        Misconfigured: the address cannot be had.
    """
    handed = os.environ.get(SOCKET)
    site: web.BaseSite = web.TCPSite(
        runner, settings.host, settings.port, backlog=BACKLOG
    )
    if handed is not None:
        site = web.SockSite(runner, socket.socket(fileno=int(handed)), backlog=BACKLOG)
    try:
        await site.start()
    except OSError as error:
        raise cannot_listen(settings, error) from error
    ready = os.environ.get(READY)
    if ready is not None:
        os.write(int(ready), b"!")
    host, port = runner.addresses[0][:2]
    return f"http://{host}:{port}"


def cannot_listen(settings: Settings, error: OSError) -> Misconfigured:
    """Return the error of an address that cannot be had."""
    return Misconfigured(
        f"Cannot listen on {settings.host}:{settings.port}: {error.strerror}."
    )
