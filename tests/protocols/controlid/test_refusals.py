"""Responses that say no: for which endpoints, and in which words."""

import json
from typing import Any

import pytest

from pushserver.protocols.base import judge_response
from pushserver.protocols.controlid.protocol import ControlId
from pushserver.protocols.controlid.refusals import find_refusal
from pushserver.protocols.controlid.result import parse_result

ALLOWED = {"action": "sec_box", "status": "allowed"}
DENIED = {"action": "door", "status": "denied"}
TOO_SHORT = {"code": 1, "message": "image too short"}
STORED = {"user_id": 7, "scores": {}, "success": True, "errors": []}
NOT_STORED = {"user_id": 8, "scores": {}, "success": False, "errors": [TOO_SHORT]}


def refusal(endpoint: str, response: Any) -> Any:
    """Return where a response says no."""
    found = find_refusal(json.dumps(response).encode(), endpoint)
    return None if found is None else json.loads(found)


@pytest.mark.parametrize(
    ("endpoint", "response", "words"),
    [
        ("execute_actions", {"actions": [DENIED]}, [DENIED]),
        ("execute_actions", {"actions": [ALLOWED, DENIED]}, [DENIED]),
        (
            "execute_actions",
            {"actions": [{"status": "DENIED"}]},
            [{"status": "DENIED"}],
        ),
        ("execute_actions", [ALLOWED, DENIED], [DENIED]),
        ("execute_actions", DENIED, DENIED),
        ("/execute_actions.fcgi", {"actions": [DENIED]}, [DENIED]),
        ("user_set_image", NOT_STORED, [TOO_SHORT]),
        ("user_set_image", {"success": False}, {"success": False}),
        ("user_set_image", {"success": "false"}, {"success": "false"}),
        ("user_set_image", {"success": 0}, {"success": 0}),
        ("user_set_image", {"user_id": 8, "errors": [TOO_SHORT]}, [TOO_SHORT]),
        ("user_set_image_list", {"results": [STORED, NOT_STORED]}, [NOT_STORED]),
        ("user_set_image_list", NOT_STORED, [TOO_SHORT]),
        ("remote_enroll", {"success": False}, {"success": False}),
    ],
)
def test_refused(endpoint: str, response: Any, words: Any) -> None:
    """What a device does not do is told in its own words, and no others."""
    assert words == refusal(endpoint, response)


@pytest.mark.parametrize(
    ("endpoint", "response"),
    [
        ("execute_actions", {"actions": [ALLOWED]}),
        ("execute_actions", {"actions": []}),
        ("execute_actions", {"actions": [7, None, "denied"]}),
        ("execute_actions", {"actions": "denied"}),
        ("execute_actions", {}),
        ("execute_actions", "denied"),
        ("execute_actions", None),
        ("user_set_image", STORED),
        ("user_set_image", {"success": True, "errors": [TOO_SHORT]}),
        ("user_set_image", {"user_id": 7}),
        ("user_set_image_list", {"results": [STORED]}),
        ("remote_enroll", {"success": True}),
        ("load_objects", {"success": False}),
        ("load_objects", {"actions": [DENIED]}),
        ("make_coffee", {"success": False, "actions": [DENIED]}),
        ("", {"success": False}),
    ],
)
def test_not_refused(endpoint: str, response: Any) -> None:
    """What says nothing of the kind stays, and so do endpoints that are not known."""
    assert None is refusal(endpoint, response)


@pytest.mark.parametrize("batches", [1, 7, 9, 100, 290, 300])
def test_batches_in_batches(batches: int) -> None:
    """However many batches a response is in, it says no, or is taken to."""
    response = json.dumps({"actions": [DENIED]})
    for _ in range(batches):
        text = response.replace("\\", "\\u005c").replace('"', "\\u0022")
        response = f'{{"transactions_results":[{{"response":"{text}"}}]}}'

    assert None is not find_refusal(response.encode(), "execute_actions")


@pytest.mark.parametrize(
    "body",
    [
        b'{"response":{"actions":[{"action":"door","status":"denied"}]}}',
        b'{"response":"{\\"actions\\":[{\\"action\\":\\"door\\",\\"status\\":\\"denied\\"}]}"}',
        b'{"response":{"actions":[{"action":"door","status":"denied"},]}}\0',
        b'{"actions":[{"action":"door","status":"denied"}]}',
        b"response=%7B%22actions%22%3A%5B%7B%22action%22%3A%22door%22%2C"
        b"%22status%22%3A%22denied%22%7D%5D%7D",
        b'{"transactions_results":[{"transactionid":1,"success":true,"response":'
        b'"{\\"actions\\":[{\\"action\\":\\"door\\",\\"status\\":\\"denied\\"}]}"}]}',
    ],
)
def test_every_form(body: bytes) -> None:
    """It says no in whatever form the response comes."""
    judged = judge_response(ControlId(), parse_result(body), "execute_actions")

    assert (True, True) == (judged.failed, judged.refused)
    assert [DENIED] == json.loads(judged.error or b"")
    assert {"actions": [DENIED]} == json.loads(bytes(judged.response or b""))


def test_error_is_no_refusal() -> None:
    """An error is shown as the error it is."""
    judged = judge_response(
        ControlId(), parse_result(b'{"error":"no"}'), "execute_actions"
    )

    assert (b'"no"', False) == (judged.error, judged.refused)


def test_numbers_stay() -> None:
    """The words are the device's, digit for digit."""
    response = b'{"success":false,"errors":[{"code":9007199254740993,"at":1.10}]}'

    assert b'[{"code":9007199254740993,"at":1.10}]' == find_refusal(
        response, "user_set_image"
    )
