"""What linters of descriptions say of the API's."""

from pathlib import Path

import pytest

from tests.clients.tools import needs, run

pytestmark = [pytest.mark.proof, needs("node", "npm")]


def test_redocly(description: Path, node_modules: Path, tmp_path: Path) -> None:
    """
    Redocly's recommended rules find no error and nothing to warn of.
    """
    tool = node_modules / ".bin/redocly"

    said = run([tool, "lint", "--extends=recommended", description], tmp_path)

    assert "Your API description is valid" in said
    assert "warning" not in said.replace("Deprecation warning", "")


def test_spectral(description: Path, node_modules: Path, tmp_path: Path) -> None:
    """
    Spectral's rules for OpenAPI find no error and nothing to warn of.
    """
    (tmp_path / "rules.yaml").write_text('extends: ["spectral:oas"]\n')
    tool = node_modules / ".bin/spectral"

    run(
        [tool, "lint", "--fail-severity=hint", "-r", "rules.yaml", description],
        tmp_path,
    )
