"""The tour of the console shows every page, in both themes, in few bytes."""

from pathlib import Path

from tests.console.pages import PAGES

DOCS = Path(__file__).parents[2] / "docs"
#: The most bytes of a picture, and of all of them.
MAX_PICTURE, MAX_TOUR = 45_000, 1_000_000


def test_every_page_has_pictures() -> None:
    """
    Each page that the browser's tests look at stands in the tour, light and dark.
    """
    page = (DOCS / "console.md").read_text("utf-8")
    names = {f"{name}-{theme}.webp" for name in PAGES for theme in ("light", "dark")}
    files = {path.name: path.stat().st_size for path in (DOCS / "pictures").iterdir()}

    assert names == set(files)
    assert set() == {name for name in names if f"pictures/{name}" not in page}
    assert MAX_PICTURE > max(files.values())
    assert MAX_TOUR > sum(files.values())
