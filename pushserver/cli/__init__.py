"""The command line: a table of small functions, each of which returns an exit code.

0 is done, 1 is refused or not successful, 2 is a wrong use of the command line, 130 is
Ctrl-C.
"""

import inspect
import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Annotated

from cyclopts import App, CycloptsError, Parameter

from pushserver import __version__
from pushserver.cli.choices import choose
from pushserver.cli.context import (
    DEFAULT_OUTPUT,
    CliContext,
    CliError,
    OutputOptionsArg,
    UsageError,
)
from pushserver.cli.errors import MISSHAPEN, describe_misshapen
from pushserver.cli.examples import EXIT_CODES, help_epilogue
from pushserver.cli.standard_files import open_standard_files
from pushserver.errors import PushServerError
from pushserver.interrupts import EXIT_INTERRUPTED, raise_on_interrupt

if TYPE_CHECKING:
    from cyclopts.completion._engine import CompletionContext

EXIT_FAILURE = 1
EXIT_USAGE = 2
HTTP_UNAUTHORIZED = 401
#: What cyclopts answers itself: the scripts of `completion` ask by this name.
_COMPLETE = "__complete"

#: Every command, where it is, and what `--help` says of it. A command is loaded when it
#: is used: all of them, with what they import, take longer than most runs.
COMMANDS = {
    "serve": (
        "serve:serve",
        "Run the server: flags come first, then PUSHSERVER_…, the file, the default.",
    ),
    "settings": (
        "settings:settings",
        "Print each setting: its value, and where that came from; secrets are masked.",
    ),
    "enqueue": ("enqueue:enqueue", "Put a command into a device's queue."),
    "commands": ("commands:app", "List, show, cancel, release and retry commands."),
    "results": (
        "results:results",
        "Print results, oldest first, and on stderr the cursor to go on from.",
    ),
    "operations": ("operations:app", "Begin, list, show and cancel operations."),
    "tasks": ("tasks:app", "Make, list, follow and steer tasks for many devices."),
    "upgrades": ("upgrades:app", "Make, list, follow and steer upgrades of devices."),
    "shadow": ("shadow:app", "Say what should be on devices, and see what is."),
    "subscriptions": (
        "subscriptions:app",
        "Have events posted to a URL; see how that goes, and send again.",
    ),
    "events": (
        "events:events",
        "Print events, oldest first, and on stderr the last one's id to go on from.",
    ),
    "devices": ("devices:app", "List, add, change, adopt, import and export devices."),
    "tokens": ("tokens:app", "List, create and revoke tokens."),
    "scopes": ("scopes:app", "List, create and delete scopes, one for each tenant."),
    "audit": (
        "audit:audit",
        "Print who did what, newest first; the token needs the permission admin.",
    ),
    "purge": (
        "purge:purge",
        "Delete commands that have ended, results, operations and tasks of long ago.",
    ),
    "backup": (
        "backup:backup",
        "Copy the SQLite file to a new one, checked, while the server runs.",
    ),
    "restore": (
        "backup:restore",
        "Put a backup in the database's place; the one before is kept.",
    ),
    "migrate": (
        "migrate:migrate",
        "Do what the database's schema lacks for this release: all of it, or nothing.",
    ),
    "migrate-store": (
        "migrate_store:migrate_store",
        "Copy everything from a SQLite file into an empty PostgreSQL, in one go.",
    ),
    "simulate": (
        "simulate:simulate",
        "Poll a server as a fleet of devices would, with the habits of real firmware.",
    ),
    "doctor": (
        "doctor:doctor",
        "Look at the server, the token and the fleet; exit code 1 if any is wrong.",
    ),
    "stats": (
        "stats:stats",
        "Print how devices, commands, webhooks, the database and its backup are.",
    ),
    "completion": (
        "completion:completion",
        "Print what a shell needs to complete commands, options, ids and other values.",
    ),
    "openapi": ("openapi:openapi", "Print the server's OpenAPI document."),
}


def main(
    argv: Sequence[str] | None = None, environ: Mapping[str, str] | None = None
) -> int:
    """Run the command line *argv*; return the exit code."""
    open_standard_files()
    argv = sys.argv[1:] if argv is None else argv
    environ = os.environ if environ is None else environ
    try:
        return _run(list(argv), environ)
    except (CycloptsError, UsageError) as usage_error:
        text = _describe_usage(usage_error).rstrip(". ")
        return _print_error(f"{text}. See --help.", EXIT_USAGE)
    except (PushServerError, CliError, OSError) as failure:
        return _report_failure(failure)
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED


