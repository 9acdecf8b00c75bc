"""`pushserver serve --demo`: a server, ten simulated devices, something to look at."""

import os
import secrets
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory

from pushserver.cli.errors import UsageError
from pushserver.first_token import local_address
from pushserver.interrupts import raise_on_interrupt
from pushserver.settings import Settings
from pushserver.settings_loading import load

#: Seconds that the devices may take to finish what they are doing.
_PATIENCE = 5.0


def serve_demo(flags: Mapping[str, object], environ: Mapping[str, str]) -> int:
    """
    Run a server over a database of its own, which goes with it.

    Raises:
        UsageError: another database is named, or the port is left open.
        Misconfigured: a setting is wrong, or another server has the port.
    """
    if flags.get("database") or environ.get("PUSHSERVER_DATABASE"):
        raise UsageError(
            "--demo has a database of its own; leave --database and"
            " PUSHSERVER_DATABASE out"
        )
    token = environ.get("PUSHSERVER_ADMIN_TOKEN") or f"pst_{secrets.token_urlsafe(24)}"
    raise_on_interrupt()
    with TemporaryDirectory(prefix="pushserver-demo-") as folder:
        own = {"PUSHSERVER_ADMIN_TOKEN": token}
        database = f"sqlite:///{Path(folder) / 'demo.db'}"
        settings = load({**flags, "database": database}, {**environ, **own})
        if not settings.port:
            raise UsageError("--demo needs a port, so that its devices find the server")
        _refuse_taken_port(settings)
        from pushserver.supervisor import serve  # noqa: PLC0415 - help does without

        address = local_address(settings)
        _print_how_to_sign_in(address, token)
        with _devices(address, token):
            return serve(settings)


def _refuse_taken_port(settings: Settings) -> None:
    """
    Start nothing where another server listens: the devices would go to that one.

    Raises:
        Misconfigured: one does.
    """
    from pushserver.listening import listen_error  # noqa: PLC0415 - help does without

    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    try:
        socket.create_server((settings.host, settings.port), family=family).close()
    except OSError as error:
        raise listen_error(settings, error) from error


def _print_how_to_sign_in(address: str, token: str) -> None:
    from pushserver.cli.demo_scene import FIRST_ID  # noqa: PLC0415 - help does without

    sys.stdout.write(
        f"Open   {address}/console\n"
        f"Token  {token}\n"
        f"Door   {address}/console/send?device={FIRST_ID} opens one with Send.\n"
        "Ten simulated devices poll this server. Ctrl-C ends all of it, and deletes its"
        " database.\n"
    )
    sys.stdout.flush()


@contextmanager
def _devices(address: str, token: str) -> Iterator[None]:
    """
    Let the devices poll during the block, in a process of their own.

    It ends when its standard input does: also when this process is killed.
    """
    process = subprocess.Popen(  # noqa: S603 - it is this very program
        [sys.executable, "-m", "pushserver.cli.demo_scene", address],
        env={**os.environ, "PUSHSERVER_TOKEN": token},
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        start_new_session=True,  # Ctrl-C is for the server, which stops first
    )
    try:
        yield
    finally:
        assert process.stdin is not None  # noqa: S101 - it is a pipe
        process.stdin.close()
        with suppress(subprocess.TimeoutExpired):
            process.wait(_PATIENCE)
        process.kill()
        process.wait()
