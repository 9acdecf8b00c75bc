"""Prints what commands hand over, in the form that the reader wants."""

import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import attrs
import msgspec
from rich.text import Text

from pushserver.cli.choices import choose
from pushserver.cli.printing import table
from pushserver.cli.printing.terminal import is_terminal, print_text, terminal_width
from pushserver.cli.printing.values import (
    Reader,
    format_exact,
    pretty_json,
    strip_unprintable,
)

Item = Mapping[str, Any]
_NO_NAMES: Mapping[str, str] = {}


@attrs.frozen(kw_only=True)
class Printer:
    """Prints as the options and the environment say: `NO_COLOR`, `TERM`, `COLUMNS`."""

    environ: Mapping[str, str] = attrs.field(repr=False)
    json: bool = False
    utc: bool = False
    wide: bool = False
    columns: Sequence[str] = ()

    @property
    def is_terminal(self) -> bool:
        """Whether people read what is printed."""
        return is_terminal()

    def print_note(self, text: str) -> None:
        """Print a line to stderr, apart from the output."""
        sys.stdout.flush()
        sys.stderr.write(strip_unprintable(text) + "\n")

    def print_line(self, text: str) -> None:
        """Print a line for people."""
        sys.stdout.write(strip_unprintable(text) + "\n")
        sys.stdout.flush()

    def print_json(self, value: Any) -> None:
        """Print a value as JSON: in one line, or indented on a terminal."""
        if self.is_terminal:
            self._print_text(pretty_json(value))
            return
        sys.stdout.write(msgspec.json.encode(value).decode() + "\n")
        sys.stdout.flush()

    def print_bytes(self, content: bytes) -> None:
        """Print what a device posted: as it is, or on a terminal so that it is read."""
        if not self.is_terminal:
            sys.stdout.buffer.write(content)
            sys.stdout.buffer.flush()
            return
        try:
            self.print_json(msgspec.json.decode(content))
        except (msgspec.DecodeError, UnicodeError):
            self.print_line(content.decode("utf-8", "replace"))

    def print_fields(self, fields: Item) -> None:
        """
        Print one thing: as JSON, or its fields one below the other.

        All of them, unless `--columns` names some.
        """
        if self.json:
            self.print_json(fields)
            return
        fields = self._picked(fields)
        if self.is_terminal:
            self._print_block(fields)
        else:
            for name, value in fields.items():
                sys.stdout.write(f"{name}\t{format_exact(value, name)}\n")
            sys.stdout.flush()

    def print_table(
        self,
        items: Iterable[Item],
        columns: Sequence[str],
        names: Mapping[str, str] = _NO_NAMES,
    ) -> None:
        """
        Print a list: as NDJSON, or a row for each item.

        *columns* are fields of the API, the most important first: a terminal shows
        those that fit. *names* are those of devices, by their ids.
        """
        if self.json:
            for item in items:
                self.print_json(item)
        elif self.is_terminal:
            rows = list(items)
            built = self._build(rows, self.choose_columns(columns), names)
            if rows:
                self._print_columns(built)
            else:
                self.print_note("There are none.")
        else:
            self.print_page(items, columns, is_first=True)

    def print_rows(
        self,
        items: Iterable[Item],
        columns: Sequence[str],
        names: Mapping[str, str] = _NO_NAMES,
    ) -> None:
        """
        Print a part of one thing: as a table, of which nothing is cut or left out.

        On a terminal that is too narrow for it, each row is a block of fields.
        """
        whole = attrs.evolve(self, columns=(), wide=True)
        if not self.is_terminal or self.json:
            whole.print_table(items, columns)
            return
        rows = list(items)
        cells = whole._build(rows, columns, names)
        built = [column for column in cells if not column.is_empty]
        lines = [*table.lines(table.whole(built))]
        if all(line.cell_len <= terminal_width(self.environ) for line in lines):
            self._print_text(Text(), *lines)
            return
        for row in rows:
            labelled = {**row, "deviceId": whole._device_cell(row, names).plain}
            self._print_text(Text())
            self._print_block({name: labelled.get(name) for name in columns})

    def print_row(self, item: Item, columns: Sequence[str]) -> None:
        """Print one row of a list that has no end, as soon as it is there."""
        chosen = self.choose_columns(columns)
        if self.json:
            self.print_json(item)
        elif self.is_terminal:
            # What scrolls by is not a moment old for long.
            printer = attrs.evolve(self, utc=True)
            cells = [each.cells[0] for each in printer._build([item], chosen)]
            line = Text("  ").join(cell for cell in cells if cell)
            if not self.wide:
                line = table.shorten(line, terminal_width(self.environ))
            self._print_text(line)
        else:
            self._write_exact(item, chosen)
            sys.stdout.flush()

    def print_page(
        self, items: Iterable[Item], columns: Sequence[str], *, is_first: bool
    ) -> None:
        """Print a page of a list for programs; the first one with a heading."""
        if self.json:
            self.print_table(items, columns)
            return
        names = self.choose_columns(columns)
        if is_first:
            sys.stdout.write("\t".join(names) + "\n")
        for item in items:
            self._write_exact(item, names)
        sys.stdout.flush()

    def _write_exact(self, item: Item, names: Iterable[str]) -> None:
        cells = (format_exact(item.get(name), name) for name in names)
        sys.stdout.write("\t".join(cells) + "\n")

    def choose_columns(self, columns: Sequence[str]) -> Sequence[str]:
        """
        Return the columns that `--columns` names, or all of them.

        Raises:
            UsageError: there is no such column.
        """
        if not self.columns:
            return columns
        by_name = _names_as_written(columns)
        return [
            by_name.get(_plain(each)) or choose(each, columns, "column")
            for each in self.columns
        ]

    def _picked(self, fields: Item) -> Item:
        """
        Return the fields that `--columns` names; it is said which there are not.

        What was asked for is done by now, so that it is no error.
        """
        by_name = _names_as_written(fields)
        names = {each: by_name.get(_plain(each)) for each in self.columns}
        if missing := [each for each, name in names.items() if name is None]:
            self.print_note(f"There is no {', '.join(missing)} here.")
        return {name: fields[name] for name in names.values() if name} or fields

    def _build(
        self,
        rows: Sequence[Item],
        columns: Sequence[str],
        names: Mapping[str, str] = _NO_NAMES,
    ) -> list[table.Column]:
        reader = self._reader()
        return [
            table.Column(
                name,
                [self._device_cell(row, names) for row in rows]
                if name == "deviceId"
                else [reader.cell(name, row.get(name)) for row in rows],
            )
            for name in columns
        ]

    def _device_cell(self, item: Item, names: Mapping[str, str]) -> Text:
        """Return the name of the device that *item* is about, or its id, or both."""
        device_id = item.get("deviceId") or ""
        name = item.get("deviceName") or names.get(device_id)
        if name is None:
            # What is not to be wrapped is not cut, either.
            return Text(strip_unprintable(device_id), no_wrap=True)
        return Text(strip_unprintable(f"{name} ({device_id})" if self.wide else name))

    def _print_columns(self, columns: Sequence[table.Column]) -> None:
        """Print what fits of a table, or all of it, as the options say."""
        shown = [each for each in columns if self.columns or not each.is_empty]
        if self.wide or self.columns:
            fitted = table.whole(shown)
        else:
            fitted = table.fit(shown, terminal_width(self.environ))
        self._print_text(*table.lines(fitted))

    def _print_block(self, fields: Item) -> None:
        reader = self._reader()
        texts = {name: reader.field(name, value) for name, value in fields.items()}
        shown = {name: text for name, text in texts.items() if text}
        indent = max(map(len, shown), default=0) + 2
        for name, text in shown.items():
            block = Text("\n" + " " * indent).join(text.split("\n"))
            self._print_text(Text.assemble((name.ljust(indent), "bold"), block))

    def _print_text(self, *lines: Text) -> None:
        print_text(self.environ, *lines)

    def _reader(self) -> Reader:
        return Reader(now=datetime.now(UTC), utc=self.utc)


def _names_as_written(names: Iterable[str]) -> dict[str, str]:
    """Return fields by what people may write for them: their names, or headings."""
    names = list(names)
    return {_plain(table.heading(name)): name for name in names} | {
        _plain(name): name for name in names
    }


def _plain(column: str) -> str:
    """Return the name of a column as people may write it."""
    return re.sub(r"[ _-]", "", column).lower()
