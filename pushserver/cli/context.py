"""The context of every command: the server, the token, and how to print."""

import re
import sys
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any, Self

import attrs
import msgspec
from cyclopts import Parameter
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from pushserver.client import Client

DEFAULT_SERVER = "http://127.0.0.1:8080"
#: Width of the output where there is no terminal.
NON_TTY_WIDTH = 240
#: Wide enough for any field of one thing, so that no list in it is cut in two.
_UNBOUNDED = 1_000_000
_INSTANT = re.compile(r"^(\d{4}-\d\d-\d\d)T(\d\d:\d\d:\d\d)\.\d+Z$")


class UsageError(Exception):
    """The command line is used wrongly; exit code 2."""


class CliError(Exception):
    """The command cannot be carried out; exit code 1."""


@attrs.frozen(kw_only=True)
class CliContext:
    """Server, token and output format of one run."""

    environ: Mapping[str, str] = attrs.field(repr=False)
    server: str
    token: str | None = attrs.field(repr=False)
    json: bool

    @classmethod
    def from_flags(
        cls,
        environ: Mapping[str, str],
        *,
        server: str | None,
        token: str | None,
        json: bool,
    ) -> Self:
        """Take each value from its flag, else the environment, else the default."""
        server = server or environ.get("PUSHSERVER_SERVER") or DEFAULT_SERVER
        if "://" not in server:
            server = f"http://{server}"
        token = token or environ.get("PUSHSERVER_TOKEN") or None
        return cls(environ=environ, server=server, token=token, json=json)

    def client(self) -> "Client":
        """Return a client for the server; to be used with `async with`."""
        # `serve` and help do without it, and start faster for that.
        from pushserver.client import Client  # noqa: PLC0415

        return Client(self.server, self.token)

    def print_note(self, text: str) -> None:
        """Print a line to stderr, apart from the output."""
        sys.stderr.write(strip_unprintable(text) + "\n")

    def print_line(self, text: str) -> None:
        """Print a line for people."""
        sys.stdout.write(strip_unprintable(text) + "\n")
        sys.stdout.flush()

    def print_json(self, value: Any) -> None:
        """Print a value as one line of JSON."""
        sys.stdout.write(msgspec.json.encode(value).decode() + "\n")
        sys.stdout.flush()

    def print_fields(self, fields: Mapping[str, Any]) -> None:
        """Print one thing: as JSON, or its fields one below the other."""
        if self.json:
            self.print_json(fields)
            return
        table = Table(box=None, show_header=False, pad_edge=False)
        for name, value in fields.items():
            table.add_row(Text(name, style="bold"), Text(format_cell(value)))
        _stdout_console(_UNBOUNDED).print(table)

    def print_table(
        self, items: Iterable[Mapping[str, Any]], columns: Sequence[str]
    ) -> None:
        """Print a list: as NDJSON, or a table of the fields in *columns*."""
        if self.json:
            for item in items:
                self.print_json(item)
            return
        console = _stdout_console()
        format_value = _format_cell_short if console.is_terminal else format_cell
        table = Table(box=box.SIMPLE_HEAD, pad_edge=False, collapse_padding=True)
        for name in columns:
            # An id that is cut is of no use to anybody.
            is_id = name.lower().endswith("id")
            table.add_column(name, no_wrap=is_id, overflow="fold")
        for item in items:
            table.add_row(*(Text(format_value(item.get(name))) for name in columns))
        console.print(table)

    async def print_stream(
        self, items: AsyncIterator[Mapping[str, Any]], columns: Sequence[str]
    ) -> None:
        """Print a list that comes page by page; as NDJSON, each as it comes."""
        if not self.json:
            self.print_table([item async for item in items], columns)
            return
        async for item in items:
            self.print_json(item)


#: A parameter that the program fills in, not the user.
InjectedContext = Annotated[CliContext, Parameter(parse=False)]


def strip_unprintable(text: str) -> str:
    """Return *text* without control characters: devices send anything."""
    return "".join(c if c.isprintable() or c == "\n" else "�" for c in text)


def format_cell(value: Any) -> str:
    """Return a value as people read it in a table."""
    if value is None:
        return ""
    if isinstance(value, str):
        return strip_unprintable(value)
    if isinstance(value, bool):
        return "yes" if value else "no"
    return strip_unprintable(msgspec.json.encode(value).decode())


def _format_cell_short(value: Any) -> str:
    """Return a value for a narrow table: instants to the second, in two words."""
    return _INSTANT.sub(r"\1 \2Z", format_cell(value))


def _stdout_console(width: int = NON_TTY_WIDTH) -> Console:
    """Return the console for tables; it has this width where there is no terminal."""
    console = Console(file=sys.stdout)
    if not console.is_terminal:
        console.width = width
    return console
