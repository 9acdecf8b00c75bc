"""`key=value` pairs make a body."""

from typing import Any

import pytest

from pushserver.cli.context import UsageError
from pushserver.cli.pairs import parse_body, parse_json, parse_tags, parse_text_pairs


@pytest.mark.parametrize(
    ("pairs", "expected"),
    [
        ([], {}),
        (["object=users"], {"object": "users"}),
        (
            ["limit:=10", "on:=true", "none:=null"],
            {"limit": 10, "on": True, "none": None},
        ),
        (["id=10"], {"id": "10"}),
        (["where:=" + '{"users":{"id":7}}'], {"where": {"users": {"id": 7}}}),
        (["formula=a=b", "time=10:30"], {"formula": "a=b", "time": "10:30"}),
        (["a:b=c", "empty="], {"a:b": "c", "empty": ""}),
        (["big:=9007199254740993"], {"big": 9007199254740993}),
        (["text=two\nlines"], {"text": "two\nlines"}),
    ],
)
def test_body(pairs: list[str], expected: Any) -> None:
    """
    `key=text` is text whatever it looks like, and `key:=json` is JSON.
    """
    assert expected == parse_body(pairs)


@pytest.mark.parametrize(
    ("pairs", "complaint"),
    [
        (["users"], "neither key=value nor key:=json"),
        (["=x"], "neither key=value nor key:=json"),
        (["a=1", "a:=2"], "a is given twice"),
        (["a:=users"], "a:= is not JSON"),
        (["a:=\ud800"], "a:= is not JSON"),
    ],
)
def test_what_is_no_pair(pairs: list[str], complaint: str) -> None:
    """
    A pair that makes no sense is named.
    """
    with pytest.raises(UsageError, match=complaint):
        parse_body(pairs)


def test_texts() -> None:
    """
    A query's parameters are text, split at the first equals sign.
    """
    assert {"user_id": "7", "x": "a=b"} == parse_text_pairs(["user_id=7", "x=a=b"])


@pytest.mark.parametrize("pairs", [["user_id"], ["=7"], ["a=1", "a=2"]])
def test_what_is_no_text(pairs: list[str]) -> None:
    """
    A parameter without a name or a value, or given twice, is refused.
    """
    with pytest.raises(UsageError):
        parse_text_pairs(pairs)


def test_tags_of_a_device() -> None:
    """
    A device has one value of a key; another beside it is refused, not lost.
    """
    assert {"a": "1", "b": "x=y"} == parse_tags(["a=1", "a:1", "b:x=y"])
    with pytest.raises(UsageError, match="a is given twice"):
        parse_tags(["a=1", "a=2"])


def test_json_of_anything() -> None:
    """
    A whole body may be any JSON.
    """
    assert [1, "a"] == parse_json('[1,"a"]', "--body")
