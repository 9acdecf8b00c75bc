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


@pytest.fixture(name="shared_program", scope="module")
def _shared_program(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Program]:
    """Return the real program, one for all calls, so that they meet each other."""
    program = Program(tmp_path_factory.mktemp("asked"))
    program.start()
    yield program
    program.stop()


@pytest.fixture(name="existing_ids", scope="module")
def _existing_ids(shared_program: Program) -> dict[str, str]:
    """Return ids that are known: of a device, and of a command with its result."""
    answer = _send(shared_program, "/api/v1/devices/1/commands", {"endpoint": "x"})
    _send(shared_program, "/push?deviceId=1")
    _send(shared_program, "/result?deviceId=1", {"response": {}})
    return {"deviceId": "1", "commandId": answer["id"]}


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
    case: "schemathesis.Case[Any]",
    shared_program: Program,
    existing_ids: dict[str, str],
) -> None:
    """
    Every answer is one that the description announces, and never a 5xx.
    """
    # Waiting for what never comes would take a minute each time.
    for parts in (case.query, case.headers):
        for name in {"wait", "Prefer"} & set(parts or ()):
            del parts[name]
    arguments: dict[str, Any] = {
        "base_url": shared_program.url,
        "headers": {"Authorization": f"Bearer {shared_program.token}"},
        "checks": CHECKS,
        "timeout": 30,
    }

    case.call_and_validate(**arguments)
    if set(case.path_parameters or {}) & set(existing_ids):
        case.path_parameters = dict(existing_ids)
        case.call_and_validate(**arguments)
