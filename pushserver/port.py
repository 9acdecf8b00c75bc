"""Where the server listens: at its own address, or on a socket that was handed in."""

import asyncio
import os
import socket

from aiohttp import web

from pushserver.errors import Misconfigured
from pushserver.settings import Settings

#: Who starts several servers hands them a listening socket, and a line on which they
#: tell that they listen, and hear that nobody looks after them any more: the numbers of
#: these files are in the environment.
SOCKET = "PUSHSERVER_SOCKET_FILE"
KEEPER = "PUSHSERVER_KEEPER_FILE"
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
    keeper = os.environ.get(KEEPER)
    if keeper is not None:
        os.write(int(keeper), b"!")
    host, port = runner.addresses[0][:2]
    return f"http://{host}:{port}"


def stop_with_keeper(stop: asyncio.Event) -> None:
    """
    Set *stop* when whoever started several servers is gone, without a signal.

    A server that nobody looks after would keep the port from those that follow.
    """
    keeper = os.environ.get(KEEPER)
    if keeper is None:
        return
    loop, line = asyncio.get_running_loop(), int(keeper)

    def hear() -> None:
        loop.remove_reader(line)
        stop.set()

    # Nothing is ever said on it: it can be read when it has ended.
    loop.add_reader(line, hear)


def cannot_listen(settings: Settings, error: OSError) -> Misconfigured:
    """Return the error of an address that cannot be had."""
    return Misconfigured(
        f"Cannot listen on {settings.host}:{settings.port}: {error.strerror}."
    )
