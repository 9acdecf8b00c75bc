"""JSON Schema of the types that decode requests and encode answers."""

import enum
import inspect as python_inspect
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec
from msgspec import NODEFAULT, inspect

from pushserver.web.api.openapi.field_docs import field_docs

JsonObject = dict[str, Any]

_REF = "#/components/schemas/"
_INT32_END = 2**31
#: Bytes, as generators of clients know them.
BYTES_SCHEMA: Mapping[str, Any] = {"type": "string", "format": "binary"}
_SCALARS: Mapping[type[inspect.Type], Mapping[str, str]] = {
    inspect.NoneType: {"type": "null"},
    inspect.BoolType: {"type": "boolean"},
    inspect.FloatType: {"type": "number", "format": "double"},
    inspect.StrType: {"type": "string"},
    inspect.DateTimeType: {"type": "string", "format": "date-time"},
    # Any JSON.
    inspect.RawType: {},
    inspect.AnyType: {},
}
#: msgspec's names of limits, and those of JSON Schema.
_LIMITS: Mapping[type[inspect.Type], Mapping[str, str]] = {
    inspect.IntType: {"ge": "minimum", "le": "maximum"},
    inspect.FloatType: {"ge": "minimum", "gt": "exclusiveMinimum", "le": "maximum"},
    inspect.StrType: {
        "min_length": "minLength",
        "max_length": "maxLength",
        "pattern": "pattern",
    },
    inspect.ListType: {"min_length": "minItems", "max_length": "maxItems"},
    inspect.VarTupleType: {"min_length": "minItems", "max_length": "maxItems"},
    inspect.DictType: {"min_length": "minProperties", "max_length": "maxProperties"},
}


class Schemas:
    """Makes schemas; those of classes and enums are kept as components, by name."""

    def __init__(self) -> None:
        self.components: dict[str, JsonObject] = {}
        self._types: dict[str, type] = {}

    def schema_for(self, kind: Any) -> JsonObject:
        """Return the schema of a type, or the reference to it."""
        if kind is bytes:
            return dict(BYTES_SCHEMA)
        return self._schema(inspect.type_info(kind))

    def fields_of(self, kind: type[msgspec.Struct]) -> Sequence[tuple[Any, JsonObject]]:
        """Return each field of a class, with its schema."""
        info = inspect.type_info(kind)
        assert isinstance(info, inspect.StructType)  # noqa: S101 - of a Struct
        docs = field_docs(kind)
        return [
            (field, self._field_schema(field, docs.get(field.name)))
            for field in info.fields
        ]

    def narrowed(
        self,
        kind: type[msgspec.Struct],
        fields: Mapping[str, JsonObject],
        name: str | None = None,
    ) -> JsonObject:
        """Return the reference to a class with narrower *fields*, under its *name*."""
        name = name or public_name(kind)
        schema = self._object(kind)
        for field_name, narrower in fields.items():
            described = schema["properties"][field_name]["description"]
            schema["properties"][field_name] = {**narrower, "description": described}
        self.components[name] = schema
        return {"$ref": _REF + name}

    def _schema(self, info: inspect.Type) -> JsonObject:
        match info:
            case inspect.Metadata():
                extra = info.extra_json_schema or {}
                # A type that says all of its schema takes more than is described.
                plain = {} if "type" in extra else self._schema(info.type)
                return self._titled({**plain, **extra})
            case inspect.StructType():
                return self._component(info.cls, info)
            case inspect.EnumType():
                return self._component(info.cls, info)
            case inspect.UnionType():
                return self._union(info)
        return {**self._plain(info), **_limits(info)}

    def _titled(self, schema: JsonObject) -> JsonObject:
        """Return a schema, or the reference to one that has a title: its name."""
        name = schema.pop("title", None)
        if name is None:
            return schema
        names = {"x-enum-varnames": _choice_names(name, schema["enum"])}
        self.components[name] = schema | names
        return {"$ref": _REF + name}

    def _plain(self, info: inspect.Type) -> JsonObject:
        """Return the schema of a type without a name, but for its limits."""
        match info:
            case inspect.ListType() | inspect.VarTupleType():
                return {"type": "array", "items": self._schema(info.item_type)}
            case inspect.DictType():
                return self._map(info)
            case inspect.LiteralType():
                return {"type": "string", "enum": list(info.values)}
            case inspect.IntType():
                is_short = info.le is not None and info.le < _INT32_END
                return {"type": "integer", "format": "int32" if is_short else "int64"}
        return dict(_SCALARS[type(info)])

    def _map(self, info: inspect.DictType) -> JsonObject:
        schema = {
            "type": "object",
            "additionalProperties": self._schema(info.value_type),
        }
        key_limits = _limits(info.key_type)
        return schema | ({"propertyNames": key_limits} if key_limits else {})

    def _union(self, info: inspect.UnionType) -> JsonObject:
        """Return the schema of one kind, or null; several kinds are any JSON."""
        kinds = [each for each in info.types if not _is_unset(each)]
        schemas = [self._schema(each) for each in kinds]
        named = [each for each in schemas if each != {"type": "null"}]
        if len(named) == 1:
            if len(schemas) == 1:
                return named[0]
            return {**named[0], "type": [named[0]["type"], "null"]}
        return {}

    def _component(
        self, cls: type, info: inspect.StructType | inspect.EnumType
    ) -> JsonObject:
        """Return the reference to a class, whose schema is made once."""
        name = public_name(cls)
        known = self._types.setdefault(name, cls)
        if known is not cls:
            raise ValueError(f"Both {known} and {cls} would be called {name}.")
        if name not in self.components:
            self.components[name] = {}
            is_enum = isinstance(info, inspect.EnumType)
            self.components[name] |= _enum(cls) if is_enum else self._object(cls)
        return {"$ref": _REF + name}

    def _object(self, cls: type[Any]) -> JsonObject:
        fields = self.fields_of(cls)
        required = [field.encode_name for field, _ in fields if field.required]
        schema: JsonObject = {
            "type": "object",
            "description": description_of(cls),
            "properties": {field.encode_name: schema for field, schema in fields},
        }
        if required:
            schema["required"] = required
        if cls.__struct_config__.forbid_unknown_fields:
            schema["additionalProperties"] = False
        return schema

    def _field_schema(self, field: Any, doc: str | None) -> JsonObject:
        schema = self._schema(_without_absent(field))
        described = doc or schema.get("description", "")
        default = _shown_default(field)
        if default is not None:
            described += f" Left out, it is `{default}`."
        return {**schema, "description": described}


