"""What every command is given: the server, the token, and how to print."""

import re
import sys
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from typing import Annotated, Any, Self

import attrs
import msgspec
from cyclopts import Parameter
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from pushserver.client import Client

SERVER = "http://127.0.0.1:8080"
#: Columns to print where there is no terminal to ask.
WIDE = 240
_INSTANT = re.compile(r"^(\d{4}-\d\d-\d\d)T(\d\d:\d\d:\d\d)\.\d+Z$")


class Usage(Exception):
    """The command line makes no sense; exit code 2."""


class Refusal(Exception):
    """What was asked for cannot be done; exit code 1."""


@attrs.frozen(kw_only=True)
class Here:
    """Where a command runs."""

    environ: Mapping[str, str] = attrs.field(repr=False)
    server: str
    token: str | None = attrs.field(repr=False)
    json: bool

    @classmethod
    def of(
        cls,
        environ: Mapping[str, str],
        *,
        server: str | None,
        token: str | None,
        json: bool,
    ) -> Self:
        """Return what the flags say, else the environment, else the default."""
        server = server or environ.get("PUSHSERVER_SERVER") or SERVER
        if "://" not in server:
            server = f"http://{server}"
        token = token or environ.get("PUSHSERVER_TOKEN") or None
        return cls(environ=environ, server=server, token=token, json=json)

    def client(self) -> Client:
        """Return a client for the server; to be used with `async with`."""
        return Client(self.server, self.token)

    def note(self, text: str) -> None:
        """Say something that is no part of the output."""
        sys.stderr.write(clean(text) + "\n")

    def line(self, text: str) -> None:
        """Print a line for people."""
        sys.stdout.write(clean(text) + "\n")
        sys.stdout.flush()

    def object(self, value: Any) -> None:
        """Print a value as one line of JSON."""
        sys.stdout.write(msgspec.json.encode(value).decode() + "\n")
        sys.stdout.flush()

    def show(self, fields: Mapping[str, Any]) -> None:
        """Print one thing: as JSON, or its fields one below the other."""
        if self.json:
            self.object(fields)
            return
        table = Table(box=None, show_header=False, pad_edge=False)
        for name, value in fields.items():
            table.add_row(Text(name, style="bold"), Text(cell(value)))
        _console().print(table)

    def table(self, items: Iterable[Mapping[str, Any]], names: Sequence[str]) -> None:
        """Print a list: as NDJSON, or a table of the fields in *names*."""
        if self.json:
            for item in items:
                self.object(item)
            return
        console = _console()
        written = _brief if console.is_terminal else cell
        table = Table(box=box.SIMPLE_HEAD, pad_edge=False, collapse_padding=True)
        for name in names:
            # An id that is cut is of no use to anybody.
            is_id = name.lower().endswith("id")
            table.add_column(name, no_wrap=is_id, overflow="fold")
        for item in items:
            table.add_row(*(Text(written(item.get(name))) for name in names))
        console.print(table)

    async def stream(
        self, items: AsyncIterator[Mapping[str, Any]], names: Sequence[str]
    ) -> None:
        """Print a list that comes page by page; as NDJSON, each as it comes."""
        if not self.json:
            self.table([item async for item in items], names)
            return
        async for item in items:
            self.object(item)


#: A parameter that the command line fills in and nobody can give.
InHere = Annotated[Here, Parameter(parse=False)]


def clean(text: str) -> str:
    """Return *text* without what would steer a terminal: devices send anything."""
    return "".join(c if c.isprintable() or c == "\n" else "�" for c in text)


def cell(value: Any) -> str:
    """Return a value as people read it in a table."""
    if value is None:
        return ""
    if isinstance(value, str):
        return clean(value)
    if isinstance(value, bool):
        return "yes" if value else "no"
    return clean(msgspec.json.encode(value).decode())


def _brief(value: Any) -> str:
    """Return a value for a narrow table: an instant to the second, in two words."""
    return _INSTANT.sub(r"\1 \2Z", cell(value))


def _console() -> Console:
    """Return where tables are printed; wide where there is no terminal."""
    console = Console(file=sys.stdout)
    if not console.is_terminal:
        console.width = WIDE
    return console
