"""The description that clients are made of, and the program that they call."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from pushserver.web.api import ROUTES
from pushserver.web.api.openapi.document import document
from tests.clients.answering_device import AnsweringDevice
from tests.clients.tools import run
from tests.program import Program


@pytest.fixture(name="description", scope="session")
def _description(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the API's description as a file."""
    path = tmp_path_factory.mktemp("description") / "pushserver.json"
    path.write_text(json.dumps(document(ROUTES)))
    return path


@pytest.fixture(name="answered")
def _answered(tmp_path: Path) -> Iterator[Program]:
    """Return the program, with a device that answers whatever it is given."""
    program = Program(tmp_path)
    # A held poll ends when the program is asked to stop, and the device with it.
    program.start(hold=1)
    with AnsweringDevice(program.url):
        yield program
    program.stop()


@pytest.fixture(name="node_modules", scope="session")
def _node_modules(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with what `package.json` names, installed."""
    folder = tmp_path_factory.mktemp("node")
    for name in ("package.json", "package-lock.json"):
        (folder / name).write_text((Path(__file__).parent / name).read_text())
    run(["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"], folder)
    return folder / "node_modules"
