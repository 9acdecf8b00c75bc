#!/usr/bin/env python3
"""Write the types of `pushserver.client` anew, from the API's description.

    python -m scripts.client_types

A schema is in the module of the first part of the API whose calls have it; so no module
imports a later one. A test fails while a module is not what this makes of it.
"""

import json
import subprocess
import sys
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import attrs

from pushserver.web.api import ROUTES
from pushserver.web.api.openapi.document import document
from pushserver.web.api.tags import Tag

FOLDER = Path(__file__).parents[1] / "pushserver/client/types"
#: Fields that calls take as arguments of their own; the others are their options.
ARGUMENTS: Mapping[str, Sequence[str]] = {
    "OperationInput": ("deviceId", "steps"),
    "TaskInput": ("targets", "steps", "dryRun"),
    "UpgradeInput": ("targets", "targetVersion", "phases", "dryRun"),
    "ShadowsInput": ("targets", "desired", "dryRun"),
    "NotificationInput": ("progress",),
    "SubscriptionInput": ("url", "events"),
    "TokenInput": ("name", "permissions"),
    "PurgeInput": ("before",),
}
#: The calls whose query is a type, and what of it is an argument of its own.
QUERIES: Mapping[str, Sequence[str]] = {
    "listCommands": (),
    "cancelCommandsOfDevice": ("dryRun",),
    "enqueueBytes": (),
    "listResults": ("wait",),
    "listDevices": (),
    "exportDevices": ("format",),
    "listOperations": (),
    "listNotifications": (),
    "listTasks": (),
    "listDevicesOfTask": (),
    "listUpgrades": (),
    "listDevicesOfUpgrade": (),
    "listDeliveries": (),
    "streamEvents": ("lastEventId",),
    "listAudit": (),
}
#: In this order; those of shadows name tasks.
PARTS = (*(tag for tag in Tag if tag is not Tag.SHADOWS), Tag.SHADOWS)
_REF = "#/components/schemas/"
_SCALARS = {
    "string": "str",
    "integer": "int",
    "number": "float",
    "boolean": "bool",
    "null": "None",
}
#: Where an event resumes a stream is beside it on the wire.
_STREAM_ID = {
    "type": "string",
    "description": "Where a stream goes on after it; webhooks have it as a header.",
}

#: How long a line of a docstring may be.
_TEXT_WIDTH = 84

Schema = dict[str, Any]


def render() -> dict[str, str]:
    """Return the text of each module, by the name of its file."""
    schemas = _Schemas.of(json.loads(json.dumps(document(ROUTES))))
    texts = {f"{tag}.py": _module(schemas, tag) for tag in Tag if schemas.in_part(tag)}
    return {name: _format(text) for name, text in texts.items()} | {
        "__init__.py": _format(_package(schemas))
    }


@attrs.frozen
class _Schemas:
    """All schemas by their names, and the part of the API where each is described."""

    by_name: Mapping[str, Schema]
    parts: dict[str, Tag] = attrs.field(factory=dict)

    @classmethod
    def of(cls, description: Schema) -> "_Schemas":
        """Return what *description* has, and the queries of its calls."""
        calls = [
            call for path in description["paths"].values() for call in path.values()
        ]
        queries = {
            _query_name(c): _query(c) for c in calls if c["operationId"] in QUERIES
        }
        schemas = cls({**description["components"]["schemas"], **queries})
        for tag in PARTS:
            for call in (each for each in calls if tag in each["tags"]):
                schemas.place(call, tag)
                if call["operationId"] in QUERIES:
                    schemas.place({"$ref": _REF + _query_name(call)}, tag)
        schemas.place(description["components"]["responses"], Tag.SERVER)
        schemas.place(description["webhooks"], Tag.WEBHOOKS)
        return schemas

    def place(self, node: Any, tag: Tag) -> None:
        """Put into a part what *node* names and was in none before."""
        for name in _refs(node):
            if name not in self.parts:
                self.place(self.by_name[name], tag)
                self.parts.setdefault(name, tag)

    def in_part(self, tag: Tag) -> list[str]:
        """Return the names of a part; what others are made of comes first."""
        return [name for name, part in self.parts.items() if part is tag]

    def events(self) -> list[str]:
        """Return the names of what streams send."""
        return [
            name
            for name in self.in_part(Tag.WEBHOOKS)
            if name.endswith("Event") and name != "PingEvent"
        ]


