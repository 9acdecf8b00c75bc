"""Runs `pushserver` by forking a process that has imported it already.

The command `pushserver` on the path of the examples hands its files, arguments, folder
and environment to this one, and ends as the fork does: a tenth of the time.
"""

import json
import os
import select
import signal
import socket
import sys
from contextlib import suppress
from importlib import import_module
from typing import Any

from pushserver.cli import COMMANDS
from tests.forked import IMPORTS

#: The command on the path: sends what it was given, then waits; Ctrl-C and SIGTERM go
#: on to the fork.
CLIENT = """\
#!{python} -IS
import json, os, signal, socket, sys

server = socket.socket(socket.AF_UNIX)
server.connect("{address}")
request = {{"argv": sys.argv[1:], "folder": os.getcwd(), "environ": dict(os.environ)}}
text = json.dumps(request).encode()
socket.send_fds(server, [b"%16d" % len(text)], [0, 1, 2])
server.sendall(text)
pid = int(server.recv(16))
for number in signal.SIGINT, signal.SIGTERM, signal.SIGHUP:
    signal.signal(number, lambda number, frame: os.kill(pid, number))
sys.exit(int(server.recv(16)))
"""


def serve(address: str) -> None:
    """
    Fork for each command that comes, until whoever started this one is gone.

    Then everything that was forked goes, too.
    """
    os.setsid()
    commands = [module.partition(":")[0] for module, _ in COMMANDS.values()]
    commands = [f"pushserver.cli.{each}" for each in commands]
    for module in (*IMPORTS, *commands, "tests.frozen"):
        import_module(module)
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(address)
    listener.listen()
    sys.stdout.write("listening\n")
    sys.stdout.flush()
    while sys.stdin not in select.select([listener, sys.stdin], [], [])[0]:
        connection, _ = listener.accept()
        with suppress(ChildProcessError):
            while os.waitpid(-1, os.WNOHANG) != (0, 0):
                pass
        if os.fork() == 0:
            listener.close()
            _attend(connection)
        connection.close()
    os.killpg(0, signal.SIGKILL)


def _attend(connection: socket.socket) -> None:
    """Run one command in a fork of its own, and tell its client how it ended."""
    header, files, _, _ = socket.recv_fds(connection, 16, 3)
    text = connection.makefile("rb").read(int(header))
    child = os.fork()
    if child == 0:
        _run(connection, files, json.loads(text))
    for file in files:
        os.close(file)
    connection.sendall(b"%16d" % child)
    status = _wait(child, connection)
    with suppress(BrokenPipeError):
        connection.sendall(b"%16d" % os.waitstatus_to_exitcode(status))
    os._exit(0)


def _wait(child: int, connection: socket.socket) -> int:
    """Wait for the fork; kill it if its client was killed."""
    while (ended := os.waitpid(child, os.WNOHANG)) == (0, 0):
        if select.select([connection], [], [], 0.005)[0]:
            os.kill(child, signal.SIGKILL)
    return ended[1]


def _run(connection: socket.socket, files: list[int], request: dict[str, Any]) -> None:
    """Do what `python -m pushserver` does, with these files and this environment."""
    for number, file in enumerate(files):
        os.dup2(file, number)
    os.chdir(request["folder"])
    os.environ.clear()
    os.environ.update(request["environ"])
    sys.argv[1:] = request["argv"]
    connection.close()
    main = import_module("pushserver.__main__").main
    code = 1
    try:
        code = main()
    except SystemExit as left:
        code = left.code if isinstance(left.code, int) else 1
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


if __name__ == "__main__":
    serve(sys.argv[1])
