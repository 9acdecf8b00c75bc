"""docs/settings.md names every setting, in each way that it can be given."""

import re
from pathlib import Path

import attrs
import pytest

from pushserver.cli.serve import ServeOptions
from pushserver.settings import Settings
from pushserver.settings_checks import is_guessable

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/settings.md").read_text("utf-8")
PAGES = (*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"))
NAMES = [field.name for field in attrs.fields(Settings)]
#: Variables of the commands that talk to a server, and the one that names the file.
OTHERS = {"PUSHSERVER_SERVER", "PUSHSERVER_TOKEN", "PUSHSERVER_CONFIG"}


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


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_no_page_names_a_setting_that_is_none(page: Path) -> None:
    """
    Each variable that a page names is one that the program reads.
    """
    names = OTHERS | {f"PUSHSERVER_{name.upper()}" for name in NAMES}
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