def _refs(node: Any) -> Iterator[str]:
    """Yield the names of the schemas that *node* refers to."""
    if isinstance(node, dict):
        if "$ref" in node and node["$ref"].startswith(_REF):
            yield node["$ref"].removeprefix(_REF)
        node = list(node.values())
    if isinstance(node, list):
        for each in node:
            yield from _refs(each)


def _query_name(call: Schema) -> str:
    name: str = call["operationId"]
    return f"{name[0].upper()}{name[1:]}Query"


def _query(call: Schema) -> Schema:
    """Return the parameters of a call's query as a schema."""
    left_out = QUERIES[call["operationId"]]
    parameters = [
        each
        for each in call["parameters"]
        if each["in"] == "query" and each["name"] not in left_out
    ]
    return {
        "description": f"The query of `{call['operationId']}`.",
        "properties": {
            each["name"]: {**each["schema"], "description": each["description"]}
            for each in parameters
        },
        "required": [each["name"] for each in parameters if each["required"]],
    }


def _module(schemas: _Schemas, tag: Tag) -> str:
    names = schemas.in_part(tag)
    lines = [
        f'"""Types of the API: {tag}.',
        "",
        "Made by scripts/client_types.py from the API's description: do not edit.",
        '"""',
        "from collections.abc import Mapping, Sequence",
        "from typing import Any, Literal, NotRequired, TypedDict",
        *_imports(schemas, names, tag),
    ]
    for name in names:
        lines += _definition(name, schemas.by_name[name], name in schemas.events())
    if tag is Tag.WEBHOOKS:
        lines += _union(schemas.events())
    return "\n".join(lines)


def _imports(schemas: _Schemas, names: Sequence[str], tag: Tag) -> Iterator[str]:
    """Yield what a module has from earlier ones."""
    used = {ref for name in names for ref in _refs(schemas.by_name[name])}
    for name in sorted(used):
        if (part := schemas.parts[name]) is not tag:
            yield f"from pushserver.client.types.{part} import {name}"


def _package(schemas: _Schemas) -> str:
    names = [*schemas.parts, *_options_names(), "StreamEvent", "MissedEvents"]
    lines = [
        '"""What the API takes and returns: dictionaries, as they are on the wire.',
        "",
        "Fields and names are those of docs/api.md; a field that may be left out is",
        "`NotRequired`: read it with `get`. Made by scripts/client_types.py.",
        '"""',
    ]
    for tag in Tag:
        exported = [n for n in names if _part_of(schemas, n) is tag]
        if exported:
            lines.append(
                f"from pushserver.client.types.{tag} import {', '.join(exported)}"
            )
    return "\n".join([*lines, f"__all__ = {sorted(names)!r}"])


def _options_names() -> list[str]:
    return [_options_name(name) for name in ARGUMENTS]


def _options_name(name: str) -> str:
    return name.removesuffix("Input") + "Options"


def _part_of(schemas: _Schemas, name: str) -> Tag:
    if name in ("StreamEvent", "MissedEvents"):
        return Tag.WEBHOOKS
    is_options = name in _options_names()
    return schemas.parts[name.removesuffix("Options") + "Input" if is_options else name]


def _definition(name: str, schema: Schema, is_event: bool) -> Iterator[str]:
    """Yield the lines that define a type."""
    if "enum" in schema:
        yield f"{name} = {_type(schema, is_taken=False)}"
        yield textwrap.dedent(_doc(schema["description"]))
        return
    fields, base = dict(schema["properties"]), "TypedDict"
    if is_event:
        fields = {"id": _STREAM_ID, **fields}
    if name in ARGUMENTS:
        base = _options_name(name)
        options = {k: v for k, v in fields.items() if k not in ARGUMENTS[name]}
        what = {"description": f"The fields of `{name}` that are no arguments."}
        yield from _typed_dict(base, "TypedDict", {**schema, **what}, options)
        fields = {k: v for k, v in fields.items() if k in ARGUMENTS[name]}
    yield from _typed_dict(name, base, schema, fields)


