"""`pushserver settings`: values, where they came from, and no secret."""

import json
from pathlib import Path
from typing import Any

import attrs
import pytest

from pushserver.cli import main
from pushserver.cli.settings import mask_passwords
from pushserver.settings import Settings

HUSH = "hush-hush-and-more-of-it"


def read(
    capsys: pytest.CaptureFixture[str], environ: dict[str, str]
) -> dict[str, dict[str, Any]]:
    """Return each setting by its name, as JSON has it."""
    assert 0 == main(["--json", "settings"], environ)
    rows = map(json.loads, capsys.readouterr().out.splitlines())
    return {row.pop("name"): row for row in rows}


def test_every_setting(capsys: pytest.CaptureFixture[str]) -> None:
    """
    Each setting is there with its value, its unit and its origin, without a server.
    """
    rows = read(capsys, {"PUSHSERVER_RETENTION": "2w", "PUSHSERVER_PORT": "9"})

    assert {field.name for field in attrs.fields(Settings)} == set(rows)
    origin = "PUSHSERVER_RETENTION"
    assert {"value": 14, "unit": "d", "origin": origin} == rows["retention"]
    assert {"value": 9, "origin": "PUSHSERVER_PORT"} == rows["port"]
    assert {"value": 5, "unit": "s", "origin": "default"} == rows["grace"]


@pytest.mark.parametrize("flags", [[], ["--json"]])
def test_secrets_are_masked(
    flags: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """
    No secret is printed, wherever it came from; what is no secret of an address is.
    """
    file = tmp_path / "token"
    file.write_text(HUSH)
    environ = {
        "PUSHSERVER_DATABASE": f"postgresql://joe:{HUSH}@db.example/fleet",
        "PUSHSERVER_ADMIN_TOKEN_FILE": str(file),
    }

    assert 0 == main([*flags, "settings"], environ)
    printed = capsys.readouterr().out
    assert HUSH not in printed
    assert "postgresql://joe:***@db.example/fleet" in printed
    assert "PUSHSERVER_ADMIN_TOKEN_FILE" in printed


def test_for_people(capsys: pytest.CaptureFixture[str]) -> None:
    """
    A table has durations with their unit, and says what is not set.
    """
    assert 0 == main(["settings"], {"PUSHSERVER_AUDIT_RETENTION": "12 weeks"})
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]

    assert ["audit_retention", "84", "d", "PUSHSERVER_AUDIT_RETENTION"] in lines
    assert ["device_keys", "not", "set", "default"] in lines


def test_wrong_setting(capsys: pytest.CaptureFixture[str]) -> None:
    """
    What would keep a server from starting is said in one line.
    """
    assert 1 == main(["settings"], {"PUSHSERVER_PORT": "-1"})
    printed = capsys.readouterr()

    assert "" == printed.out
    assert "port must be from 0 to 65535 (PUSHSERVER_PORT)" in printed.err


@pytest.mark.parametrize(
    ("url", "masked"),
    [
        ("sqlite:////srv/a@b.db", "sqlite:////srv/a@b.db"),
        ("postgresql://h/db", "postgresql://h/db"),
        ("postgresql://joe@h/db", "postgresql://joe@h/db"),
        ("postgresql://joe:a:b@c@h/db", "postgresql://joe:***@h/db"),
        ("postgresql://h/db?password=x&a=1", "postgresql://h/db?password=***&a=1"),
    ],
)
def test_mask(url: str, masked: str) -> None:
    """
    A database's address keeps all but its passwords.
    """
    assert masked == mask_passwords(url)


def test_token_of_a_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """
    The token of the other commands can be in a file, too: one that is not there is
    named.
    """
    nowhere = str(tmp_path / "nowhere")

    assert 1 == main(["devices"], {"PUSHSERVER_TOKEN_FILE": nowhere})
    assert nowhere in capsys.readouterr().err
