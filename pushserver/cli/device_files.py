"""`pushserver devices import` and `export`: the fleet as a file."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import mkstemp
from typing import Annotated, BinaryIO, Literal

from cyclopts import Parameter

from pushserver.cli.context import CliError, InjectedContext
from pushserver.cli.device_filters import ANY_DEVICE, DeviceFiltersArg
from pushserver.cli.json_files import STDIN
from pushserver.client import CSV, NDJSON, ApiError

STDOUT = "-"
#: The server names no more wrong lines of a file.
MAX_LINE_ERRORS = 100
_CONTENT_TYPES = {"csv": CSV, "ndjson": NDJSON}

Switch = Annotated[bool, Parameter(negative=())]


def _refuse_option(_type: object, name: str) -> None:
    if name.startswith("-") and name != STDIN:
        raise ValueError(f"Unknown option: {name}")


#: The name of a file; only `-` begins like an option.
FileArgument = Annotated[
    str, Parameter(allow_leading_hyphen=True, validator=_refuse_option)
]
#: What a file is; without it, its name says so.
Format = Literal["csv", "ndjson"] | None


async def import_(
    file: FileArgument,
    /,
    *,
    format: Format = None,  # noqa: A002 - the option's name
    dry_run: Switch = False,
    context: InjectedContext,
) -> int:
    """
    Create or update devices from a file.

    Parameters
    ----------
    file
        CSV if it is named so, else one JSON object a line; - is the standard input.
    format
        csv or ndjson, whatever the file is called.
    dry_run
        Change nothing: say what would be created and updated.
    """
    content, content_type = _read(file), _content_type(file, format)
    async with context.client() as client:
        try:
            imported = await client.devices.import_file(
                content, content_type, dry_run=dry_run
            )
        except ApiError as error:
            for each in error.lines:
                pointer = f" ({each['pointer']})" if "pointer" in each else ""
                context.print_note(f"{file}:{each['line']}: {each['detail']}{pointer}")
            if not error.lines:
                raise
            raise CliError(_how_many(len(error.lines))) from None
    context.print_fields(imported)
    return 0


async def export(
    file: FileArgument = STDOUT,
    /,
    *,
    format: Format = None,  # noqa: A002 - the option's name
    filters: DeviceFiltersArg = ANY_DEVICE,
    context: InjectedContext,
) -> int:
    """
    Write the devices into a file that an import takes.

    Parameters
    ----------
    file
        CSV if it is named so, else one JSON object a line; - is the standard output.
    format
        csv or ndjson, whatever the file is called.
    filters
        Which ones; without a state those that are adopted.
    """
    content_type = _content_type(file, format)
    async with context.client() as client:
        chunks = client.devices.export_file(content_type, **filters.query_params())
        with open_target(file) as target:
            async for chunk in chunks:
                target.write(chunk)
    return 0


def _read(file: str) -> bytes:
    return sys.stdin.buffer.read() if file == STDIN else Path(file).read_bytes()


def _how_many(wrong: int) -> str:
    """Return the summary of a refused file, whose wrong lines were told before."""
    lines = "1 line is" if wrong == 1 else f"{wrong} lines are"
    at_least = " at least" if wrong == MAX_LINE_ERRORS else ""
    return f"{lines} wrong{at_least}; nothing was imported."


def _content_type(file: str, format_: Format) -> str:
    if format_ is not None:
        return _CONTENT_TYPES[format_]
    return CSV if file.lower().endswith((".csv", ".tsv")) else NDJSON


@contextmanager
def open_target(file: str) -> Iterator[BinaryIO]:
    """
    Open a file that is there under its name only when all of it is written.

    Nobody but its owner may read it: it says where which door is.
    """
    if file == STDOUT:
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
        return
    folder, name = os.path.split(file)
    # Each has a name of its own: another export to this file may be under way.
    descriptor, partial = mkstemp(".partial", f"{name}.", folder or os.curdir)
    try:
        with os.fdopen(descriptor, "wb") as target:
            yield target
            target.flush()
            os.fsync(target.fileno())
        Path(partial).replace(file)
    except BaseException:
        Path(partial).unlink()
        raise
