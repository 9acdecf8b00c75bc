"""docs/settings.md names every setting, its default, and how it can be given."""

import re
from pathlib import Path
from typing import Any

import attrs
import pytest

from pushserver.cli.serve import ServeOptions
from pushserver.settings import SECRETS, Settings
from pushserver.settings_tokens import is_guessable

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/settings.md").read_text("utf-8")
PAGES = (*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"))
#: How the table has what is not set.
UNSET = {"admin_token": "generated, and shown once", "device_keys": "not set"}
NAMES = [field.name for field in attrs.fields(Settings)]
#: Variables of the commands that talk to a server, and the one that names the file.
OTHERS = {"PUSHSERVER_SERVER", "PUSHSERVER_TOKEN", "PUSHSERVER_CONFIG"}
#: Variables that name the file of a secret.
FILES = {f"PUSHSERVER_{name.upper()}_FILE" for name in (*SECRETS, "token")}


@pytest.mark.parametrize("name", NAMES)
def test_a_setting_has_its_row(name: str) -> None:
    """
    A setting is in the table, with its variable, its TOML key, and its flag if any.
    """
    flag = "--" + name.replace("_", "-")
    has_flag = name in {field.name for field in attrs.fields(ServeOptions)}
    row = next(line for line in PAGE.splitlines() if f"| `{name}` |" in line)

    assert f"| `PUSHSERVER_{name.upper()}` |" in row
    assert has_flag == (f"| `{flag}` |" in row)


@pytest.mark.parametrize("field", attrs.fields(Settings), ids=lambda f: str(f.name))
def test_a_default_is_that_of_the_program(field: "attrs.Attribute[Any]") -> None:
    """
    The last column has what a setting is while nobody sets it.
    """
    row = next(line for line in PAGE.splitlines() if f"| `{field.name}` |" in line)
    shown = row.rstrip(" |").rpartition(" | ")[2]

    assert _as_shown(field) == shown.partition(" (")[0]


def _as_shown(field: "attrs.Attribute[Any]") -> str:
    """Return a default as the table has it."""
    match field.default:
        case None:
            return UNSET[field.name]
        case "":
            return "none"
        case bool(default):
            return f"`{default}`".lower()
        case default:
            return f"`{default}`"


@pytest.mark.parametrize("variable", sorted(FILES))
def test_the_file_of_a_secret_is_on_the_page(variable: str) -> None:
    """
    Each secret can come from a file, and the page says by which variable.
    """
    assert f"`{variable}`" in PAGE


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_no_page_names_a_setting_that_is_none(page: Path) -> None:
    """
    Each variable that a page names is one that the program reads.
    """
    names = OTHERS | FILES | {f"PUSHSERVER_{name.upper()}" for name in NAMES}
    named = set(re.findall(r"PUSHSERVER_[A-Z_]+\b", page.read_text("utf-8")))

    assert set() == named - names


def test_printed_tokens_are_refused() -> None:
    """
    A token that stands on a page is known to everybody: no server beyond loopback takes
    it.
    """
    printed = {
        token
        for page in PAGES
        for token in re.findall(r"\bpst_[\w-]{8,}", page.read_text("utf-8"))
    }

    assert printed
    assert {token for token in printed if is_guessable(token)} == printed
