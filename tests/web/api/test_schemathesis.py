"""The real program, asked everything that its own description allows, and more."""

import json
from collections.abc import Iterator
from typing import Any
from urllib.request import Request, urlopen

import pytest
import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from pushserver.web.api import ROUTES, openapi
from tests.program import Program

CHECKS = [
    not_a_server_error,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
]
#: A stream has no end to wait for.
API = schemathesis.openapi.from_dict(openapi.document(ROUTES)).exclude(
    operation_id="streamEvents"
)


@schemathesis.serializer("application/x-ndjson")
def _ndjson(_context: Any, value: Any) -> bytes:
    """Write what was made up for a file of lines."""
    return value if isinstance(value, bytes) else json.dumps(value).encode()


@pytest.fixture(name="asked", scope="module")
def _asked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Program]:
    """Return the real program, one for all calls, so that they meet each other."""
    program = Program(tmp_path_factory.mktemp("asked"))
    program.start()
    yield program
    program.stop()


@pytest.fixture(name="known", scope="module")
def _known(asked: Program) -> dict[str, str]:
    """Return ids that are known: of a device, and of a command with its result."""
    made = _send(asked, "/api/v1/devices/1/commands", {"endpoint": "x"})
    _send(asked, "/push?deviceId=1")
    _send(asked, "/result?deviceId=1", {"response": {}})
    return {"deviceId": "1", "commandId": made["id"]}


def _send(program: Program, path: str, body: Any = None) -> Any:
    headers = {"Authorization": f"Bearer {program.token}"}
    headers["Content-Type"] = "application/json"
    data = None if body is None else json.dumps(body).encode()
    with urlopen(Request(program.url + path, data, headers)) as answer:  # noqa: S310
        return json.loads(answer.read() or b"null")


@API.parametrize()
@settings(
    max_examples=settings().max_examples // 4,
    deadline=None,
    derandomize=True,
    suppress_health_check=list(HealthCheck),
)
def test_call(
    case: "schemathesis.Case[Any]", asked: Program, known: dict[str, str]
) -> None:
    """
    Every answer is one that the description announces, and never a 5xx.
    """
    # Waiting for what never comes would take a minute each time.
    for given in (case.query, case.headers):
        for name in {"wait", "Prefer"} & set(given or ()):
            del given[name]
    how: dict[str, Any] = {
        "base_url": asked.url,
        "headers": {"Authorization": f"Bearer {asked.token}"},
        "checks": CHECKS,
        "timeout": 30,
    }

    case.call_and_validate(**how)
    if set(case.path_parameters or {}) & set(known):
        case.path_parameters = dict(known)
        case.call_and_validate(**how)
