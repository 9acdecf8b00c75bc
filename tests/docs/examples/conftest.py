"""A fresh folder with the program in it, and a terminal, for the examples of a page."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from tests.docs.examples import launcher
from tests.docs.examples.blocks import ROOT, blocks_of
from tests.docs.examples.hook import hook
from tests.docs.examples.rewriting import Addresses, reserved_port
from tests.docs.examples.terminal import Terminal
from tests.docs.examples.walk import Walk
from tests.postgres import database_without_tables, empty_database


@pytest.fixture(name="launcher", scope="session")
def _launcher() -> Iterator[str]:
    """The address of what runs `pushserver`."""
    with tempfile.TemporaryDirectory() as folder:
        address = f"{folder}/launcher"
        process = subprocess.Popen(  # noqa: S603 - the tests' own command
            [sys.executable, "-m", launcher.__name__, address],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        with process:
            assert process.stdout
            assert b"listening\n" == process.stdout.readline()
            yield address


@pytest.fixture(name="walk")
def _walk(
    tmp_path: Path, launcher: str, request: pytest.FixtureRequest
) -> Iterator[Walk]:
    """A fresh folder with the program in it, and a terminal."""
    _install(tmp_path, launcher)
    with ExitStack() as stack:
        port, other_port, receiver_port = (
            stack.enter_context(reserved_port()) for _ in range(3)
        )
        database, restored = stack.enter_context(_databases(request.param))
        addresses = Addresses(
            folder=tmp_path,
            port=port,
            other_port=other_port,
            receiver_port=receiver_port,
            hook=stack.enter_context(hook()),
            database=database,
            restored=restored,
        )
        terminal = Terminal(tmp_path, _environ(tmp_path, addresses))
        stack.callback(terminal.close)
        yield Walk(terminal, addresses)


@contextmanager
def _databases(page: Path) -> Iterator[tuple[str, str]]:
    """The addresses of two empty PostgreSQLs, if the page has commands for them."""
    if not any("postgresql:" in each.text for each in blocks_of(page)):
        yield "", ""
        return
    database = empty_database()
    with database_without_tables(database) as restored:
        yield database, restored


def _install(folder: Path, address: str) -> None:
    """Make the folder look like the project's, after `scripts/serve` has set it up."""
    programs = folder / ".venv/bin"
    programs.mkdir(parents=True)
    (folder / "scripts").mkdir()
    client = launcher.CLIENT.format(python=sys.executable, address=address)
    for path, text in (
        (programs / "pushserver", client),
        (
            folder / "scripts/serve",
            f'#!/bin/sh\nexec {programs}/pushserver serve "$@"\n',
        ),
    ):
        path.write_text(text)
        path.chmod(0o755)
    (programs / "python").symlink_to(sys.executable)


def _environ(folder: Path, addresses: Addresses) -> dict[str, str]:
    environ = {k: v for k, v in os.environ.items() if "PUSHSERVER_" not in k}
    return environ | {
        "PATH": f"{folder / '.venv/bin'}:{os.environ['PATH']}",
        "PYTHONPATH": str(ROOT),
        "HOME": str(folder),
        "TERM": "xterm",
        "NO_COLOR": "1",
        "PORT": str(addresses.receiver_port),
        "PUSHSERVER_PORT": str(addresses.port),
        "PUSHSERVER_SERVER": addresses.server,
        "PUSHSERVER_WEBHOOK_ALLOW_NETWORKS": "127.0.0.0/8",
    }
