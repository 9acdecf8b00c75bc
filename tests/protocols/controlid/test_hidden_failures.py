"""Failures that stand where no success looks for them."""

import json
from typing import Any

import pytest

from pushserver.model.parsed_result import ParsedResult
from pushserver.protocols.base import judge_response
from pushserver.protocols.controlid.protocol import ControlId
from pushserver.protocols.controlid.result import UNREADABLE, parse_result

DENIED = {"action": "door", "status": "denied"}
REFUSED = json.dumps({"actions": [DENIED]})


def judge(body: bytes, endpoint: str = "execute_actions") -> ParsedResult:
    """Return what a body says of a command."""
    return judge_response(ControlId(), parse_result(body), endpoint)


@pytest.mark.parametrize(
    "response",
    [
        {"\\u0065rror": "no"},
        [{"changes": 1}, {"err\\u006fr": "no"}],
        json.dumps(json.dumps({"error": "no"})),
        json.dumps(json.dumps(json.dumps({"error": "no"}))),
    ],
)
def test_error_in_a_response(response: Any) -> None:
    """An error counts with letters that are escaped, and in a string in a string."""
    body = json.dumps({"response": response}).replace("\\\\u00", "\\u00")

    assert ParsedResult(error=b'"no"') == parse_result(body.encode())


@pytest.mark.parametrize(
    "body",
    [
        b'{"response":{"error":"no"},"response":{}}',
        b'{"response":{},"response":{"error":"no"}}',
        b'{"transactions_results":[{"success":false}],'
        b'"transactions_results":[{"success":true}]}',
        b'{"transactions_results":[{"success":false,"success":true}]}',
        b'{"Error":"no"}',
        b'{"ERROR":"no","code":1}',
    ],
)
def test_nobody_knows(body: bytes) -> None:
    """Two answers to one question, or almost an error, are no success."""
    assert UNREADABLE == parse_result(body)


def test_said_twice() -> None:
    """One answer that is given twice is one."""
    assert b"{}" == parse_result(b'{"response":{},"response":{}}').response


@pytest.mark.parametrize(
    "body", [b'{"code":1}', b'{"error":"","code":1}', b'{"error":null,"code":1}']
)
def test_error_without_words(body: bytes) -> None:
    """A code alone is that of an error."""
    assert ParsedResult(error=b"1", code=b"1") == parse_result(body)


@pytest.mark.parametrize("body", [b'{"code":0}', b'{"code":1,"name":"x"}'])
def test_code_of_no_error(body: bytes) -> None:
    """A code of 0, or beside anything else, is no error."""
    assert not parse_result(body).failed


@pytest.mark.parametrize("empty", [b"[ ]", b"{ }", b"0.0", b"-0"])
def test_empty_with_spaces(empty: bytes) -> None:
    """An empty error is none, however it is written."""
    assert not parse_result(b'{"response":{},"error":' + empty + b"}").failed
    assert not judge(b'{"response":{"errors":' + empty + b"}}", "user_set_image").failed


def test_error_beside_a_batch() -> None:
    """A response with an error fails, whatever a batch beside it says."""
    body = b'{"response":{"error":"no"},"transactions_results":[{"success":true}]}'

    assert ParsedResult(error=b'"no"') == parse_result(body)


@pytest.mark.parametrize("success", [b'"True"', b'"TRUE"', b'"true"', b"1"])
def test_success_of_a_batch(success: bytes) -> None:
    """Yes is yes in capitals, too."""
    body = b'{"transactions_results":[{"success":' + success + b"}]}"

    assert not parse_result(body).failed


@pytest.mark.parametrize(
    "response",
    [
        {"actions": json.dumps([DENIED])},
        {"actions": [json.dumps(DENIED)]},
        {"actions": DENIED},
        {"actions": [{**DENIED, "status": " denied "}]},
        json.dumps(json.dumps({"actions": [DENIED]})),
    ],
)
def test_refusal_in_strings(response: Any) -> None:
    """A device says no in a string of JSON, and without the list, too."""
    assert judge(json.dumps({"response": response}).encode()).refused


@pytest.mark.parametrize("place", [0, 1])
def test_refusal_in_a_batch(place: int) -> None:
    """One response of a batch that says no is a refusal in its words."""
    items = [{"success": True, "response": "{}"}, {"success": True, "response": "{}"}]
    items[place]["response"] = REFUSED
    judged = judge(json.dumps({"transactions_results": items}).encode())

    assert (True, [DENIED]) == (judged.refused, json.loads(judged.error or b""))


@pytest.mark.parametrize(
    ("response", "is_refused"),
    [
        ({"results": [{"user_id": 7, "error": "no face"}]}, True),
        ({"results": {"user_id": 7, "success": False}}, True),
        ({"results": [{"user_id": 7, "success": None, "errors": [1]}]}, True),
        ({"results": [{"user_id": 7, "success": None, "errors": []}]}, False),
        ({"results": [{"user_id": 7, "success": True, "error": ""}]}, False),
    ],
)
def test_refused_photo(response: Any, is_refused: bool) -> None:
    """A photo failed if it says so, or says neither yes nor no and has an error."""
    body = json.dumps({"response": response}).encode()

    assert is_refused is judge(body, "user_set_image_list").refused