def public_name(cls: type) -> str:
    """Return what programs know a class as: what they send is an `…Input`."""
    name = cls.__name__.removeprefix("_")
    return name.removesuffix("Out") if not name.endswith("In") else f"{name}put"


def description_of(documented: Any) -> str:
    """Return what is said of a class or a function, on one line a paragraph."""
    text = python_inspect.cleandoc(documented.__doc__ or "")
    return "\n\n".join(" ".join(each.split()) for each in text.split("\n\n"))


def _enum(cls: type[enum.Enum]) -> JsonObject:
    return {
        "type": "string",
        "description": description_of(cls),
        "enum": [member.value for member in cls],
        "x-enum-varnames": _choice_names(public_name(cls), list(cls.__members__)),
    }


def _choice_names(name: str, choices: Iterable[str]) -> list[str]:
    """Return what choices are called in languages where all share one package."""
    return [_upper(f"{name}_{choice}") for choice in choices]


def _upper(name: str) -> str:
    """Return a name in upper case, its words apart."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])|\W", "_", name).upper()


def _limits(info: inspect.Type) -> JsonObject:
    while isinstance(info, inspect.Metadata):
        info = info.type
    names = _LIMITS.get(type(info), {})
    limits = {wire: getattr(info, name) for name, wire in names.items()}
    return {wire: limit for wire, limit in limits.items() if limit is not None}


def _is_unset(info: inspect.Type) -> bool:
    return isinstance(info, inspect.CustomType) and info.cls is msgspec.UnsetType


def _without_absent(field: Any) -> inspect.Type:
    """Return a field's type; None means nothing where it is what is left out."""
    info: inspect.Type = field.type
    if field.default is not None or not isinstance(info, inspect.UnionType):
        return info
    given = tuple(e for e in info.types if not isinstance(e, inspect.NoneType))
    return given[0] if len(given) == 1 else inspect.UnionType(given)


def _shown_default(field: Any) -> str | None:
    """Return what a request has where a field is left out, if it is worth telling."""
    default = field.default
    if default in (NODEFAULT, None, msgspec.UNSET):
        return None
    return str(default).lower() if isinstance(default, bool) else str(default)
