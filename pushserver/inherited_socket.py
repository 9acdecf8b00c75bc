"""A listening socket that is handed over: by our supervisor, or by systemd."""

import os
import socket
from collections.abc import Mapping

from pushserver.errors import Misconfigured

#: A supervisor passes its workers the listening socket; this has its file's number.
SOCKET_FD_VARIABLE = "PUSHSERVER_SOCKET_FILE"
#: The first file that a socket unit of systemd hands over; see `sd_listen_fds`.
_FIRST_ACTIVATED_FD = 3


def inherited_socket(environ: Mapping[str, str]) -> socket.socket | None:
    """
    Return the socket that was handed over, if there is one; whoever gets it owns it.

    Raises:
        Misconfigured: several were, or what was is not one to listen at.
    """
    fd = _inherited_fd(environ)
    if fd is None:
        return None
    try:
        os.set_inheritable(fd, False)
        inherited = socket.socket(fileno=fd)
    except OSError as error:
        raise Misconfigured(f"The file {fd} is no socket: {error.strerror}.") from None
    if inherited.type != socket.SOCK_STREAM:
        raise Misconfigured("The socket that was handed over is no ListenStream.")
    return inherited


def inherited_address(environ: Mapping[str, str]) -> dict[str, object]:
    """
    Return HOST and PORT as the socket has them; nothing for a Unix socket, or none.

    Raises:
        Misconfigured: as `inherited_socket` does.
    """
    inherited = inherited_socket(environ)
    if inherited is None:
        return {}
    name = inherited.getsockname()
    # The server opens it once more.
    inherited.detach()
    return {} if isinstance(name, str) else {"host": name[0], "port": name[1]}


def _inherited_fd(environ: Mapping[str, str]) -> int | None:
    if SOCKET_FD_VARIABLE in environ:
        return int(environ[SOCKET_FD_VARIABLE])
    # Children of a program that was handed sockets inherit these variables, too.
    if environ.get("LISTEN_PID") != str(os.getpid()):
        return None
    if environ.get("LISTEN_FDS") != "1":
        raise Misconfigured(
            f"{environ.get('LISTEN_FDS')} sockets were handed over, and one is taken:"
            " have one ListenStream= in the socket unit."
        )
    return _FIRST_ACTIVATED_FD
