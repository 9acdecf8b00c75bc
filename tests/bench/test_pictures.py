"""Pictures and tables of the page about scaling."""

import xml.etree.ElementTree as ET
from pathlib import Path

import attrs
import pytest

from bench.simulate import page, times
from bench.simulate.drawing import Chart, Series, draw

pytestmark = pytest.mark.proof

CHART = Chart(
    title="a title",
    x_title="x",
    y_title="y",
    x_ticks={10.0: "ten", 1000.0: "thousand"},
    y_ticks={0.01: "1 %", 1.0: "all"},
    series=[
        Series(
            name="one", points=[(10.0, 0.02), (100.0, 0.5)], colour=0, labels=["p", "q"]
        ),
        Series(name="two", points=[(10.0, 0.03)], colour=1, dashed=True),
    ],
)
PICTURES = sorted(page.PAGE.with_suffix("").glob("*.svg"))


def test_the_same_numbers_make_the_same_picture() -> None:
    """
    Nothing of chance and no day is in it, and other numbers make another.
    """
    line = attrs.evolve(CHART.series[0], points=[(10.0, 0.02), (100.0, 0.6)])

    assert draw(CHART) == draw(CHART)
    assert draw(CHART) != draw(attrs.evolve(CHART, series=[line]))


def test_a_picture_says_what_it_shows() -> None:
    """
    Titles, ticks, lines and named points can be read.
    """
    texts = {text.strip() for text in ET.fromstring(draw(CHART)).itertext()}  # noqa: S314 - ours

    assert {"a title", "x", "y", "ten", "all", "one", "two", "p", "q"} <= texts


@pytest.mark.parametrize("picture", PICTURES, ids=lambda path: path.name)
def test_pictures_stand_alone(picture: Path) -> None:
    """
    The pictures fetch nothing, run nothing, and are shown by the page.
    """
    drawn = picture.read_text("utf-8")

    assert "<script" not in drawn
    assert "http" not in drawn.replace('xmlns="http://www.w3.org/2000/svg"', "")
    assert f"(scaling/{picture.name})" in page.PAGE.read_text("utf-8")


def test_there_are_pictures() -> None:
    """
    Each picture that the page shows was drawn.
    """
    assert page.PAGE.read_text("utf-8").count("](scaling/") == len(PICTURES) > 0


def test_the_page_says_what_was_measured() -> None:
    """
    Tables that need no simulation are those of the file of service times.
    """
    stored_times, text = times.read(), page.PAGE.read_text("utf-8")

    assert page.arithmetic(stored_times.times) in text
    assert page.costs(stored_times) in text
    assert page.date(stored_times) in text


def test_a_table_is_put_between_its_marks() -> None:
    """
    What is around the marks stays, what is between them goes.
    """
    marks = "a\n<!-- made: t -->\n{}<!-- end -->\nb\n<!-- made: u -->\n<!-- end -->\n"
    once = page.replace_section(marks.format(""), "t", "old")

    assert marks.format("old\n") == once
    assert marks.format("new\n") == page.replace_section(once, "t", "new")


def test_a_page_without_the_marks_is_not_touched() -> None:
    """
    A page without the marks for a table is an error.
    """
    with pytest.raises(ValueError, match="unpack"):
        page.replace_section("a page", "t", "new")
