"""`key=value` pairs make a body."""

from typing import Any

import pytest

from pushserver.cli.here import Usage
from pushserver.cli.pairs import body_of, json_of, texts_of


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
    assert expected == body_of(pairs)


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
    with pytest.raises(Usage, match=complaint):
        body_of(pairs)


def test_texts() -> None:
    """
    A query's parameters are text, split at the first equals sign.
    """
    assert {"user_id": "7", "x": "a=b"} == texts_of(["user_id=7", "x=a=b"])


@pytest.mark.parametrize("pairs", [["user_id"], ["=7"], ["a=1", "a=2"]])
def test_what_is_no_text(pairs: list[str]) -> None:
    """
    A parameter without a name or a value, or given twice, is refused.
    """
    with pytest.raises(Usage):
        texts_of(pairs)


def test_json_of_anything() -> None:
    """
    A whole body may be any JSON.
    """
    assert [1, "a"] == json_of('[1,"a"]', "--body")