def _typed_dict(
    name: str, base: str, schema: Schema, fields: Mapping[str, Schema]
) -> Iterator[str]:
    yield f"class {name}({base}):"
    yield _doc(schema["description"])
    # What a program gives may be any sequence or mapping. In a query, one of many is a
    # list, and None is not sent.
    is_query = name.endswith("Query")
    is_taken = is_query or name.endswith(("Input", "Patch", "Options"))
    for field, each in fields.items():
        kind = _type(each, is_taken=is_taken)
        if is_query and each.get("type") == "array":
            kind = f"{_type(each['items'], is_taken=True)} | {kind}"
        kind += " | None" if is_query else ""
        is_required = field in schema.get("required", ())
        yield f"    {field}: {kind if is_required else f'NotRequired[{kind}]'}"
        yield _doc(each["description"])


def _doc(description: str) -> str:
    """Return a description as a docstring, in lines that are short enough."""
    line = f'"""{" ".join(description.split())}"""'
    if len(line) > _TEXT_WIDTH:
        line = f'"""\n{textwrap.fill(line[3:-3], _TEXT_WIDTH)}\n"""'
    return textwrap.indent(line, "    ")


def _type(schema: Schema, *, is_taken: bool) -> str:
    """Return the type of a value; any JSON is `Any`."""
    if "$ref" in schema:
        return str(schema["$ref"]).removeprefix(_REF)
    if "enum" in schema:
        return f"Literal[{', '.join(map(repr, schema['enum']))}]"
    kinds = schema.get("type", "any")
    kinds = kinds if isinstance(kinds, list) else [kinds]
    return " | ".join(_type_of_kind(kind, schema, is_taken) for kind in kinds)


def _type_of_kind(kind: str, schema: Schema, is_taken: bool) -> str:
    if kind == "array":
        item = _type(schema["items"], is_taken=is_taken)
        return f"{'Sequence' if is_taken else 'list'}[{item}]"
    if kind == "object":
        value = _type(schema.get("additionalProperties", {}), is_taken=is_taken)
        return f"{'Mapping' if is_taken else 'dict'}[str, {value}]"
    return _SCALARS.get(kind, "Any")


def _union(events: Sequence[str]) -> Iterator[str]:
    """Yield what a stream may send: an event, or how many of them it left out."""
    missed = {
        "description": "How many events were left out, since their reader was slow.",
        "properties": {
            "id": _STREAM_ID,
            "type": {"enum": ["missed"], "description": "That events were left out."},
            "missed": {"type": "integer", "description": "How many, if that is known."},
        },
        "required": ["type"],
    }
    yield from _typed_dict("MissedEvents", "TypedDict", missed, missed["properties"])  # type: ignore[arg-type]
    yield f"StreamEvent = {' | '.join(events)} | MissedEvents"
    yield '"""What a stream sends; `type` says which."""'


def _format(text: str) -> str:
    """Return *text* as the project formats it, its imports in order."""
    ruff = [sys.executable, "-m", "ruff"]
    for command in (
        [
            *ruff,
            "check",
            "--quiet",
            "--select",
            "F401,I,RUF022",
            "--fix",
            "--exit-zero",
            "-",
        ],
        [*ruff, "format", "-"],
    ):
        text = subprocess.run(  # noqa: S603 - the project's own formatter
            command, input=text, stdout=subprocess.PIPE, text=True, check=True
        ).stdout
    return text


def main() -> None:
    """Write each module."""
    FOLDER.mkdir(exist_ok=True)
    for name, text in render().items():
        (FOLDER / name).write_text(text, "utf-8")


if __name__ == "__main__":
    main()
