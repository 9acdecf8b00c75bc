"""Line charts as SVG: the same numbers always make the very same file."""

import math
import sys
import xml.etree.ElementTree as ET
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import attrs
import pygal
from pygal.style import Style

# It hooks into every later import for plugins that nobody has here, and in a way that
# Python warns of.
sys.meta_path[:] = [
    finder
    for finder in sys.meta_path
    if not isinstance(finder, pygal.PluginImportFixer)
]

_SVG = "http://www.w3.org/2000/svg"
#: Colours that also those can tell apart who see few of them.
_COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7")
#: White also on dark pages.
_STYLE = partial(
    Style,
    background="white",
    plot_background="white",
    foreground="#222222",
    foreground_strong="#000000",
    foreground_subtle="#555555",
    guide_stroke_color="#dddddd",
    major_guide_stroke_color="#bbbbbb",
    font_family="sans-serif",
    label_font_size=13,
    major_label_font_size=13,
    value_label_font_size=13,
    legend_font_size=13,
    title_font_size=16,
    stroke_opacity="1",
    stroke_width="2",
)
#: Logarithms are drawn so much higher, so that the picture's own zero is not in it.
_LOG_OFFSET = 20


@attrs.frozen(kw_only=True)
class Series:
    """Points from left to right, and their *names* if those are to be beside them."""

    name: str
    points: Sequence[tuple[float, float]]
    colour: int
    labels: Sequence[str] = ()
    dashed: bool = False


@attrs.frozen(kw_only=True)
class Chart:
    """
    What a picture says. The horizontal axis is logarithmic, with ticks at *across*.

    So is the vertical one with its ticks *up*, unless it *begins_at_zero*.
    """

    title: str
    x_title: str
    y_title: str
    x_ticks: Mapping[float, str]
    y_ticks: Mapping[float, str]
    series: Sequence[Series]
    begins_at_zero: bool = False


def draw(chart: Chart) -> str:
    """Return the picture, without scripts and without the day it was drawn."""
    drawn = _empty(chart)
    # Or each would have another.
    drawn.uuid = "1"
    for line in chart.series:
        dots = [_dot(chart, line, number) for number in range(len(line.points))]
        style = {"width": 2, "dasharray": "6,5"} if line.dashed else {"width": 2}
        drawn.add(line.name, dots, stroke_style=style)
    return _strip_scripts(drawn.render(is_unicode=True))


def _empty(chart: Chart) -> Any:
    return pygal.XY(
        title=chart.title,
        x_title=chart.x_title,
        y_title=chart.y_title,
        x_labels=[
            {"value": math.log10(value), "label": label}
            for value, label in chart.x_ticks.items()
        ],
        y_labels=[
            {"value": _y_position(chart, value), "label": label}
            for value, label in chart.y_ticks.items()
        ],
        xrange=(math.log10(min(chart.x_ticks)), math.log10(max(chart.x_ticks))),
        range=(
            _y_position(chart, min(chart.y_ticks)),
            _y_position(chart, max(chart.y_ticks)),
        ),
        style=_STYLE(colors=[_COLOURS[line.colour] for line in chart.series]),
        width=860,
        height=480,
        legend_at_bottom=True,
        legend_at_bottom_columns=_columns(len(chart.series)),
        truncate_legend=-1,
        dots_size=3,
        margin_right=40,
        show_x_guides=True,
        print_labels=True,
        disable_xml_declaration=True,
        js=(),
    )


def _columns(count: int) -> int:
    """Return in how many columns they fit without a rest: that would be cut off."""
    return next(columns for columns in (4, 3, 2, 1) if count % columns == 0)


def _y_position(chart: Chart, value: float) -> float:
    return value if chart.begins_at_zero else math.log10(value) + _LOG_OFFSET


def _dot(chart: Chart, line: Series, number: int) -> Mapping[str, Any]:
    x, y = line.points[number]
    dot: dict[str, Any] = {"value": (math.log10(x), _y_position(chart, y))}
    return dot | {"label": line.labels[number]} if line.labels else dot


def _strip_scripts(drawn: str) -> str:
    # Comments, the day among them, are not read; scripts would run nowhere.
    root = ET.fromstring(drawn)  # noqa: S314 - we drew it
    ET.register_namespace("", _SVG)
    for parent in list(root.iter()):
        for child in list(parent):
            if child.tag in (f"{{{_SVG}}}script", f"{{{_SVG}}}desc"):
                parent.remove(child)
    ET.indent(root)
    return ET.tostring(root, encoding="unicode") + "\n"
