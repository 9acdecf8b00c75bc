"""CONTRIBUTING's pictures: where things are, and who imports whom."""

import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "CONTRIBUTING.md").read_text("utf-8")


def picture(begin: str) -> list[str]:
    """Return the lines of the block that begins with a word."""
    (found,) = re.findall(rf"^```text\n({begin}\b.*?)^```$", PAGE, re.M | re.S)
    return str(found).splitlines()


def test_imports() -> None:
    """
    The picture of imports has the layers that are checked, in their order.
    """
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    (layers,) = [
        contract["layers"]
        for contract in contracts["tool"]["importlinter"]["contracts"]
        if contract["type"] == "layers"
    ]

    # What stands further to the right is a remark.
    assert layers == [re.split(r" {3,}", line)[0] for line in picture("cli")]


def test_every_module_has_its_place() -> None:
    """
    The layout names each module and package of the program, and none besides.
    """
    program = ROOT / "pushserver"
    modules = {path.name for path in program.glob("*.py") if path.stem[:2] != "__"}
    packages = {f"{path.parent.name}/" for path in program.glob("*/__init__.py")}
    lines = "\n".join(picture("schema.sql"))
    drawn = re.findall(r"^ {2}([^\s,]+(?:, [^\s,]+)*)", lines, re.MULTILINE)

    assert modules | packages == {*", ".join(drawn).split(", ")}
