"""Blocks, and commands in them, that cannot run here: why, and how they are checked."""

import json
import re
import tomllib
from collections.abc import Callable

from tests.docs.examples.blocks import ROOT, Block
from tests.docs.examples.event_bodies import are_described


def _is_json(text: str) -> None:
    assert json.loads(text if text.startswith("{") else f"{{{text}}}")


#: What `--wait` says of a device.
_PHRASES = (" last seen ", "polls about every ")


def _is_said_by_postgres(text: str) -> None:
    assert {"pg_dump", "pg_restore"} == set(re.findall(r"^\w+", text, re.MULTILINE))


def _scripts_exist(text: str) -> None:
    for script in re.findall(r"^scripts/\w+", text, re.MULTILINE):
        assert (ROOT / script).is_file(), script


def _files_exist(text: str) -> None:
    files = re.findall(r"\b(?:deploy|scripts)/[\w./]+", text)

    assert files
    assert [] == [file for file in files if not (ROOT / file).exists()]


def _bodies_are_json(text: str) -> None:
    bodies = re.findall(r"-d '([^']+)'", text)

    assert bodies
    for body in bodies:
        json.loads(body)


def _paths_exist(text: str) -> None:
    named = re.findall(r"^(  )?(\w+\.py|\w+/|\w+\.sql)", text, re.MULTILINE)
    missing = [
        name
        for indent, name in named
        if not (ROOT / ("pushserver" if indent else "") / name).exists()
    ]

    assert named
    assert [] == missing


def _are_the_layers(text: str) -> None:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    contracts = settings["tool"]["importlinter"]["contracts"]
    layers = next(each["layers"] for each in contracts if each["id"] == "layers")

    assert layers == [line.split("  ")[0].rstrip() for line in text.splitlines()]


def _is_an_event_that_is_logged(text: str) -> None:
    event = json.loads(text)["event"]
    sources = (ROOT / "pushserver").rglob("*.py")

    assert any(f'"{event}"' in source.read_text("utf-8") for source in sources)


def _are_lines_that_are_logged(text: str) -> None:
    for line in text.splitlines()[1:]:
        _is_an_event_that_is_logged(line)


def _installs_an_extra(text: str) -> None:
    (extra,) = re.findall(r"pushserver\[(\w+)\]", text)
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]

    assert extra in project["optional-dependencies"]


def _is_said_while_waiting(text: str) -> None:
    source = (ROOT / "pushserver/cli/outlook.py").read_text("utf-8")

    assert [] == [each for each in _PHRASES if each not in text or each not in source]


#: The page, how the block begins, why it does not run, and what is looked at instead.
NOT_RUN: tuple[tuple[str, str, str, Callable[[str], None]], ...] = (
    (
        "README.md",
        "scripts/test",
        "It runs this test.",
        _scripts_exist,
    ),
    (
        "CONTRIBUTING.md",
        "scripts/test",
        "They run all tests, or take minutes.",
        _scripts_exist,
    ),
    (
        "docs/configure-your-device.md",
        "curl -s http://DEVICE/login.fcgi",
        "It talks to a real device.",
        _bodies_are_json,
    ),
    (
        "docs/operating.md",
        "pg_dump ",
        "It takes a pg_dump that is as new as the PostgreSQL of the tests.",
        _is_said_by_postgres,
    ),
    (
        "docs/operating.md",
        "python3 -m venv /opt/pushserver",
        "It changes the machine; tests/deploy asks systemd about the units.",
        _files_exist,
    ),
    (
        "docs/operating.md",
        "scripts/release",
        "It takes Docker; tests/deploy tries the steps of the image.",
        _files_exist,
    ),
    (
        "docs/operating.md",
        "pip install 'pushserver[otel]'",
        "It installs packages; tests/test_otel.py starts a server with them.",
        _installs_an_extra,
    ),
    (
        "docs/api.md",
        "curl -s $S/openapi.json -o pushserver.json",
        "Generating a client takes longer than all pages; tests/clients does it.",
        _scripts_exist,
    ),
)

#: The same of text and JSON that no command prints.
NOT_PRINTED: tuple[tuple[str, str, str, Callable[[str], None]], ...] = (
    ("CONTRIBUTING.md", "schema.sql ", "It says where what is.", _paths_exist),
    ("CONTRIBUTING.md", "cli\n", "They are the layers of imports.", _are_the_layers),
    (
        "docs/command-line.md",
        "382478930222776321 PENDING",
        "It stands there for a moment; tests/cli/test_enqueue_live.py reads it.",
        _is_said_while_waiting,
    ),
    ("docs/operations.md", '"failures": [', "It is a part of a task.", _is_json),
    (
        "docs/operations.md",
        '{"deviceId": "478435", "subOperationId"',
        "It is a part of a list.",
        _is_json,
    ),
    ("docs/webhooks.md", "{", "Receivers get it.", are_described),
    ("docs/upgrades.md", '{"notifyType"', "Receivers get it.", are_described),
    (
        "docs/operating.md",
        '{"event": "schema.migrated"',
        "It is logged; tests/e2e/test_schema.py has an older file.",
        _is_an_event_that_is_logged,
    ),
    (
        "docs/operating.md",
        "$ journalctl -u pushserver -o cat | grep",
        "systemd keeps it; tests/web/api/test_traces.py reads such lines.",
        _are_lines_that_are_logged,
    ),
)


def not_run(block: Block) -> Callable[[str], None] | None:
    """Return how a block of commands is checked if it cannot run."""
    return _find(block, NOT_RUN)


def not_printed(block: Block) -> Callable[[str], None] | None:
    """Return how a block is checked if no command prints it."""
    return _find(block, NOT_PRINTED)


def _find(
    block: Block, listed: tuple[tuple[str, str, str, Callable[[str], None]], ...]
) -> Callable[[str], None] | None:
    for page, beginning, _, check in listed:
        if block.page == page and block.text.startswith(beginning):
            return check
    return None
