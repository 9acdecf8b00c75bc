"""The client that openapi-python-client makes."""

import sys
from pathlib import Path

from tests.clients.answering_device import DEVICE
from tests.clients.tools import JOURNEYS, run
from tests.program import Program

#: That tool knows neither NDJSON nor CSV as bodies, and leaves out this one call.
LEFT_OUT = "POST /api/v1/devices/import"


def test_openapi_python_client(
    description: Path, answered: Program, tmp_path: Path
) -> None:
    """
    It is made without a doubt, but of the import of files, and a program works with it.
    """
    folder = tmp_path / "pushserver_client"
    tool = [sys.executable, "-m", "openapi_python_client", "generate", "--meta", "none"]
    said = run([*tool, "--path", description, "--output-path", folder], tmp_path)
    journey = JOURNEYS / "openapi_python_client.py"

    assert [
        f"WARNING parsing {LEFT_OUT} within devices. Endpoint will not be generated."
    ] == [line for line in said.splitlines() if "WARNING" in line]
    run(
        [sys.executable, journey, answered.url, answered.token, DEVICE],
        tmp_path,
        {"PYTHONPATH": str(tmp_path)},
    )
