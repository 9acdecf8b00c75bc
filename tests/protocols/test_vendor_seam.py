"""What adding a vendor takes: a folder under `protocols`, and a line where all is put
together.
"""

import ast
import tomllib
from pathlib import Path

from pushserver.composition import PROTOCOLS

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "pushserver"
VENDORS = sorted(
    folder.name
    for folder in (PACKAGE / "protocols").iterdir()
    if folder.is_dir() and not folder.name.startswith("_")
)
COMPOSITION = PACKAGE / "composition.py"


def imported_modules(file: Path) -> set[str]:
    """Return the modules that a file imports from."""
    tree = ast.parse(file.read_text("utf-8"))
    return {n.module or "" for n in ast.walk(tree) if isinstance(n, ast.ImportFrom)} | {
        alias.name
        for n in ast.walk(tree)
        if isinstance(n, ast.Import)
        for alias in n.names
    }


def files_naming(vendor: str) -> list[str]:
    """Return the files outside of the vendor's folder that import from it."""
    folder = f"pushserver.protocols.{vendor}"
    return [
        str(file.relative_to(PACKAGE))
        for file in sorted(PACKAGE.rglob("*.py"))
        if (PACKAGE / "protocols" / vendor) not in file.parents
        and any(name.startswith(folder) for name in imported_modules(file))
    ]


def test_one_import() -> None:
    """
    The composition root alone imports a vendor's folder.
    """
    assert ["controlid"] == VENDORS
    assert {vendor: ["composition.py"] for vendor in VENDORS} == {
        vendor: files_naming(vendor) for vendor in VENDORS
    }


def test_one_line() -> None:
    """
    There it is named once besides its import: in the tuple of what is served.
    """
    text = COMPOSITION.read_text("utf-8")
    served = next(line for line in text.splitlines() if line.startswith("PROTOCOLS"))

    for protocol in PROTOCOLS:
        name = type(protocol).__name__
        assert f"{name}()" in served
        assert 2 == text.count(name), "an import, and a place in the tuple"


def test_a_folder_for_each_that_is_served() -> None:
    """
    Every folder is served, under the name that its devices are stored with.
    """
    assert VENDORS == sorted(protocol.name for protocol in PROTOCOLS)


def test_several_commands_are_told_apart() -> None:
    """
    Where an answer carries several commands, each delivery has a uuid of its own.
    """
    for protocol in PROTOCOLS:
        assert protocol.max_commands == 1 or protocol.labels_deliveries


def test_what_protocols_import() -> None:
    """
    Protocols know the model, the errors and the seam, and nothing else of ours.
    """
    allowed = ("pushserver.model.", "pushserver.errors", "pushserver.protocols.")
    for file in sorted((PACKAGE / "protocols").rglob("*.py")):
        ours = {n for n in imported_modules(file) if n.startswith("pushserver.")}
        assert set() == {n for n in ours if not n.startswith(allowed)}, file


def test_the_import_contract_says_so() -> None:
    """
    The contract that import-linter checks names the composition root alone.
    """
    config = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    contracts = {c["id"]: c for c in config["tool"]["importlinter"]["contracts"]}

    assert ["pushserver.composition"] == contracts["protocols"]["allowed_importers"]
