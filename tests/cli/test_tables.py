"""How tables are fitted into a terminal, and values written for people."""

from datetime import UTC, datetime
from typing import Any

import pytest
from rich.text import Text

from pushserver.cli.printing.instants import format_distance
from pushserver.cli.printing.table import Column, fit, heading, lines, shorten
from pushserver.cli.printing.values import Reader, format_exact, pretty_json

NOW = datetime(2026, 11, 29, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("instant", "expected"),
    [
        ("2026-11-29T12:00:00.000000Z", "0 s ago"),
        ("2026-11-29T11:59:57.400000Z", "3 s ago"),
        ("2026-11-29T11:58:21Z", "99 s ago"),
        ("2026-11-29T11:58:00Z", "2 min ago"),
        ("2026-11-29T09:00:00Z", "3 h ago"),
        ("2026-11-19T12:00:00Z", "10 d ago"),
        ("2026-11-29T12:00:25Z", "in 25 s"),
        ("2026-11-30T11:59:59Z", "in 24 h"),
    ],
)
def test_how_long_ago(instant: str, expected: str) -> None:
    """An instant is so many seconds, minutes, hours or days ago, or to come."""
    assert expected == format_distance(instant, NOW)


def _column(name: str, *cells: str, is_id: bool = False) -> Column:
    return Column(name, [Text(each, no_wrap=is_id) for each in cells])


@pytest.mark.parametrize(
    ("room", "expected"),
    [
        (80, {"id": 18, "name": 30, "state": 9}),
        (59, {"id": 18, "name": 28, "state": 9}),
        (43, {"id": 18, "name": 12, "state": 9}),
        (42, {"id": 18, "name": 22}),
        (5, {"id": 18, "name": 12}),
    ],
)
def test_what_fits(room: int, expected: dict[str, int]) -> None:
    """Ids and states are never cut, names are; what does not fit is left out."""
    columns = [
        _column("id", "3" * 18),
        _column("name", "n" * 30),
        _column("state", "DELIVERED"),
    ]

    assert expected == {column.name: width for column, width in fit(columns, room)}


def test_an_id_in_place_of_a_name() -> None:
    """A device without a name stands there with its whole id, whatever the room."""
    columns = [
        _column("id", "1"),
        _column("deviceId", "9223372036854775807", is_id=True),
    ]

    assert [2, 19] == [width for _, width in fit(columns, 10)]


def test_wide_letters() -> None:
    """A name in letters that are two columns wide is cut where the terminal would."""
    columns = [_column("id", "1", "2"), _column("name", "倉庫の入口の扉です", "b")]
    heading_line, first, second = lines(fit(columns, 18))

    assert "id  name" == heading_line.plain
    assert 18 == first.cell_len
    assert first.plain.endswith("…")
    assert "2   b" == second.plain


@pytest.mark.parametrize(
    ("field", "expected"),
    [
        ("deviceId", "device"),
        ("lastSeenAt", "last seen"),
        ("pollPeriod", "poll period"),
        ("id", "id"),
        ("state", "state"),
    ],
)
def test_headings(field: str, expected: str) -> None:
    """What stands above a column is the field's name, as people write."""
    assert expected == heading(field)


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("pollPeriod", 1.999387, "2 s"),
        ("pollPeriod", 2.46, "2.5 s"),
        ("hold", 300.0, "300 s"),
        ("hold", 0.04, "0.04 s"),
        ("tags", {"site": "north", "floor": "1"}, "site=north floor=1"),
        ("tags", {"site": "north gate"}, '{"site":"north gate"}'),
        ("permissions", ["a", "b"], "a, b"),
        ("createdBy", {"tokenId": "7", "name": "gate"}, "gate"),
        ("actor", {"name": "server"}, "server"),
        ("response", ["a", "b"], '["a","b"]'),
        ("response", 0.123456, "0.123456"),
        ("response", "2026-11-29T12:00:00Z", "2026-11-29T12:00:00Z"),
        ("name", "\x1b[2Jred\nx", "�[2Jred x"),
        ("queueDepth", 0, "0"),
        ("name", None, ""),
    ],
)
def test_cells(name: str, value: Any, expected: str) -> None:
    """A value is rounded and said in words, but not what devices and programs sent."""
    assert expected == Reader(now=NOW).cell(name, value).plain


def test_exact() -> None:
    """For programs numbers are whole, actors have their ids, and a row is one line."""
    assert "1.999387" == format_exact(1.999387, "pollPeriod")
    assert "gate (7)" == format_exact({"tokenId": "7", "name": "gate"}, "createdBy")
    assert "a b�c" == format_exact("a\nb\tc", "name")


def test_json_cannot_steer_the_terminal() -> None:
    """What a device sends is the same JSON, without a control character."""
    assert '{\n  "a": "\\u009b2J\\u202e"\n}' == pretty_json({"a": "\x9b2J\u202e"}).plain


@pytest.mark.parametrize(
    ("text", "width", "expected"),
    [
        (
            "SENT  commandId=385558189103382528",
            34,
            "SENT  commandId=385558189103382528",
        ),
        ("SENT  commandId=385558189103382528", 33, "SENT …"),
        ("SENT  commandId=385558189103382528", 17, "SENT …"),
        ("SENT  commandId=385558189103382528", 12, "SENT  comma…"),
        ("commandId=7  endpoint=reboot", 15, "commandId=7  e…"),
        ("478435, 478436, 478437", 12, "478435, …"),
        ("478435, 478436, 478437", 15, "478435, 478436…"),
        ("478435", 3, "…"),
        ("倉庫の入口の扉です", 7, "倉庫の…"),
    ],
)
def test_no_number_is_cut(text: str, width: int, expected: str) -> None:
    """Of a text that is too long no number is cut: it is there whole, or is not."""
    assert expected == shorten(Text(text), width).plain
