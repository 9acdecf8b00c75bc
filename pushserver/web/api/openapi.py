"""The OpenAPI document, generated from the routes and the types that serve them."""

import re
from collections.abc import Iterable, Mapping, Sequence
from http import HTTPStatus
from typing import Any

import msgspec

from pushserver import __version__
from pushserver.web.api.responses import BASE_PATH
from pushserver.web.api.route import ApiRoute
from pushserver.web.json_body import JSON_MEDIA_TYPE
from pushserver.web.problems import Problem

_PATH_PARAMETER = re.compile(r"\{(\w+)\}")
_REF = "#/components/schemas/{name}"
_INT64 = {"type": "string", "pattern": "^[0-9]{1,19}$"}

JsonObject = dict[str, Any]

#: Bodies that are not JSON: text, and bytes, which OpenAPI leaves undescribed.
_NON_JSON_SCHEMAS: Mapping[Any, JsonObject] = {str: {"type": "string"}, bytes: {}}


def document(routes: Sequence[ApiRoute]) -> JsonObject:
    """Return the description of *routes* in OpenAPI 3.1."""
    schemas = _Schemas(routes)
    paths: dict[str, JsonObject] = {}
    for route in routes:
        paths.setdefault(BASE_PATH + _camel(route.path), {})[route.method.lower()] = (
            _operation(route, schemas)
        )
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "pushserver",
            "version": __version__,
            "description": "Commands for devices that can only poll.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/"}],
        "paths": paths,
        "components": {
            "schemas": schemas.components,
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
    }


class _Schemas:
    """The schema of each type in the routes."""

    def __init__(self, routes: Iterable[ApiRoute]) -> None:
        types: list[Any] = [Problem]
        for route in routes:
            route_types = (
                route.query_type,
                route.body_type,
                route.raw_body_query,
                *_response_types(route),
            )
            types += [kind for kind in route_types if kind is not None]
            types += [
                t
                for t in (route.raw_body_types or {}).values()
                if t not in _NON_JSON_SCHEMAS
            ]
        made, self.components = msgspec.json.schema_components(types, ref_template=_REF)
        self._type_schemas = list(zip(types, made, strict=True))

    def schema_for(self, kind: Any) -> JsonObject:
        """Return the schema, or the reference to it."""
        if kind in _NON_JSON_SCHEMAS:
            return _NON_JSON_SCHEMAS[kind]
        return next(schema for known, schema in self._type_schemas if known == kind)

    def object_properties(
        self, kind: Any
    ) -> tuple[Mapping[str, JsonObject], Sequence[str]]:
        """Return the properties of an object's schema and which are required."""
        name = self.schema_for(kind)["$ref"].rpartition("/")[2]
        schema = self.components[name]
        return schema["properties"], schema.get("required", ())


def _response_types(route: ApiRoute) -> Sequence[Any]:
    return [kind for kind in _alternatives(route) if not isinstance(kind, str)]


def _alternatives(route: ApiRoute) -> Sequence[Any]:
    """Return the types of the response, and the media types that are not JSON."""
    given = route.response_type
    return given if isinstance(given, tuple) else (given,)


def _operation(route: ApiRoute, schemas: _Schemas) -> JsonObject:
    operation: JsonObject = {
        "operationId": route.name,
        "summary": route.summary,
        "parameters": list(_parameters(route, schemas)),
        "responses": _responses(route, schemas),
    }
    body = _request_body(route, schemas)
    if body:
        operation["requestBody"] = body
    if route.permission is not None:
        operation["security"] = [{"token": []}]
        operation["description"] = f"Needs the permission `{route.permission}`."
    return operation


def _parameters(route: ApiRoute, schemas: _Schemas) -> Iterable[JsonObject]:
    for name in _PATH_PARAMETER.findall(route.path):
        yield {
            "name": _camel(name),
            "in": "path",
            "required": True,
            "schema": _INT64,
        }
    if route.query_type is not None:
        yield from _query_parameters(route.query_type, schemas)
    if route.raw_body_query is not None:
        # They belong to one of several body types, so none is required in general.
        for parameter in _query_parameters(route.raw_body_query, schemas):
            yield {**parameter, "required": False}
    for name, description in route.all_request_headers.items():
        yield {
            "name": name,
            "in": "header",
            "description": description,
            "schema": {"type": "string"},
        }


def _query_parameters(kind: Any, schemas: _Schemas) -> Iterable[JsonObject]:
    properties, required = schemas.object_properties(kind)
    for name, schema in properties.items():
        yield {
            "name": name,
            "in": "query",
            "required": name in required,
            "schema": schema,
        }


def _request_body(route: ApiRoute, schemas: _Schemas) -> JsonObject | None:
    if route.raw_body_types is not None:
        content = {
            k: {"schema": schemas.schema_for(t)}
            for k, t in route.raw_body_types.items()
        }
        return {"required": True, "content": content}
    if route.body_type is None:
        return None
    content = {JSON_MEDIA_TYPE: {"schema": schemas.schema_for(route.body_type)}}
    return {"required": route.body_required, "content": content}


def _responses(route: ApiRoute, schemas: _Schemas) -> JsonObject:
    good: JsonObject = {"description": HTTPStatus(route.status).phrase}
    media_types = [kind for kind in _alternatives(route) if isinstance(kind, str)]
    if media_types:
        good["content"] = {kind: {"schema": {}} for kind in media_types}
    elif route.response_type is not None:
        good["content"] = {
            JSON_MEDIA_TYPE: {"schema": _response_schema(route, schemas)}
        }
    statuses = {str(route.status): good}
    if route.created_status is not None:
        created = HTTPStatus(route.created_status).phrase
        statuses[str(route.created_status)] = {**good, "description": created}
    errors = {str(each): _problem(each, schemas) for each in route.error_statuses}
    return {**statuses, **errors}


def _response_schema(route: ApiRoute, schemas: _Schemas) -> JsonObject:
    alternatives = [schemas.schema_for(kind) for kind in _response_types(route)]
    return alternatives[0] if len(alternatives) == 1 else {"anyOf": alternatives}


def _problem(status: int, schemas: _Schemas) -> JsonObject:
    content = {"application/problem+json": {"schema": schemas.schema_for(Problem)}}
    return {"description": HTTPStatus(status).phrase, "content": content}


def _camel(path: str) -> str:
    return re.sub(r"_(\w)", lambda match: match[1].upper(), path)
