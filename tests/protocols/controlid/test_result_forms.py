"""Results as forms, and as batches of transactions."""

import json
from typing import Any
from urllib.parse import quote, urlencode

import pytest

from pushserver.model.parsed_result import ParsedResult
from pushserver.protocols.controlid.result import parse_result
from tests.protocols.controlid.test_result import USERS, response


@pytest.mark.parametrize(
    ("fields", "parsed"),
    [
        ({"response": USERS.decode()}, response(USERS)),
        ({"response": "done"}, response(b'"done"')),
        ({"response": ""}, response(b'""')),
        (
            {"error": "no such user", "code": "1"},
            ParsedResult(error=b'"no such user"', code=b"1"),
        ),
        ({"error": "", "response": "{}"}, response(b"{}")),
        ({"error": "null", "response": "{}"}, response(b"{}")),
        ({"error": "0", "code": "1"}, ParsedResult(error=b'"0"', code=b"1")),
        ({"deviceId": "12", "response": "[1]"}, response(b"[1]")),
        ({"response": json.dumps(USERS.decode())}, response(USERS)),
        ({"error": "João"}, ParsedResult(error='"João"'.encode())),
    ],
)
def test_form(fields: dict[str, str], parsed: ParsedResult) -> None:
    """A form carries the same fields, each JSON or plain text."""
    assert parsed == parse_result(urlencode(fields).encode())
    assert parsed == parse_result(urlencode(fields, quote_via=quote).encode())


def test_form_unescaped() -> None:
    """Firmware that escapes nothing is read as far as its form can be."""
    assert response(b'{"changes":1}') == parse_result(b'response={"changes":1}')


@pytest.mark.parametrize(
    ("items", "parsed"),
    [
        ([{"transactionid": 1, "success": True, "response": "{}"}], response(b"{}")),
        ([{"success": True, "response": {"a": 1}}], response(b'{"a":1}')),
        ([{"transactionid": 1, "success": True}], ParsedResult()),
        (
            [{"success": False, "error": "no", "code": 2}],
            ParsedResult(error=b'"no"', code=b"2"),
        ),
        ([{"success": False, "response": "busy"}], ParsedResult(error=b'"busy"')),
        ([{"success": False}], ParsedResult(error=b'"The transaction failed."')),
        (
            [{"success": "false"}],
            ParsedResult(error=b'"The transaction failed."'),
        ),
        ([{"success": True, "error": "no"}], ParsedResult(error=b'"no"')),
        (
            [{"success": True, "response": '{"error":"no"}'}],
            ParsedResult(error=b'"no"'),
        ),
        (
            [{"success": False, "error": ""}],
            ParsedResult(error=b'"The transaction failed."'),
        ),
        (
            [{"success": True, "response": "{}"}, {"success": False, "error": "no"}],
            ParsedResult(error=b'"no"'),
        ),
    ],
)
def test_transactions(items: list[dict[str, Any]], parsed: ParsedResult) -> None:
    """A batch of one answers a single command; one that failed is a failure."""
    text = json.dumps(items, separators=(",", ":"))

    assert parsed == parse_result(b'{"transactions_results":' + text.encode() + b"}")
    assert parsed == parse_result(urlencode({"transactions_results": text}).encode())


def test_many_transactions() -> None:
    """A batch that nobody sent is shown whole."""
    body = b'{"transactions_results":[{"success":true},{"success":true}]}'

    assert response(body) == parse_result(body)
