"""The real program, asked everything that its own description allows, and more."""

import json
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import quote
from urllib.request import Request, urlopen

import pytest
import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis.generation.hypothesis.builder import (
    HypothesisTestConfig,
    HypothesisTestMode,
    create_test,
)
from schemathesis.specs.openapi.checks import (
    allow_header_conformance,
    ignored_auth,
    negative_data_rejection,
    positive_data_acceptance,
    unsupported_method,
)

from pushserver.web.api import ROUTES
from pushserver.web.api.openapi.document import document
from tests.program import Program

API = schemathesis.openapi.from_dict(document(ROUTES))
#: A stream has no end to wait for.
OPERATIONS = [
    operation["operationId"]
    for path in API.raw_schema["paths"].values()
    for operation in path.values()
    if operation["operationId"] != "streamEvents"
]
_SETTINGS = settings(
    deadline=None, derandomize=True, suppress_health_check=list(HealthCheck)
)
#: How many calls of each are made up every day; the proof tries each limit, too.
_EVERYDAY, _THOROUGH = 8, 25
_LONGEST_ADDRESS = 7000
# A schema cannot say every rule, such as that one instant is later than another: what
# it allows may be refused as a wrong field, or a wrong version, but never as what
# cannot be read.
API.config.checks.positive_data_acceptance.expected_statuses.extend(("412", "422"))
#: What was made up for other ids says nothing of what becomes of these.
OF_MADE_UP_IDS: list[Any] = [negative_data_rejection, positive_data_acceptance]
#: With other methods every path that ends so is a device's: it posts its results there.
OF_DEVICES = "/result"
#: Fields that take more than is described of them.
TAKE_MORE = {"deviceId", "deviceIds", "queryString", "stopAfterFailures", "tags"}


def is_kindness(value: Any) -> bool:
    """Tell whether a body has what the server takes although it is not described."""
    if isinstance(value, dict):
        return any(k in TAKE_MORE or is_kindness(v) for k, v in value.items())
    return value is None or (isinstance(value, list) and any(map(is_kindness, value)))


def is_mended(case: "schemathesis.Case[Any]") -> bool:
    """Tell whether what is wrong may be a header that each call is given anyway."""
    components = {} if case.meta is None else case.meta.components
    return any(
        location.value == "header" and component.mode.is_negative
        for location, component in components.items()
    )


@schemathesis.serializer("application/x-ndjson")
def _ndjson(_context: Any, value: Any) -> bytes:
    """Write what was made up for a file of lines."""
    if isinstance(value, str):
        return value.encode()
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


def _call_with_all(
    operation_id: str,
    call: "Callable[[schemathesis.Case[Any]], None]",
    is_thorough: bool,
) -> None:
    """
    Call with every case of an operation, or with some.

    Schemathesis would make up the cases of all operations where they are collected.
    """
    operation = API.find_operation_by_id(operation_id)
    examples = _THOROUGH if is_thorough else _EVERYDAY
    config = HypothesisTestConfig(
        project=API.config,
        modes=list(HypothesisTestMode) if is_thorough else [HypothesisTestMode.FUZZING],
        explicit_settings=settings(_SETTINGS, max_examples=examples),
    )
    create_test(operation=operation, test_func=call, config=config)()


@pytest.mark.parametrize(
    "is_thorough", [False, pytest.param(True, marks=pytest.mark.proof)]
)
@pytest.mark.parametrize("operation_id", OPERATIONS)
def test_call(
    operation_id: str,
    is_thorough: bool,
    shared_program: Program,
    existing_ids: dict[str, str],
) -> None:
    """
    Every answer is one that the description announces, and never a 5xx.
    """
    arguments: dict[str, Any] = {
        "base_url": shared_program.url,
        "headers": {"Authorization": f"Bearer {shared_program.token}"},
        "timeout": 30,
    }

    def call(case: "schemathesis.Case[Any]") -> None:
        # Waiting for what never comes would take a minute each time; and what is no
        # HTTP is refused before anybody looks whose call it is.
        for parts in (case.query, case.headers):
            for name in {"wait", "Prefer", "Transfer-Encoding"} & set(parts or ()):
                del parts[name]
        if len(quote(str(case.query))) > _LONGEST_ADDRESS:
            # It is refused before anybody looks whose call it is.
            return
        excluded = _excluded_checks(case)
        if not is_thorough:
            # Wrong tokens are answered slowly; other tests try them on every route.
            excluded.append(ignored_auth)
        case.call_and_validate(excluded_checks=excluded, **arguments)
        if set(case.path_parameters or {}) & set(existing_ids):
            case.path_parameters = dict(existing_ids)
            excluded += OF_MADE_UP_IDS
            case.call_and_validate(excluded_checks=excluded, **arguments)

    _call_with_all(operation_id, call, is_thorough)


def _excluded_checks(case: "schemathesis.Case[Any]") -> list[Any]:
    """Return the checks of what the description cannot say of a call."""
    excluded: list[Any] = []
    if is_kindness(case.body) or is_mended(case):
        excluded.append(negative_data_rejection)
    if case.path.endswith(OF_DEVICES):
        excluded += [unsupported_method, allow_header_conformance]
    if case.path.endswith("/import"):
        # No schema says what the lines of a file are.
        excluded.append(positive_data_acceptance)
    return excluded
