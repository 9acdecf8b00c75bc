"""The pages hold together: their links lead somewhere, and they stay plain."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = (*sorted(ROOT.glob("*.md")), *sorted(ROOT.glob("docs/**/*.md")))
#: Praise, padding, and what is not finished. Facts need none of it.
FORBIDDEN = re.compile(
    r"\b(simply|easily|obviously|seamless\w*|powerful|blazing\w*|robust|cutting[- ]edge"
    r"|state[- ]of[- ]the[- ]art|leverage\w*|utili[sz]e\w*|TODO|FIXME|XXX"
    r"|issue #?\d+)\b",
    re.IGNORECASE,
)
_CODE = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"\[[^\]]*\]\((?P<target>[^)\s]+)\)")
_HEADING = re.compile(r"^#+ (?P<text>.+)$", re.MULTILINE)


def _name(page: Path) -> str:
    return str(page.relative_to(ROOT))


def _prose(page: Path) -> str:
    return _CODE.sub("", page.read_text("utf-8"))


def _anchors(page: Path) -> set[str]:
    """Return the anchors that a page's headings get where pages are shown."""
    headings = (found["text"].lower() for found in _HEADING.finditer(_prose(page)))
    return {re.sub(r"[^\w\- ]", "", text).replace(" ", "-") for text in headings}


@pytest.mark.parametrize("page", PAGES, ids=_name)
def test_links_resolve(page: Path) -> None:
    """
    Each link inside the project leads to a file, and to a heading that it has.
    """
    targets = [found["target"] for found in _LINK.finditer(_prose(page))]
    broken = []
    for target in (t for t in targets if "://" not in t):
        path, _, anchor = target.partition("#")
        there = (page.parent / path).resolve() if path else page
        if not there.exists() or (anchor and anchor not in _anchors(there)):
            broken.append(target)

    assert [] == broken


@pytest.mark.parametrize("page", PAGES, ids=_name)
def test_words_are_plain(page: Path) -> None:
    """
    No page praises, pads, or leaves something for later.
    """
    found = FORBIDDEN.findall(page.read_text("utf-8"))

    assert [] == found


def test_every_page_can_be_found() -> None:
    """
    Each page in docs/ is linked from the README or from the page of decisions.
    """
    linked = {
        (page.parent / found["target"].partition("#")[0]).resolve()
        for page in (ROOT / "README.md", ROOT / "docs/decisions/README.md")
        for found in _LINK.finditer(_prose(page))
    }
    pages = {page for page in PAGES if "docs" in page.parts[len(ROOT.parts) :]}
    lost = {page for page in pages if page not in linked}

    assert {ROOT / "docs/decisions/README.md"} == lost
