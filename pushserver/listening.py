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
SOCKET_FD_VARIABLE = "PUSHSERVER_SOCKET_FILE"
SUPERVISOR_FD_VARIABLE = "PUSHSERVER_KEEPER_FILE"
BACKLOG = 1024


async def listen(runner: web.AppRunner, settings: Settings) -> str:
    """
    Begin to listen; return the URL.

    Raises:
        Misconfigured: the address cannot be had.
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
    Set *stop* when whoever started several servers is gone, without a signal.

    A server that nobody looks after would keep the port from those that follow.
    """
    supervisor_fd = os.environ.get(SUPERVISOR_FD_VARIABLE)
    if supervisor_fd is None:
        return
    loop, fd = asyncio.get_running_loop(), int(supervisor_fd)

    def on_end_of_file() -> None:
        loop.remove_reader(fd)
        stop.set()

    # Nothing is ever said on it: it can be read when it has ended.
    loop.add_reader(fd, on_end_of_file)


def listen_error(settings: Settings, error: OSError) -> Misconfigured:
    """Return the error of an address that cannot be had."""
    return Misconfigured(
        f"Cannot listen on {settings.host}:{settings.port}: {error.strerror}."
    )
