"""Where the first token goes when nobody sits at a terminal."""

import io
import shlex
import sys
from pathlib import Path

import pytest

from pushserver.cli import build_app
from pushserver.cli.enqueue import expand_wait_flag
from pushserver.first_token import first_token_path, show_first_token
from pushserver.settings_loading import load


@pytest.mark.parametrize(
    ("database", "path"),
    [
        ("sqlite:////var/lib/doors.db", "/var/lib/doors.db.admin-token"),
        ("sqlite:///doors.db", "doors.db.admin-token"),
        ("postgresql://doors@db.example/doors", "pushserver.admin-token"),
    ],
)
def test_beside_the_database(database: str, path: str) -> None:
    """It is beside the file; a PostgreSQL is nowhere, so it is where we are."""
    assert Path(path) == first_token_path(load({"database": database}, {}))


class Screen(io.StringIO):
    """What a terminal has shown."""

    def isatty(self) -> bool:
        """Return that it is one."""
        return True


def shown(**settings: object) -> list[str]:
    """Return the lines that a first start shows at a terminal."""
    screen = Screen()
    assert show_first_token("pst_x", load(settings, {}), screen) is None
    return screen.getvalue().splitlines()


@pytest.mark.parametrize("keys", ["optional", "required"])
def test_first_steps(monkeypatch: pytest.MonkeyPatch, keys: str) -> None:
    """
    At a terminal come the next three commands, with the address, the token and the
    program as it was called; each is one that the program understands.
    """
    monkeypatch.setattr(sys, "argv", ["/opt/push server/bin/pushserver"])
    token, _, first, *steps = shown(host="::", port=9000, device_keys=keys)

    assert "admin token: pst_x (shown once; keep it)" == token
    assert (
        "  export PUSHSERVER_SERVER=http://[::1]:9000 PUSHSERVER_TOKEN=pst_x" == first
    )
    for step in steps:
        program, *words = shlex.split(step.removesuffix(" &"))
        assert "/opt/push server/bin/pushserver" == program
        words = expand_wait_flag(words)
        build_app().parse_args(words, exit_on_error=False, print_error=False)
    assert 2 == len(steps)


def test_no_address() -> None:
    """
    Where the port is any that is free, nobody knows the address yet.
    """
    assert 1 == len(shown(port=0))
