"""
Maps values to rows: each table names its columns once, with the fields they hold.

The lists of columns in SQL, and both ways between a row and its value, are made from
that. The tables themselves are in `…_rows`.
"""

import enum
from collections.abc import Callable, Collection, Iterable, Sequence
from operator import attrgetter
from typing import Any, Generic, TypeVar

import attrs
import msgspec

Row = Sequence[Any]
T = TypeVar("T")


def _unchanged(value: Any) -> Any:
    return value


@attrs.frozen
class Codec:
    """How a field is written and read; `null` stands in the column for None."""

    encode: Callable[[Any], Any] = _unchanged
    decode: Callable[[Any], Any] = _unchanged
    null: Any = None

    @property
    def is_plain(self) -> bool:
        """Tell whether the column holds the field's very value."""
        return self == PLAIN

    @property
    def is_encoded(self) -> bool:
        """Tell whether the column may hold anything else than the field's value."""
        return self.encode is not _unchanged or self.null is not None


PLAIN = Codec()
FLAG = Codec(int, bool)
BLOB = Codec(decode=bytes)


def enum_codec(members: type[enum.Enum]) -> Codec:
    """Return the codec of an enum, which is stored by its value."""
    # `value` is the same through two calls more, and a member of a StrEnum makes the
    # SQLite module look for an adapter. To call the enum takes some calls, too.
    by_value = {member.value: member for member in members}
    return Codec(attrgetter("_value_"), by_value.__getitem__)


def json_codec(value_type: Any) -> Codec:
    """Return the codec of what is stored as JSON text."""
    return Codec(
        lambda value: msgspec.json.encode(value).decode(),
        msgspec.json.Decoder(value_type).decode,
    )


@attrs.frozen
class Column:
    """
    A column, and the field it holds: an attribute's path, such as `order.verb`.

    `argument` is what the field is called where a value is made of a row.
    """

    name: str
    field: str = attrs.field()
    codec: Codec = PLAIN
    argument: str = attrs.field(kw_only=True)

    @field.default
    def _same_as_name(self) -> str:
        return self.name

    @argument.default
    def _last_of_path(self) -> str:
        return self.field.rpartition(".")[2]


def _as_columns(columns: Sequence[str | Column]) -> tuple[Column, ...]:
    """Return *columns*; a text lists the names of plain ones, as SQL does."""
    found: list[Column] = []
    for each in columns:
        if isinstance(each, str):
            found += map(Column, each.split(", "))
        else:
            found.append(each)
    return tuple(found)


class RowWriter:
    """Makes rows of some columns of values."""

    def __init__(self, columns: Sequence[Column]) -> None:
        paths = [column.field for column in columns]
        self._get = attrgetter(*paths)
        self._is_single = len(paths) == 1
        self._encoders = [
            (index, column.codec.encode, column.codec.null)
            for index, column in enumerate(columns)
            if column.codec.is_encoded
        ]

    def __call__(self, value: Any) -> Row:
        """Return the row of one value."""
        return self.rows((value,))[0]

    def rows(self, values: Iterable[Any]) -> Sequence[Row]:
        """Return the row of each value, as it is now."""
        found = map(self._get, values)
        rows = [[field] if self._is_single else list(field) for field in found]
        for index, encode, null in self._encoders:
            for row in rows:
                row[index] = null if row[index] is None else encode(row[index])
        return rows


@attrs.frozen(eq=False)
class Table(Generic[T]):
    """
    Some columns of a table, and the value that a row of them makes.

    `make` gets each field by its name. The first column is never NULL where there is
    a row.
    """

    name: str
    make: Callable[..., T]
    columns: tuple[Column, ...] = attrs.field(converter=_as_columns)
    row: RowWriter = attrs.field(init=False)
    #: Returns the value that a row holds.
    read: Callable[[Row], T] = attrs.field(init=False)

    @row.default
    def _row_writer(self) -> RowWriter:
        return RowWriter(self.columns)

    @read.default
    def _compile_reader(self) -> Callable[[Row], T]:
        """Compile one call of `make`: rows are many, and a loop takes twice as long."""
        names: dict[str, Any] = {"make": self.make}
        arguments = []
        for at, column in enumerate(self.columns):
            value, codec = f"row[{at}]", column.codec
            if not codec.is_plain:
                names |= {f"decode{at}": codec.decode, f"null{at}": codec.null}
                is_null = f"{value} is None or {value} == null{at}"
                value = f"None if {is_null} else decode{at}({value})"
            arguments.append(f"{column.argument}={value}")
        # Of names of ours alone.
        reader: Callable[[Row], T] = eval(  # noqa: S307
            f"lambda row: make({', '.join(arguments)})", names
        )
        return reader

    @property
    def column_list(self) -> str:
        """The columns, as SQL lists them."""
        return ", ".join(column.name for column in self.columns)

    @property
    def qualified(self) -> str:
        """The same, each after the table's name, for joins."""
        return ", ".join(f"{self.name}.{column.name}" for column in self.columns)

    def aliased(self, name: str) -> "Table[T]":
        """Return the table under the name that a statement gives it."""
        return attrs.evolve(self, name=name)

    def pick(self, *names: str) -> list[Column]:
        """Return the columns of these names."""
        by_name = {column.name: column for column in self.columns}
        return [by_name[name] for name in names]

    def with_fields(self, fields: Collection[str]) -> list[Column]:
        """Return the columns that hold these fields."""
        return [column for column in self.columns if column.field in fields]

    def find(self, row: Row | None) -> T | None:
        """Return the value that *row* holds, if there is one."""
        return None if row is None else self.read(row)


@attrs.frozen
class Join:
    """The columns of several tables in one statement."""

    tables: tuple[Table[Any], ...]

    @classmethod
    def of(cls, *tables: Table[Any]) -> "Join":
        """Return the join of *tables*."""
        return cls(tables)

    @property
    def column_list(self) -> str:
        """The columns, as SQL lists them."""
        return ", ".join(table.qualified for table in self.tables)

    def read(self, row: Row) -> list[Any]:
        """Return each table's value; None where a LEFT JOIN found nothing."""
        values, start = [], 0
        for table in self.tables:
            end = start + len(table.columns)
            own = row[start:end]
            values.append(None if own[0] is None else table.read(own))
            start = end
        return values


def assignments(columns: Sequence[Column]) -> str:
    """Return what UPDATE sets *columns* to, a placeholder for each."""
    return ", ".join(f"{column.name} = ?" for column in columns)
