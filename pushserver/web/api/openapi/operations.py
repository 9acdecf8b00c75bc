"""One call of the API, as OpenAPI describes it."""

import re
from collections.abc import Iterable, Mapping
from http import HTTPStatus
from typing import Any

import attrs
import msgspec

from pushserver.model.order import OCTET_STREAM
from pushserver.web.api.openapi.headers import (
    headers_sent_by,
    headers_taken_by,
    request_header,
    response_headers,
)
from pushserver.web.api.openapi.schemas import BYTES_SCHEMA, JsonObject, Schemas
from pushserver.web.api.path_names import camel
from pushserver.web.api.route import ApiRoute
from pushserver.web.json_body import JSON_MEDIA_TYPE
from pushserver.web.problems import (
    PROBLEM_MEDIA_TYPE,
    Problem,
    headers_of_status,
)

_PATH_PARAMETER = re.compile(r"\{(\w+)\}")
#: What each part of a path stands for, with an example.
_PATH_PARAMETERS: Mapping[str, tuple[str, str]] = {
    "blobId": ("The SHA-256 of the bytes.", "ab" * 32),
    "commandId": ("The command's id.", "265000000000000003"),
    "deliveryId": ("The id of the event that was told.", "265000000000000021"),
    "deviceId": ("The device's own id, as it sends it.", "478435"),
    "operationId": ("The operation's id.", "265000000000000005"),
    "scopeId": ("The scope's id.", "1"),
    "subscriptionId": ("The subscription's id.", "265000000000000008"),
    "taskId": ("The task's id.", "265000000000000009"),
    "tokenId": ("The token's id.", "265000000000000013"),
    "upgradeId": ("The upgrade's id.", "265000000000000017"),
}
_BODY_ERROR_STATUSES = (400, 408, 411, 413, 415, 422)
_ANY_SUCCESS = "2XX"
_PHRASES = {str(status.value): status.phrase for status in HTTPStatus}
_INT64: Mapping[str, Any] = {"type": "string", "pattern": "^[0-9]{1,19}$"}

_SHA256: Mapping[str, Any] = {"type": "string", "pattern": "^[0-9a-f]{64}$"}


@attrs.frozen
class Operations:
    """Describes calls; their schemas, and their errors, are components."""

    schemas: Schemas = attrs.Factory(Schemas)
    responses: dict[str, JsonObject] = attrs.Factory(dict)

    def describe(self, route: ApiRoute) -> JsonObject:
        """Return the description of a call."""
        body = self._request_body(route)
        return {
            "operationId": route.name,
            "tags": [route.tag],
            "summary": route.summary,
            "description": _description(route),
            "parameters": [*self._parameters(route)],
            **({"requestBody": body} if body else {}),
            "responses": {**self._answers(route), **self._errors(route)},
            **({} if route.permission else {"security": []}),
        }

    def _parameters(self, route: ApiRoute) -> Iterable[JsonObject]:
        for name in map(camel, _PATH_PARAMETER.findall(route.path)):
            description, example = _PATH_PARAMETERS[name]
            yield {
                "name": name,
                "in": "path",
                "required": True,
                "description": description,
                "schema": dict(_SHA256 if name == "blobId" else _INT64),
                "example": example,
            }
        if route.query_type is not None:
            yield from self._query_parameters(route.query_type)
        for name, description in headers_taken_by(route).items():
            yield request_header(name, description)

    def _query_parameters(self, kind: type[msgspec.Struct]) -> Iterable[JsonObject]:
        for field, schema in self.schemas.fields_of(kind):
            yield {
                "name": field.encode_name,
                "in": "query",
                "required": field.required,
                "description": schema.pop("description"),
                "schema": schema,
            }

    def _request_body(self, route: ApiRoute) -> JsonObject | None:
        types = route.raw_body_types or {}
        if route.body_type is not None:
            types = {JSON_MEDIA_TYPE: route.body_type}
        if not types:
            return None
        example = {} if route.example is None else {"example": route.example}
        content = {
            media_type: {"schema": self.schemas.schema_for(kind), **example}
            for media_type, kind in types.items()
        }
        return {"required": route.body_required, "content": content}

    def _answers(self, route: ApiRoute) -> JsonObject:
        kinds = {str(route.status): route.response_type}
        if route.created_type is not None:
            # Generators that know one answer take the one with the lowest status: it
            # has to be what was created, not what would be.
            kinds = {_ANY_SUCCESS: route.response_type}
        if route.created_status is not None:
            kinds[str(route.created_status)] = route.created_type or route.response_type
        return {
            status: {"description": _phrase(status), **self._answer(route, kind)}
            for status, kind in kinds.items()
        }

    def _answer(self, route: ApiRoute, kind: Any) -> JsonObject:
        answer = {"headers": response_headers(headers_sent_by(route))}
        if isinstance(kind, tuple):
            answer["content"] = {each: {"schema": _file_schema(each)} for each in kind}
        elif kind is not None:
            schema = self.schemas.schema_for(kind)
            answer["content"] = {JSON_MEDIA_TYPE: {"schema": schema}}
        return answer

    def _errors(self, route: ApiRoute) -> JsonObject:
        return {str(each): self._error(each) for each in error_statuses(route)}

    def _error(self, status: int) -> JsonObject:
        """Return the reference to what is said of all errors of a status."""
        phrase = _PHRASES[str(status)]
        name = "".join(word.capitalize() for word in re.findall(r"\w+", phrase))
        if name not in self.responses:
            schema = self.schemas.schema_for(Problem)
            self.responses[name] = {
                "description": f"{phrase}.",
                "headers": response_headers(headers_of_status(status)),
                "content": {PROBLEM_MEDIA_TYPE: {"schema": schema}},
            }
        return {"$ref": f"#/components/responses/{name}"}


def error_statuses(route: ApiRoute) -> list[int]:
    """Return every status with which a call may fail."""
    statuses = {422, *route.errors}
    if route.permission is not None:
        statuses |= {401, 403, 429}
    if route.media_types:
        statuses.update(_BODY_ERROR_STATUSES)
    has_path_params = "{" in route.path
    if has_path_params and route.path_must_exist:
        statuses.add(404)
    if route.idempotency is not None:
        statuses.add(409)
    if route.needs_store:
        statuses.add(503)
    return sorted(statuses)


def _description(route: ApiRoute) -> str:
    """Return all that the handler says of itself, and what a token needs for it."""
    needs = (
        f"Needs the permission `{route.permission}`."
        if route.permission
        else "Needs no token."
    )
    return f"{route.description}\n\n{needs}"


def _phrase(status: str) -> str:
    return HTTPStatus.OK.phrase if status == _ANY_SUCCESS else _PHRASES[status]


def _file_schema(media_type: str) -> JsonObject:
    if media_type == OCTET_STREAM:
        return dict(BYTES_SCHEMA)
    if media_type == "*/*":
        return {}
    if media_type == JSON_MEDIA_TYPE:
        return {"type": "object", "additionalProperties": {}}
    return {"type": "string"}
