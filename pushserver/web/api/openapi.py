"""The OpenAPI document: made of the routes and types that serve."""

import re
from collections.abc import Iterable, Mapping, Sequence
from http import HTTPStatus
from typing import Any

import msgspec

from pushserver import __version__
from pushserver.web.api.route import BASE, JSON, Route
from pushserver.web.problems import Problem

_PARAMETER = re.compile(r"\{(\w+)\}")
_REF = "#/components/schemas/{name}"
_INT64 = {"type": "string", "pattern": "^[0-9]{1,19}$"}
_ALWAYS = (401, 403)

Json = dict[str, Any]

#: Bodies that are no JSON: text, and bytes, of which OpenAPI says nothing more.
_PLAIN: Mapping[Any, Json] = {str: {"type": "string"}, bytes: {}}


def document(routes: Sequence[Route[Any, Any]]) -> Json:
    """Return the description of *routes* in OpenAPI 3.1."""
    schemas = _Schemas(routes)
    paths: dict[str, Json] = {}
    for route in routes:
        paths.setdefault(BASE + _camel(route.path), {})[route.method.lower()] = (
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
    """The schema of each type that a route names."""

    def __init__(self, routes: Iterable[Route[Any, Any]]) -> None:
        types: list[Any] = [Problem]
        for route in routes:
            named = (route.query, route.body, route.parameters, *_answers(route))
            types += [kind for kind in named if kind is not None]
            types += [t for t in (route.media or {}).values() if t not in _PLAIN]
        made, self.components = msgspec.json.schema_components(types, ref_template=_REF)
        self._made = list(zip(types, made, strict=True))

    def of(self, kind: Any) -> Json:
        """Return the schema, or the reference to it."""
        if kind in _PLAIN:
            return _PLAIN[kind]
        return next(schema for known, schema in self._made if known == kind)

    def fields(self, kind: Any) -> tuple[Mapping[str, Json], Sequence[str]]:
        """Return the properties of an object's schema and which are required."""
        name = self.of(kind)["$ref"].rpartition("/")[2]
        schema = self.components[name]
        return schema["properties"], schema.get("required", ())


def _answers(route: Route[Any, Any]) -> Sequence[Any]:
    if isinstance(route.answer, tuple):
        return route.answer
    return () if isinstance(route.answer, str) else (route.answer,)


def _operation(route: Route[Any, Any], schemas: _Schemas) -> Json:
    operation: Json = {
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


def _parameters(route: Route[Any, Any], schemas: _Schemas) -> Iterable[Json]:
    for name in _PARAMETER.findall(route.path):
        yield {
            "name": _camel(name),
            "in": "path",
            "required": True,
            "schema": _INT64,
        }
    if route.query is not None:
        yield from _query(route.query, schemas)
    if route.parameters is not None:
        # They go with one of several bodies: not required in general.
        for parameter in _query(route.parameters, schemas):
            yield {**parameter, "required": False}
    for name, description in route.headers.items():
        yield {
            "name": name,
            "in": "header",
            "description": description,
            "schema": {"type": "string"},
        }


def _query(kind: Any, schemas: _Schemas) -> Iterable[Json]:
    properties, required = schemas.fields(kind)
    for name, schema in properties.items():
        yield {
            "name": name,
            "in": "query",
            "required": name in required,
            "schema": schema,
        }


def _request_body(route: Route[Any, Any], schemas: _Schemas) -> Json | None:
    if route.media is not None:
        content = {k: {"schema": schemas.of(t)} for k, t in route.media.items()}
        return {"required": True, "content": content}
    if route.body is None:
        return None
    content = {JSON: {"schema": schemas.of(route.body)}}
    return {"required": route.body_required, "content": content}


def _responses(route: Route[Any, Any], schemas: _Schemas) -> Json:
    good: Json = {"description": HTTPStatus(route.status).phrase}
    if isinstance(route.answer, str):
        good["content"] = {route.answer: {"schema": {}}}
    elif route.answer is not None:
        good["content"] = {JSON: {"schema": _answer(route, schemas)}}
    statuses = {str(route.status): good}
    if route.created is not None:
        created = HTTPStatus(route.created).phrase
        statuses[str(route.created)] = {**good, "description": created}
    bad = (*_ALWAYS, *route.problems) if route.permission else route.problems
    return {**statuses, **{str(s): _problem(s, schemas) for s in bad}}


def _answer(route: Route[Any, Any], schemas: _Schemas) -> Json:
    each = [schemas.of(kind) for kind in _answers(route)]
    return each[0] if len(each) == 1 else {"anyOf": each}


def _problem(status: int, schemas: _Schemas) -> Json:
    content = {"application/problem+json": {"schema": schemas.of(Problem)}}
    return {"description": HTTPStatus(status).phrase, "content": content}


def _camel(path: str) -> str:
    return re.sub(r"_(\w)", lambda match: match[1].upper(), path)
