"""The command line: a table of small functions, each of which returns an exit code.

0 is done, 1 is refused or not successful, 2 is a wrong use of the command line.
"""

import asyncio
import inspect
import os
import sys
from collections.abc import Mapping, Sequence
from typing import Annotated

from cyclopts import App, CycloptsError, Parameter

from pushserver import __version__
from pushserver.cli import (
    commands,
    devices,
    doctor,
    enqueue,
    events,
    migrate_store,
    openapi,
    operations,
    purge,
    results,
    scopes,
    serve,
    shadow,
    simulate,
    subscriptions,
    tasks,
    tokens,
    upgrades,
)
from pushserver.cli.context import CliContext, CliError, UsageError
from pushserver.client import ApiError, ClientError
from pushserver.errors import PushServerError

EXIT_FAILURE = 1
EXIT_USAGE = 2
EXIT_INTERRUPTED = 130
HTTP_UNAUTHORIZED = 401


def main(
    argv: Sequence[str] | None = None, environ: Mapping[str, str] | None = None
) -> int:
    """Run the command line *argv*; return the exit code."""
    argv = sys.argv[1:] if argv is None else argv
    environ = os.environ if environ is None else environ
    try:
        return _run(list(argv), environ)
    except (CycloptsError, UsageError) as usage_error:
        return _print_error(f"{str(usage_error).rstrip('. ')}. See --help.", EXIT_USAGE)
    except (ClientError, PushServerError, CliError, OSError) as failure:
        return _report_failure(failure)
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED


def _run(argv: list[str], environ: Mapping[str, str]) -> int:
    """Parse the options that every command takes, then run the command."""
    app = _build_app()

    @app.meta.default
    def launch(
        *tokens: Annotated[str, Parameter(show=False, allow_leading_hyphen=True)],
        server: str | None = None,
        token: str | None = None,
        json: Annotated[bool, Parameter(negative=())] = False,
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
        """
        context = CliContext.from_flags(environ, server=server, token=token, json=json)
        return _run_command(app, tokens, context)

    exit_code = app.meta(
        enqueue.expand_wait_flag(argv), exit_on_error=False, print_error=False
    )
    return exit_code if isinstance(exit_code, int) else 0


def _run_command(app: App, tokens: Sequence[str], context: CliContext) -> int:
    command, bound, unparsed = app.parse_args(
        tokens, exit_on_error=False, print_error=False
    )
    outcome = command(*bound.args, **bound.kwargs, **dict.fromkeys(unparsed, context))
    if inspect.iscoroutine(outcome):
        outcome = asyncio.run(outcome)
    return outcome if isinstance(outcome, int) else 0


def _build_app() -> App:
    """Return the table of commands."""
    app = App(
        name="pushserver",
        help="The command server for devices that can only poll.",
        version=__version__,
        result_action="return_value",
        suppress_keyboard_interrupt=False,
    )
    app.command(serve.serve)
    app.command(enqueue.enqueue)
    app.command(commands.app)
    app.command(results.results)
    app.command(operations.app)
    app.command(tasks.app)
    app.command(upgrades.app)
    app.command(shadow.app)
    app.command(subscriptions.app)
    app.command(events.events)
    app.command(devices.app)
    app.command(tokens.app)
    app.command(scopes.app)
    app.command(purge.purge)
    app.command(migrate_store.migrate_store)
    app.command(simulate.simulate)
    app.command(doctor.doctor)
    app.command(openapi.openapi)
    return app


def _report_failure(failure: Exception) -> int:
    if isinstance(failure, BrokenPipeError):
        # The reader has had enough; nor may the interpreter flush into the pipe.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return EXIT_FAILURE
    hint = ""
    if isinstance(failure, ApiError) and failure.status == HTTP_UNAUTHORIZED:
        hint = " Give --token or set PUSHSERVER_TOKEN."
    return _print_error(f"{failure}{hint}", EXIT_FAILURE)


def _print_error(text: str, code: int) -> int:
    """Say in one line what is wrong."""
    sys.stderr.write(f"pushserver: {' '.join(text.split())}\n")
    return code
