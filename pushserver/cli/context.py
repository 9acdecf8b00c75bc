"""The context of every command: the server, the token, and how to print."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any, Self

import attrs
from cyclopts import Parameter

from pushserver.cli.errors import CliError, UsageError
from pushserver.cli.printing import Printer
from pushserver.secret_files import read_secret

if TYPE_CHECKING:
    from pushserver.client import Client

__all__ = ["CliContext", "CliError", "InjectedContext", "UsageError"]

DEFAULT_SERVER = "http://127.0.0.1:8080"


@Parameter(name="*")
@attrs.frozen(kw_only=True)
class OutputOptions:
    """What tables show."""

    utc: Annotated[bool, Parameter(negative=())] = False
    "Show instants, not how long ago they were."
    wide: Annotated[bool, Parameter(negative=())] = False
    "Show every column, and nothing cut, however wide that is."
    columns: str | None = None
    "Show these columns, with commas: id,device,state; a wrong one lists them."

    def printer_fields(self) -> dict[str, Any]:
        """Return the options as the printer takes them."""
        columns = tuple(filter(None, (self.columns or "").split(",")))
        return {"utc": self.utc, "wide": self.wide, "columns": columns}


OutputOptionsArg = Annotated[OutputOptions, Parameter(name="*")]
DEFAULT_OUTPUT = OutputOptions()


@attrs.frozen(kw_only=True)
class CliContext(Printer):
    """Server, token and output format of one run."""

    server: str
    token: str | None = attrs.field(repr=False)

    @classmethod
    def from_flags(
        cls,
        environ: Mapping[str, str],
        *,
        server: str | None,
        token: str | None,
        json: bool,
        output: OutputOptions = DEFAULT_OUTPUT,
    ) -> Self:
        """Take each value from its flag, else the environment, else the default."""
        server = server or environ.get("PUSHSERVER_SERVER") or DEFAULT_SERVER
        if "://" not in server:
            server = f"http://{server}"
        if json and output.columns:
            raise UsageError("--columns is for people; with --json there is all.")
        token = token or read_secret(environ, "PUSHSERVER_TOKEN")
        return cls(
            environ=environ,
            server=server,
            token=token,
            json=json,
            **output.printer_fields(),
        )

    def client(self) -> "Client":
        """Return a client for the server; to be used with `async with`."""
        # `serve` and help do without it, and start faster for that.
        from pushserver.client import Client  # noqa: PLC0415

        # Whoever looks on learns at once that the server is away.
        return Client(self.server, self.token, retry_for=0)


#: A parameter that the program fills in, not the user.
InjectedContext = Annotated[CliContext, Parameter(parse=False)]