def _run(argv: list[str], environ: Mapping[str, str]) -> int:
    """Run the command that *argv* names."""
    app = build_app(argv)
    add_launcher(app, environ)
    if "--wait" in argv:
        # Only `enqueue` and what else waits takes it.
        from pushserver.cli.enqueue import expand_wait_flag  # noqa: PLC0415

        argv = expand_wait_flag(argv)
    code = app.meta(argv, exit_on_error=False, print_error=False)
    return code if isinstance(code, int) else 0


def add_launcher(app: App, environ: Mapping[str, str]) -> None:
    """Add to *app* the options that every command takes, and what runs a command."""

    @app.meta.default
    def launch(
        *tokens: Annotated[str, Parameter(show=False, allow_leading_hyphen=True)],
        server: str | None = None,
        token: str | None = None,
        json: Annotated[bool, Parameter(negative=())] = False,
        output: OutputOptionsArg = DEFAULT_OUTPUT,
    ) -> int:
        """
        Run one command.

        Parameters
        ----------
        server
            The server's address; else PUSHSERVER_SERVER, else http://127.0.0.1:8080.
        token
            A token of its API; else PUSHSERVER_TOKEN.
        json
            Print JSON: one object a line for lists, else one object.
        output
            What tables show.
        """
        context = CliContext.from_flags(
            environ, server=server, token=token, json=json, output=output
        )
        return _run_command(app, tokens, context)


def _run_command(app: App, tokens: Sequence[str], context: CliContext) -> int:
    command, bound, unparsed = app.parse_args(
        tokens, exit_on_error=False, print_error=False
    )
    if tokens[:1] == [_COMPLETE]:
        # Somebody waits for it at every press of Tab.
        return command(*bound.args, **bound.kwargs) or 0
    # Print help and refuse wrong usage without loading what calls a server.
    import asyncio  # noqa: PLC0415

    from pushserver.client import ApiError, ClientError  # noqa: PLC0415

    raise_on_interrupt()
    outcome = None
    try:
        outcome = command(
            *bound.args, **bound.kwargs, **dict.fromkeys(unparsed, context)
        )
        if inspect.iscoroutine(outcome):
            outcome = asyncio.run(outcome)
    except ClientError as error:
        unauthorized = isinstance(error, ApiError) and error.status == HTTP_UNAUTHORIZED
        hint = " Give --token or set PUSHSERVER_TOKEN." if unauthorized else ""
        raise CliError(f"{error}{hint}") from error
    except MISSHAPEN as error:
        if not inspect.iscoroutine(outcome):  # it calls no server
            raise
        raise CliError(f"{describe_misshapen(error)} Is a pushserver there?") from error
    return outcome if isinstance(outcome, int) else 0


def build_app(argv: Sequence[str] = ()) -> App:
    """Return the table of commands; one in *argv* says itself what its help is."""
    app = App(
        name="pushserver",
        help="The command server for devices that can only poll.",
        version=__version__,
        result_action="return_value",
        suppress_keyboard_interrupt=False,
        default_parameter=Parameter(completer=_complete),
    )
    for name, (place, summary) in COMMANDS.items():
        help_ = None if name in argv else summary
        app.command(f"pushserver.cli.{place}", name=name, help=help_)
    named = next((each for each in argv if each in COMMANDS), None)
    if not {"--help", "-h"}.isdisjoint(argv) or not argv:
        app.help_epilogue = help_epilogue(named) if named else EXIT_CODES
    return app


def _complete(context: "CompletionContext") -> Iterable[tuple[str, str]]:
    """Return what may stand where the cursor is; loaded when a shell asks."""
    from pushserver.cli.completion import complete  # noqa: PLC0415

    return complete(context)


def _describe_usage(error: CycloptsError | UsageError) -> str:
    """Return what is wrong with a line: of a wrong word, which ones there are."""
    words = getattr(error, "unused_tokens", None)
    app = getattr(error, "app", None)
    if not words or app is None or str(words[0]).startswith("-"):
        return str(error)
    commands = [name for name in app if not name.startswith("-")]
    if not commands:
        return f"{' '.join(words)!r} is too much: nothing more is taken here"
    try:
        return choose(words[0], commands, "command")
    except UsageError as wrong_word:
        return str(wrong_word)


def _report_failure(failure: Exception) -> int:
    if isinstance(failure, BrokenPipeError):
        # The reader has had enough; nor may the interpreter flush into the pipe.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return EXIT_FAILURE
    return _print_error(_describe_failure(failure), EXIT_FAILURE)


def _describe_failure(failure: Exception) -> str:
    if isinstance(failure, OSError) and failure.filename is not None:
        # Python's own text begins with `[Errno 2]`.
        return f"{failure.filename}: {failure.strerror}."
    return str(failure)


def _print_error(text: str, code: int) -> int:
    """Say in one line what is wrong; a server's words cannot steer the terminal."""
    line = "".join(c if c.isprintable() else "�" for c in " ".join(text.split()))
    sys.stderr.write(f"pushserver: {line}\n")
    return code
